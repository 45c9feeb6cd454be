"""The encoder that options name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.options import EncoderOptions
from featkit.core.workspace import Workspace

if TYPE_CHECKING:
    from featkit.encoders import Encoder


def chosen_encoder(options: EncoderOptions, seed: int = 0) -> Encoder:
    """Return the encoder that ``options`` name, paths relative to the current folder.

    Parameters
    ----------
    options : EncoderOptions
        Its name and weights.
    seed : int
        Of random weights.
    """
    from featkit.encoders import load_encoder

    return load_encoder(options.name, weights=options.weights, offline=options.offline, seed=seed)


def configured_encoder(workspace: Workspace, options: EncoderOptions | None = None) -> EncoderOptions:
    """Return ``[encoder]``, or the one given instead, with its files found; refuse a name that no encoder has.

    Parameters
    ----------
    workspace : Workspace
        Whose files are looked for in its folder.
    options : EncoderOptions, optional
        Whose files are looked for in the current folder first.
    """
    from featkit.encoders import check_encoder

    chosen = workspace.config.encoder if options is None else options
    places = (workspace.root,) if options is None else (Path.cwd(), workspace.root)
    name, weights = (text and _found(text, places) for text in (chosen.name, chosen.weights))
    found = chosen.with_given(name=name, weights=weights)
    check_encoder(found.name)
    return found


def _found(name: str, places: tuple[Path, ...]) -> str:
    return next((str(place / name) for place in places if (place / name).exists()), name)
