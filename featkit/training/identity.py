"""What decides the weights of a training, so that one is never taken for another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featkit.core.fingerprint import Fingerprint

_SHARED = ("n_epochs", "batch_size", "patience", "selection", "augmentation", "colour_jitter")


def shared_settings(options: Any) -> dict[str, Any]:
    """Return the `TrainOptions` that decide the weights: all but where they are computed, and what else is trained."""
    return {name: getattr(options, name) for name in _SHARED}


def training_fingerprint(record: Mapping[str, Any]) -> Fingerprint:
    """Return what a training was made from.

    The device is no part of it, the precision it computed at is.

    Parameters
    ----------
    record : mapping
        What a checkpoint says of itself, of this version of featkit or of 0.1: ``method``, ``options``, ``training``,
        ``seed``, ``precision``, ``data_sha256`` and ``started_from``.

    Returns
    -------
    Fingerprint
        Equal for two trainings that give the same weights.
    """
    start = record["started_from"]
    inputs = {
        "data": record["data_sha256"],
        "encoder": start["weights_sha256"],
        "transform of the encoder": start["transform_sha256"],
    }
    options = {name: record[name] for name in ("method", "seed", "precision")}
    options |= {name: record["training"][name] for name in _SHARED} | dict(record["options"])
    return Fingerprint(record.get("estimator", "training 1"), inputs, options)
