import numpy as np
import polars as pl
import pytest


@pytest.fixture
def rows():
    def make(n):
        return pl.DataFrame(
            {
                "patch_id": [f"p{i}" for i in range(n)],
                "path": [f"images/p{i}.png" for i in range(n)],
                "label": ["benign" if i % 3 else "malignant" for i in range(n)],
                "patient": [f"case {i // 4}" for i in range(n)],
                "magnification": [("40X", "100X")[i % 2] for i in range(n)],
                "mpp": [None if i % 5 == 0 else 0.25 * (1 + i % 2) for i in range(n)],
            }
        )

    return make


@pytest.fixture
def embeddings():
    def make(n, d, seed=0):
        return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)

    return make


@pytest.fixture
def provenance():
    return {
        "encoder": {"name": "tiny", "width": 8},
        "weights_sha256": "ab" * 32,
        "transform": {"resize": [96, 96], "mean": [0.5, 0.5, 0.5], "antialias": True},
        "precision": "float32",
        "batch_size": 32,
        "fold": None,
    }
