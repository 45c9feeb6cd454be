"""Stores with planted signal: what carries the class and the magnification is known."""

import numpy as np
import polars as pl
import pytest

from featkit.store import write_store

DOMAINS = ("40X", "100X", "200X", "400X")
CLASS_DIMENSIONS = (3, 11, 27)
DOMAIN_DIMENSIONS = (5, 19)


@pytest.fixture(scope="session")
def planted():
    """Return embeddings (400, 40), their table, and which dimensions carry class and magnification."""
    random = np.random.default_rng(7)
    patient = np.repeat(np.arange(20), 20)
    place = np.tile(np.repeat(np.arange(4), 5), 20)
    y = patient % 2
    X = random.normal(size=(400, 40)) + 0.3 * random.normal(size=(20, 40))[patient]
    X[:, CLASS_DIMENSIONS] += 1.6 * y[:, None]
    X[:, DOMAIN_DIMENSIONS] += 1.5 * place[:, None]
    X[:, 39] = 1.0
    rows = pl.DataFrame(
        {
            "patch_id": [f"p{i}" for i in range(400)],
            "label": [("benign", "malignant")[k] for k in y],
            "patient": [f"case{p:02d}" for p in patient],
            "magnification": [DOMAINS[k] for k in place],
        }
    )
    return X.astype(np.float32), rows


THREE = ("adenosis", "ductal, in situ", "lobular")


@pytest.fixture(scope="session")
def three_classes():
    """Return embeddings (600, 24) of three classes, their table, class indices, and a head's probabilities (600, 3).

    Dimensions 3, 11 and 17 each speak for one class. One name holds a comma and spaces, as labels do.
    """
    random = np.random.default_rng(11)
    patient = np.repeat(np.arange(30), 20)
    y = patient % 3
    X = random.normal(size=(600, 24)) + 0.3 * random.normal(size=(30, 24))[patient]
    for k, dimension in enumerate((3, 11, 17)):
        X[:, dimension] += 1.8 * (y == k)
    rows = pl.DataFrame(
        {
            "patch_id": [f"q{i}" for i in range(600)],
            "label": [THREE[k] for k in y],
            "patient": [f"case{p:02d}" for p in patient],
            "magnification": [DOMAINS[k] for k in np.tile(np.repeat(np.arange(4), 5), 30)],
        }
    )
    odds = np.exp(random.normal(size=(600, 3)) + 1.5 * np.eye(3)[y])
    return X.astype(np.float32), rows, y, (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def make_store(planted, tmp_path):
    """Return a function that writes the planted store, or one made from it."""

    def make(name="planted", X=None, rows=None, probabilities=None, **provenance):
        return write_store(
            tmp_path / f"{name}.zarr",
            planted[0] if X is None else X.astype(np.float32),
            planted[1] if rows is None else rows,
            {"encoder": "made", "weights_sha256": "0" * 64, **provenance},
            probabilities=probabilities,
            classes=None if probabilities is None else ["benign", "malignant"],
        )

    return make


@pytest.fixture(scope="session")
def head(planted):
    """Return class probabilities (400, 2) of a head that knows the class, not perfectly and too surely."""
    y = (planted[1]["label"] == "malignant").to_numpy()
    z = np.random.default_rng(3).normal(1.2 * (2 * y - 1), 1.0) * 6
    p = 1 / (1 + np.exp(-np.clip(z, -9, 9)))
    return np.column_stack([1 - p, p]).astype(np.float32)


@pytest.fixture
def workspace_of(planted, tmp_path, monkeypatch):
    """Return a function that makes a workspace of stores by (method, seed), all of one fold, and enters it."""

    def make(stores, fold="100X", probabilities=None, rows=None, classes=("benign", "malignant")):
        root = tmp_path / "study"
        root.mkdir()
        seeds = sorted({seed for _, seed in stores})
        (root / "featkit.toml").write_text(
            f"[split]\nfolds = ['{fold}']\n[train]\nseeds = {seeds}\n[evaluate]\nn_draws = 200\n"
            "[probe]\nn_permutations = 39\n"
        )
        for (method, seed), X in stores.items():
            write_store(
                root / "runs" / method / fold / f"seed{seed}" / "embeddings.zarr",
                X.astype(np.float32),
                planted[1] if rows is None else rows,
                {"encoder": "made", "weights_sha256": f"{method}{seed}", "method": method, "fold": fold, "seed": seed},
                probabilities=None if probabilities is None else probabilities[method, seed],
                classes=None if probabilities is None else list(classes),
            )
        monkeypatch.chdir(root)
        return root

    return make
