"""Encoders from timm and from the Hugging Face hub, by name, by local file, or from the local cache."""

from __future__ import annotations

import contextlib
import difflib
import json
import logging
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from featkit.core.errors import InputError
from featkit.core.seeds import derive_seed
from featkit.encoders.encoder import Encoder
from featkit.encoders.transform import Transform
from featkit.encoders.weights import read_weights

_FILES = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin")
_WAY_OUT = (
    "Fetch the file where there is a connection and pass it with --weights PATH (in a workspace: weights of "
    "[encoder]), or use the encoder tiny"
)


class TimmFamily:
    """The entry ``timm`` of `featkit.encoders.ENCODERS`: any timm architecture by name."""

    @staticmethod
    def load(name: str, *, weights: str | None, offline: bool, seed: int) -> Encoder:
        """Return a timm encoder with pretrained weights, weights from a file, or random ones."""
        if not is_known(name):
            raise InputError("encoder must be a timm model", repr(name), _near(name))
        if weights is None and (offline or not _is_hub_reachable()):
            weights = _cached_weights(name)
        if weights == "random":
            return _random(name, name, {}, f"timm:{name}", seed)
        if weights is not None:
            network = _create(name, {}, weights=weights)
        else:
            with _reaching(f"timm:{name}"):
                network = _create(name, {}, pretrained=True)
        return _encoder(network, name, {}, f"timm:{name}", weights or "pretrained")

    @staticmethod
    def build(architecture: str, arguments: dict[str, Any]) -> nn.Module:
        """Return the network with weights still to be loaded."""
        return _create(architecture, arguments)


class HubFamily:
    """The entry ``hf-hub`` of `featkit.encoders.ENCODERS`: timm models with their configuration on the hub."""

    @staticmethod
    def load(name: str, *, weights: str | None, offline: bool, seed: int) -> Encoder:
        """Return an encoder of ``owner/name``, from the hub, its cache, or a folder with ``config.json``."""
        spec = f"hf-hub:{name}"
        if name.count("/") != 1:
            raise InputError("hub encoder must be given as hf-hub:OWNER/NAME", repr(spec))
        if weights == "random":
            raise InputError(f"{spec} must have weights", "random", "Use timm:ARCHITECTURE with random weights")
        if weights is not None:
            return _from_folder(Path(weights), spec)
        if offline or not _is_hub_reachable():
            return _from_folder(_cached_folder(name), spec)
        return _from_folder(_fetch_folder(name), spec)

    build = TimmFamily.build


def is_known(name: str) -> bool:
    """Return whether timm has a model of that name (with or without a weights tag)."""
    with _quiet():
        import timm

        return bool(timm.is_model(name.partition(".")[0]))


def _create(architecture: str, arguments: dict[str, Any], weights: str | None = None, **more: Any) -> nn.Module:
    """Build a headless timm model; weights from a file pass timm's own renaming and are loaded strictly."""
    with _quiet():
        import timm

        if weights is None:
            return timm.create_model(architecture, **{**arguments, "num_classes": 0}, **more)
        tensors = read_weights(weights)
        bare = timm.create_model(architecture, **{**arguments, "num_classes": 0})
        classifier = bare.pretrained_cfg.get("classifier") or ()
        heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
        tensors = {k: v for k, v in tensors.items() if not k.startswith(tuple(f"{head}." for head in heads))}
        overlay = {"state_dict": tensors, "num_classes": 0, "label_offset": 0, "custom_load": False}
        try:
            network = timm.create_model(
                architecture,
                pretrained=True,
                pretrained_cfg_overlay=overlay,
                **{**arguments, "num_classes": 0},
                **more,
            )
        except (RuntimeError, KeyError) as error:
            raise InputError(
                f"weights must fit {architecture}", f"{Path(weights).name}: {error}"[:300], "Name their architecture"
            ) from None
        network.pretrained_cfg.pop("state_dict", None)
        return network


def _random(name: str, architecture: str, arguments: dict[str, Any], spec: str, seed: int) -> Encoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "encoder", name))
        network = _create(architecture, arguments)
    return _encoder(network, architecture, arguments, spec, f"random (seed {seed})")


