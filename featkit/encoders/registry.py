"""Families of encoders, by the name a spec starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from featkit.core.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from featkit.encoders.encoder import Encoder


class Family(Protocol):
    """What an entry of `ENCODERS` provides."""

    @staticmethod
    def load(name: str, *, weights: str | None, offline: bool, seed: int) -> Encoder:
        """Return the encoder ``name`` of this family with its weights."""

    @staticmethod
    def build(architecture: str, arguments: dict[str, Any]) -> nn.Module:
        """Return the network without weights, as `Encoder.describe` recorded it."""


ENCODERS = Registry(
    "encoder",
    {
        "hf-hub": "featkit.encoders.timm_models:HubFamily",
        "timm": "featkit.encoders.timm_models:TimmFamily",
        "tiny": "featkit.encoders.tiny:TinyFamily",
    },
    entry_points="featkit.encoders",
)
