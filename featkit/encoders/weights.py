"""Weights from a file, read without running code in it, and loaded without a tensor left over."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from featkit.core.errors import InputError

_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a weights file.

    Parameters
    ----------
    path : str or Path
        ``.safetensors``, or ``.pth``, ``.pt``, ``.bin`` read with ``weights_only=True``, so that no code in the file
        runs. A state dictionary wrapped as "state_dict" or "model" is unwrapped, a "module." prefix dropped.

    Returns
    -------
    dict of str to tensor
        On the CPU.

    Raises
    ------
    InputError
        If the file is missing, of another kind, or holds anything but weights.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("weights must be a file", path, "Check the path given to --weights")
    if path.suffix not in SUFFIXES:
        raise InputError(f"weights must end in one of {', '.join(SUFFIXES)}", path.name)
    try:
        loaded = _read(path)
    except pickle.UnpicklingError:
        raise InputError(
            "weights must hold tensors only",
            f"{path.name}, which asks to run code when opened",
            "Save its state dictionary as safetensors where you trust it",
        ) from None
    except Exception as error:  # truncated archives raise many types
        raise InputError(
            "weights must be a readable file", f"{path.name}: {error}", "Copy or download it again"
        ) from None
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
            break
    if not isinstance(loaded, Mapping) or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        raise InputError("weights must be a dictionary of tensors", f"{path.name}", "Save model.state_dict() instead")
    return {str(k).removeprefix("module."): v for k, v in loaded.items()}


def load_weights(network: nn.Module, weights: Mapping[str, torch.Tensor], what: str) -> None:
    """Load ``weights`` into ``network``, every tensor matched by name and shape.

    Raises
    ------
    InputError
        If a tensor is missing, left over, or of another shape; names the first few.
    """
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise InputError(
            f"weights must fit {what}",
            _mismatch(network, weights) or str(error),
            "Name the architecture they belong to",
        ) from None


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _mismatch(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> str:
    wanted = network.state_dict()
    missing = [k for k in wanted if k not in weights]
    extra = [k for k in weights if k not in wanted]
    shapes = [k for k in wanted if k in weights and wanted[k].shape != weights[k].shape]
    found = (("missing", missing), ("left over", extra), ("of another shape", shapes))
    return "; ".join(f"{len(names)} {kind} ({', '.join(names[:3])})" for kind, names in found if names)
