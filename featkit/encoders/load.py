"""One way in to every encoder."""

from __future__ import annotations

from pathlib import Path

from featkit.core.errors import InputError
from featkit.encoders.encoder import Encoder
from featkit.encoders.registry import ENCODERS


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

    Raises
    ------
    InputError
        If the encoder is unknown, its weights cannot be reached, or they do not fit.

    Examples
    --------
    >>> load_encoder("tiny").n_dimensions
    192
    """
    family, _, name = spec.partition(":")
    chosen = str(weights) if weights is not None else None
    if family in ENCODERS:
        return ENCODERS[family].load(name, weights=chosen, offline=offline, seed=seed)
    if Path(spec).suffix in (".safetensors", ".pth", ".pt", ".bin") or Path(spec).is_dir():
        from featkit.encoders.saved import restore_encoder

        if chosen is not None:
            raise InputError("weights must be given once", f"{spec} and {chosen}", "Drop one of them")
        return restore_encoder(spec)
    if not name:
        from featkit.encoders.timm_models import is_known

        if is_known(spec):
            return ENCODERS["timm"].load(spec, weights=chosen, offline=offline, seed=seed)
    return ENCODERS[family].load(name, weights=chosen, offline=offline, seed=seed)  # refuses, with near names
