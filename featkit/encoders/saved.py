"""An encoder as one safetensors file that says what it is."""

from __future__ import annotations

import json
from pathlib import Path

from featkit.core.errors import InputError
from featkit.encoders.encoder import Encoder
from featkit.encoders.registry import ENCODERS
from featkit.encoders.transform import Transform
from featkit.encoders.weights import load_weights

_KEY = "featkit_encoder"


def save_encoder(encoder: Encoder, path: str | Path) -> Path:
    """Write weights and description to one ``.safetensors`` file, by rename.

    Parameters
    ----------
    encoder : Encoder
    path : str or Path
        Ends in ``.safetensors``; its folder exists.

    Returns
    -------
    Path
    """
    from safetensors.torch import save_file

    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    tensors = {k: v.detach().cpu().contiguous() for k, v in encoder.network.state_dict().items()}
    save_file(tensors, partial, metadata={_KEY: json.dumps(encoder.describe())})
    return partial.replace(path)


def restore_encoder(path: str | Path) -> Encoder:
    """Return the encoder that `save_encoder` wrote.

    Parameters
    ----------
    path : str or Path
        The file, or the folder that holds it as ``encoder.safetensors``.

    Raises
    ------
    InputError
        If the file is missing, unreadable or was not written by featkit, or its weights are not those it names.
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
    record = json.loads(metadata[_KEY])
    network = ENCODERS[record["family"]].build(record["architecture"], record["arguments"])
    load_weights(network, tensors, what=record["name"])
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
        raise InputError("weights must be those the file names", f"another hash in {path.name}", "Copy it again")
    return encoder
