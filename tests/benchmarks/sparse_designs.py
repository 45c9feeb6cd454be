"""Designs shaped like post-ReLU embeddings, for the benchmarks of the sparse engine."""

from __future__ import annotations

import numpy as np


def embeddings(n: int, d: int, n_patients: int = 80, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a standardised float32 design shaped like post-ReLU embeddings of patches, labels and patients."""
    random = np.random.default_rng(seed)
    k = 64
    loadings = random.standard_normal((k, d)) * np.exp(-0.05 * np.arange(k))[:, None]
    patient = random.integers(0, n_patients, n)
    label = (np.arange(n_patients) % 10 < 7).astype(np.int64)
    centre = random.standard_normal((n_patients, k))
    centre[:, :12] += label[:, None] * random.standard_normal(12)
    latent = (centre[patient] + random.standard_normal((n, k))).astype(np.float32)
    X = (0.5 * latent @ loadings.astype(np.float32)).astype(np.float32)
    X += 1.5 * random.standard_normal((n, d), dtype=np.float32) + random.normal(-0.7, 0.7, d).astype(np.float32)
    np.maximum(X, 0, out=X)
    X -= X.mean(axis=0)
    X /= np.maximum(X.std(axis=0), 1e-6)
    return np.asfortranarray(X), label[patient], patient


def tumour_types(n: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the design of `embeddings` with eight classes of unequal size that shift it, by patient."""
    X, _, patient = embeddings(n, d)
    random = np.random.default_rng(seed)
    label = random.permutation(np.repeat(np.arange(8), [34, 14, 8, 6, 6, 5, 4, 3]))[patient]
    loadings = random.standard_normal((24, d)) * np.exp(-0.05 * np.arange(24))[:, None]
    X = X + (0.35 * random.standard_normal((8, 24))[label] @ loadings / np.sqrt(24)).astype(np.float32)
    return np.asfortranarray((X - X.mean(axis=0)) / X.std(axis=0), dtype=np.float32), label
