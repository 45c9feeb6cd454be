"""One way in to every encoder."""

from __future__ import annotations

from pathlib import Path

from featkit.core.errors import InputError
from featkit.encoders.encoder import Encoder
from featkit.encoders.registry import ENCODERS, Family
from featkit.encoders.weights import SUFFIXES


def load_encoder(spec: str, *, weights: str | Path | None = None, offline: bool = False, seed: int = 0) -> Encoder:
    """Return an encoder in eval mode, on the CPU.

    Parameters
    ----------
    spec : str
        ``tiny`` (built in, small, random until trained), ``timm:NAME`` or a plain timm name, ``hf-hub:OWNER/NAME``, or
        the path of an ``encoder.safetensors`` that featkit saved.
    weights : str or Path, optional
        A local ``.safetensors`` (or ``.pth``, ``.pt``, ``.bin``, opened with ``weights_only=True``); for ``hf-hub:`` a
        folder that also holds the model's ``config.json``. ``"random"`` asks for untrained weights. By default the
        pretrained ones, from the hub or its local cache.
    offline : bool
        Use local files and the cache only.
    seed : int
        Of random weights.

    Returns
    -------
    Encoder
        Network without head, its transform, and who it is.

    Raises
    ------
    InputError
        If the encoder is unknown, its weights cannot be reached, or they do not fit.

    Examples
    --------
    >>> load_encoder("tiny").n_dimensions
    192
    """
    check_encoder(spec)
    family, _, name = spec.partition(":")
    chosen = str(weights) if weights is not None else None
    if family in ENCODERS:
        found: type[Family] = ENCODERS[family]
        return found.load(name, weights=chosen, offline=offline, seed=seed)
    if _is_file(spec):
        from featkit.encoders.saved import restore_encoder

        if chosen is not None:
            raise InputError("weights must be given once", f"{spec} and {chosen}", "Drop one of them")
        return restore_encoder(spec)
    timm: type[Family] = ENCODERS["timm"]
    return timm.load(spec, weights=chosen, offline=offline, seed=seed)


def check_encoder(spec: str) -> None:
    """Refuse a name that no encoder has; nothing is loaded or fetched.

    Parameters
    ----------
    spec : str
        As for `load_encoder`.

    Raises
    ------
    InputError
        If there is no such encoder; names the nearest.

    Examples
    --------
    >>> check_encoder("tyni")
    Traceback (most recent call last):
    ...
    featkit.core.errors.InputError: encoder must be a known name, got 'tyni'. Did you mean 'tiny'? Known: ...
    """
    family, separator, name = spec.partition(":")
    if family == "timm":
        from featkit.encoders.timm_models import check_timm_name

        check_timm_name(name)
    elif family not in ENCODERS and not _is_file(spec):
        from featkit.encoders.timm_models import is_known

        if separator or not is_known(spec):
            ENCODERS[family]  # refuses, with near names


def _is_file(spec: str) -> bool:
    return Path(spec).suffix in SUFFIXES or Path(spec).is_dir()