def _encoder(network: nn.Module, architecture: str, arguments: dict[str, Any], spec: str, weights: str) -> Encoder:
    from timm.data import resolve_model_data_config

    transform = Transform.from_config(resolve_model_data_config(network))
    return Encoder(
        network,
        transform,
        name=spec,
        family="timm",
        architecture=architecture,
        arguments=arguments,
        weights=weights,
    )


@contextlib.contextmanager
def _reaching(spec: str) -> Iterator[None]:
    """Turn whatever a download raises into one line with the way out."""
    try:
        with _quiet():
            yield
    except InputError:
        raise
    except Exception as error:  # the hub's client raises its own, its transport's and the system's errors
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise InputError(
            f"weights of {spec} must be reachable",
            reason,
            f"If they are gated, ask for access on the model's page and set HF_TOKEN. {_WAY_OUT}",
        ) from None


def _fetch_folder(name: str) -> Path:
    """Fetch configuration and weights of ``owner/name`` and return the folder of the cache they lie in."""
    from huggingface_hub import hf_hub_download, list_repo_files

    with _reaching(f"hf-hub:{name}"):
        present = list_repo_files(name)
        for file in (f for f in _FILES if f in present):
            hf_hub_download(name, file)
            break
        return Path(hf_hub_download(name, "config.json")).parent


def _from_folder(path: Path, spec: str) -> Encoder:
    folder = path if path.is_dir() else path.parent
    config_path = folder / "config.json"
    if not config_path.is_file():
        raise InputError(
            f"weights of {spec} must lie beside their config.json",
            f"none in {folder}",
            "Fetch both files of the model into one folder and pass it with --weights FOLDER",
        )
    weights = path if path.is_file() else next((folder / f for f in _FILES if (folder / f).is_file()), None)
    if weights is None:
        raise InputError(f"{folder} must hold one of {', '.join(_FILES)}", "none of them", "Fetch the weights too")
    try:
        config = json.loads(config_path.read_text(encoding="utf-8"))
        architecture, given = config["architecture"], dict(config.get("pretrained_cfg") or config)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(
            "config.json must be a timm model's", f"{config_path} ({error!r})", "Use models published for timm"
        ) from None
    arguments = dict(config.get("model_args") or {})
    network = _create(architecture, arguments, weights=str(weights))
    data = {k: given[k] for k in ("input_size", "interpolation", "crop_pct", "crop_mode", "mean", "std") if k in given}
    network.pretrained_cfg.update(data)
    return _encoder(network, architecture, arguments, spec, "pretrained" if weights != path else str(path))


def _cached_weights(name: str) -> str:
    from huggingface_hub import try_to_load_from_cache
    from timm.models import get_pretrained_cfg

    with _quiet():
        config = get_pretrained_cfg(name)
    hub_id = getattr(config, "hf_hub_id", None) or ""
    for file in _FILES if hub_id else ():
        found = try_to_load_from_cache(_full_id(hub_id, config), file)
        if isinstance(found, str):
            return found
    raise InputError(f"weights of timm:{name} must be at hand when there is no connection", "none cached", _WAY_OUT)


def _full_id(hub_id: str, config: Any) -> str:
    """Return the repository: timm leaves its own models' names to be filled in ("timm/")."""
    tag = f".{config.tag}" if getattr(config, "tag", "") else ""
    return f"{hub_id}{config.architecture}{tag}" if hub_id.endswith("/") else hub_id


def _cached_folder(name: str) -> Path:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, "config.json")
    if isinstance(found, str):
        return Path(found).parent
    raise InputError(
        f"weights of hf-hub:{name} must be at hand when there is no connection",
        "none cached",
        "Fetch config.json and the weights of the model into one folder and pass it with --weights FOLDER",
    )


def _is_hub_reachable() -> bool:
    """Ask once, so that a machine without a connection does not wait for the client's retries."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _near(name: str) -> str:
    import timm

    close = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.6)
    return f"Did you mean {', '.join(close)}" if close else "timm.list_models() names them all"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the chatter of timm and of the hub's client from the user's terminal."""
    loggers = [logging.getLogger(name) for name in ("timm", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
