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
from featkit.encoders.weights import SUFFIXES, read_weights

_FILES = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors")  # timm's names, in timm's order
_NOT_ARCHITECTURE = ("state_dict", "file", "url", "source", "hf_hub_id", "hf_hub_filename", "label_names")
_ADVICE = (
    "Fetch the file where there is a connection and pass it with --weights PATH (in a workspace: weights of "
    "[encoder]), or use the encoder tiny"
)


class TimmFamily:
    """The entry ``timm`` of `featkit.encoders.ENCODERS`: any timm architecture by name."""

    @staticmethod
    def load(name: str, *, weights: str | None, offline: bool, seed: int) -> Encoder:
        """Return a timm encoder with pretrained weights, weights from a file, or random ones."""
        check_timm_name(name)
        if weights is None and (offline or not _is_hub_reachable()):
            weights = _cached_weights(name)
        if weights == "random":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive_seed(seed, "encoder", name))
                network = _create(name, {})
            return _encoder(network, name, {}, f"timm:{name}", f"random (seed {seed})")
        if weights is not None:
            network = _with_weights(name, {}, Path(weights))
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


def check_timm_name(name: str) -> None:
    """Refuse a name that timm does not have, with the nearest that it has."""
    if not is_known(name):
        import timm

        close = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.6)
        fix = f"Did you mean {', '.join(close)}" if close else "timm.list_models() names them all"
        raise InputError("encoder must be a timm model", repr(name), fix)


def _create(source: str, arguments: dict[str, Any], **more: Any) -> nn.Module:
    """Build a timm model without head; ``source`` is an architecture or "local-dir:FOLDER"."""
    with _quiet():
        import timm

        return timm.create_model(source, **{**arguments, "num_classes": 0}, **more)


def _with_weights(architecture: str, arguments: dict[str, Any], path: Path) -> nn.Module:
    """Build a timm model with weights from a file: renamed as timm does, the head dropped, the rest all used.

    timm itself loads leniently once it drops a head, and leaves what the file lacks random: so the head goes first.
    """
    tensors = read_weights(path)
    classifier = _create(architecture, arguments).pretrained_cfg.get("classifier") or _registered_classifier(
        architecture
    )
    heads = tuple(f"{name}." for name in ((classifier,) if isinstance(classifier, str) else classifier))
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(heads)}
    overlay = {"state_dict": kept, "num_classes": 0, "label_offset": 0, "custom_load": False}
    try:
        network = _create(architecture, arguments, pretrained=True, pretrained_cfg_overlay=overlay)
    except (RuntimeError, KeyError) as error:
        raise InputError(
            f"weights must fit {architecture}", f"{path.name}: {error}"[:300], "Name their architecture"
        ) from None
    network.pretrained_cfg.pop("state_dict", None)
    return network


def _registered_classifier(architecture: str) -> str | tuple[str, ...]:
    """Return the name of an architecture's head as timm registers it: not every folder's configuration has it."""
    from timm.models import get_pretrained_cfg

    return getattr(get_pretrained_cfg(architecture), "classifier", None) or ()


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
    """Turn whatever a download raises into one line that says what to do."""
    try:
        with _quiet():
            yield
    except InputError:
        raise
    except Exception as error:  # the hub's client raises its own, its transport's and the system's errors
        raise InputError(
            f"weights of {spec} must be reachable",
            _reason(error),
            f"If they are gated, ask for access on the model's page and set HF_TOKEN. {_ADVICE}",
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
    """Return the encoder of a folder as timm reads it: architecture, input size and arguments of its ``config.json``.

    What timm made of the configuration is kept as arguments, so that a saved encoder is built again without the folder.
    """
    folder = path if path.is_dir() else path.parent
    config = folder / "config.json"
    if not config.is_file():
        raise InputError(
            f"weights of {spec} must lie beside their config.json",
            f"none in {folder}",
            "Fetch both files of the model into one folder and pass it with --weights FOLDER",
        )
    weights = path if path.is_file() else _weights_in(folder)
    try:
        found = json.loads(config.read_text(encoding="utf-8"))
        bare = _create(f"local-dir:{folder}", {})
        arguments = {**(found.get("model_args") or {}), "pretrained_cfg": _plain(bare.pretrained_cfg)}
        architecture = found["architecture"]
    except Exception as error:  # timm raises whatever it meets, assertions among them
        raise InputError(
            "config.json must be a timm model's", f"{config}: {_reason(error)}", "Use models published for timm"
        ) from None
    network = _with_weights(architecture, arguments, weights)
    return _encoder(network, architecture, arguments, spec, "pretrained" if weights != path else str(path))


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Return the part of timm's configuration that says how a model is built, JSON-ready."""
    kept = {k: v for k, v in config.items() if k not in _NOT_ARCHITECTURE and v is not None}
    return dict(json.loads(json.dumps(kept, default=str)))


def _weights_in(folder: Path) -> Path:
    named = [folder / name for name in _FILES if (folder / name).is_file()]
    others = sorted(p for ending in SUFFIXES for p in folder.glob(f"*{ending}"))
    if not named and len(others) != 1:
        got = "none of them" if not others else f"{len(others)} other files of weights"
        raise InputError(f"{folder} must hold one of {', '.join(_FILES)}", got, "Name one file with --weights FILE")
    return (named or others)[0]


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
    raise InputError(f"offline, and the weights of timm:{name} are not cached", None, _ADVICE)


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
        f"offline, and hf-hub:{name} is not cached",
        None,
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


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the messages of timm and of the hub's client from the user's terminal."""
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
