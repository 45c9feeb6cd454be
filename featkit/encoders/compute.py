"""Where a network runs and at which precision."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

import torch

from featkit.core.errors import InputError, did_you_mean
from featkit.core.options.training import check_device

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called ``name``; ``auto`` takes a GPU where there is one.

    Raises
    ------
    InputError
        If there is no such device, or this machine has none.
    """
    check_device(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:160]
        raise InputError(f"device {name!r} must be on this machine", reason, "Use auto or cpu") from None
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """Return the precision called ``name``; ``auto`` is float16 on a GPU and float32 elsewhere.

    Raises
    ------
    InputError
        If ``name`` is none of "auto", "float32", "float16", "bfloat16".
    """
    if name == "auto":
        return "float16" if device.type == "cuda" else "float32"
    if name not in PRECISIONS:
        raise InputError("precision must be a known one", repr(name), did_you_mean(name, ("auto", *PRECISIONS)))
    return name


def computing(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the block in which a network computes at ``precision`` (weights stay float32)."""
    if precision == "float32":
        return contextlib.nullcontext()
    block: AbstractContextManager[object] = torch.autocast(device.type, dtype=PRECISIONS[precision])
    return block
