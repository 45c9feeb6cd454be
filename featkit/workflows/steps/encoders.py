"""The encoder a workspace names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.workspace import Workspace

if TYPE_CHECKING:
    from featkit.encoders import Encoder


def workspace_encoder(
    workspace: Workspace,
    *,
    encoder: str | None = None,
    weights: str | Path | None = None,
    offline: bool = False,
    seed: int = 0,
) -> Encoder:
    """Return the encoder of ``[encoder]``, or the one named instead; files there are relative to the workspace.

    Weights in ``[encoder]`` belong to the encoder named there, so another encoder comes with its own.
    """
    from featkit.encoders import load_encoder

    settings = workspace.config.encoder
    if encoder is None:
        encoder = _from_root(workspace, settings.name)
        weights = weights or _from_root(workspace, settings.weights)
    return load_encoder(encoder, weights=weights or None, offline=offline or settings.offline, seed=seed)


def _from_root(workspace: Workspace, name: str) -> str:
    path = workspace.root / name
    return str(path) if name and path.exists() else name
