"""An encoder as one safetensors file that says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from featkit.core.errors import InputError
from featkit.core.files import whole_file
from featkit.core.provenance import json_sha256
from featkit.encoders.encoder import Encoder
from featkit.encoders.registry import ENCODERS
from featkit.encoders.transform import Transform
from featkit.encoders.weights import load_weights

_KEY = "featkit_encoder"


def save_encoder(encoder: Encoder, path: str | Path) -> Path:
    """Write weights and description to one ``.safetensors`` file, whole or not at all.

    Parameters
    ----------
    encoder : Encoder
        What is written; it may be on any device.
    path : str or Path
        Ends in ``.safetensors``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the disk is full or read-only.

    Examples
    --------
    >>> save_encoder(load_encoder("tiny"), "tiny.safetensors")  # doctest: +SKIP
    """
    from safetensors.torch import save_file

    path = Path(path)
    tensors = {k: v.detach().cpu().contiguous() for k, v in encoder.network.state_dict().items()}
    record = encoder.describe()
    with whole_file(path) as partial:  # one key: the order of several in the file is random
        save_file(tensors, partial, metadata={_KEY: json.dumps([record, json_sha256(record)])})
    return path


def restore_encoder(path: str | Path) -> Encoder:
    """Return the encoder that `save_encoder` wrote.

    Parameters
    ----------
    path : str or Path
        The file, or the folder that holds it as ``encoder.safetensors``.

    Returns
    -------
    Encoder
        In eval mode, on the CPU.

    Raises
    ------
    InputError
        If the file is missing, unreadable or was not written by featkit, or it is not as it was written.

    Examples
    --------
    >>> restore_encoder("runs/grl/100X/seed0/checkpoint").n_dimensions  # doctest: +SKIP
    192
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    path = path / "encoder.safetensors" if path.is_dir() else path
    if not path.is_file():
        raise InputError("encoder must be a saved file", f"nothing at {path}", "Check the path")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise InputError(
            "encoder must be a readable safetensors file", f"{path.name}: {error}", "Save it again"
        ) from None
    if _KEY not in metadata:
        raise InputError(
            "a weights file alone must say its architecture",
            path.name,
            f"Name it: --encoder timm:NAME --weights {path}",
        )
    record = _description(metadata[_KEY], path)
    network = ENCODERS[record["family"]].build(record["architecture"], record["arguments"])
    load_weights(network, tensors, what=f"the encoder that {path} describes")
    encoder = Encoder(
        network,
        Transform.from_dict(record["transform"]),
        name=record["name"],
        family=record["family"],
        architecture=record["architecture"],
        arguments=record["arguments"],
        weights=record["weights"],
    )
    if encoder.weights_sha256 != record["weights_sha256"]:
        raise InputError(f"{path} must be as it was written", "weights of another hash", "Copy or save it again")
    return encoder


def _description(text: str, path: Path) -> dict[str, Any]:
    """Return what a file says of its encoder; version 0.1 wrote it without its hash."""
    try:
        found = json.loads(text)
        record, sha256 = found if isinstance(found, list) else (found, json_sha256(found))
    except ValueError:
        record, sha256 = {}, ""
    if json_sha256(record) != sha256:
        raise InputError(f"{path} must be as it was written", "a changed description", "Copy or save it again")
    return dict(record)
