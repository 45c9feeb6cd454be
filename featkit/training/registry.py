"""Training methods by name."""

from __future__ import annotations

from featkit.core.registry import Registry

METHODS = Registry(
    "method",
    {
        "baseline": "featkit.training.baseline:Baseline",
        "grl": "featkit.training.grl:GradientReversal",
    },
    entry_points="featkit.methods",
)
