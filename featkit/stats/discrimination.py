"""How well scores and decisions separate the classes: pure functions on arrays.

Labels ``y`` are 0/1 (class 1 is the class of interest), or 0..K-1 where a function takes (n, K) probabilities. A
decision is for class 1 when the score is at least the threshold; with more than two classes it is the most probable
one, the first of equals. Functions that need both classes raise `InputError` when one is missing.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from featkit.core.arrays import (
    as_binary,
    as_classes,
    as_groups,
    as_numbers,
    as_probabilities,
    as_scores,
    as_two_classes,
    as_weights,
)
from featkit.core.errors import InputError


def auc(y: Any, score: Any, sample_weight: Any = None) -> float:
    """Return the area under the ROC curve: the chance that a positive outscores a negative, ties counting one half.

    Parameters
    ----------
    y : array of {0, 1}, shape (n,)
        Labels.
    score : array of float, shape (n,)
        Any finite score, higher for class 1.
    sample_weight : array of float, shape (n,), optional
        Weights of the patches.

    Returns
    -------
    float
        In [0, 1]; never reflected about 0.5.

    Raises
    ------
    InputError
        If one class is missing (or has no weight), or a score is not finite.
    """
    positive = as_two_classes(y)
    values, weights = as_scores(score, len(positive)), as_weights(sample_weight, len(positive))
    _, tie = np.unique(values, return_inverse=True)
    above = np.bincount(tie, weights=weights * positive)
    below = np.bincount(tie, weights=weights * ~positive)
    pairs = above.sum() * below.sum()
    if pairs == 0:
        raise InputError("both classes must have weight", "none for one class")
    return float(above @ (np.cumsum(below) - below / 2) / pairs)


def auc_one_vs_rest(y: Any, p: Any, average: Literal["macro", "weighted"] = "macro") -> float:
    """Return the mean over classes of the AUC of each class against the others.

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels 0..K-1; every class must occur.
    p : array of float, shape (n, K)
        Class probabilities (or scores).
    average : {"macro", "weighted"}
        Equal weights, or weights in proportion to the class sizes.

    Returns
    -------
    float
        In [0, 1].
    """
    scores, labels = _class_scores(y, p)
    per_class = [auc(labels == k, scores[:, k]) for k in range(scores.shape[1])]
    if average not in ("macro", "weighted"):
        raise InputError("average must be 'macro' or 'weighted'", repr(average))
    weights = np.bincount(labels, minlength=scores.shape[1]) if average == "weighted" else None
    return float(np.average(per_class, weights=weights))


def auc_hand_till(y: Any, p: Any) -> float:
    """Return the M measure of Hand and Till (Machine Learning 45:171, 2001, equation 7).

    The mean over pairs of classes (i, j) of the AUC of ``p[:, i]`` for i against j and of ``p[:, j]`` for j against i;
    unlike one-vs-rest it does not depend on how frequent the classes are.

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels 0..K-1; every class must occur.
    p : array of float, shape (n, K)
        Class probabilities (or scores).

    Returns
    -------
    float
        In [0, 1].
    """
    scores, labels = _class_scores(y, p)
    rows = [np.flatnonzero(labels == k) for k in range(scores.shape[1])]
    areas = []
    for i in range(len(rows)):
        for j in range(len(rows)):
            if i != j:
                pair = np.concatenate([rows[i], rows[j]])
                areas.append(auc(labels[pair] == i, scores[pair, i]))
    return float(np.mean(areas))


def average_precision(y: Any, score: Any, sample_weight: Any = None) -> float:
    """Return the area under the precision-recall steps, ``sum (R_t - R_{t-1}) P_t`` over distinct scores t.

    Parameters
    ----------
    y, score, sample_weight
        As in `auc`.

    Returns
    -------
    float
        In (0, 1]; the share of class 1 is what a constant score gets.
    """
    positive = as_two_classes(y)
    values, weights = as_scores(score, len(positive)), as_weights(sample_weight, len(positive))
    _, tie = np.unique(-values, return_inverse=True)
    here = np.bincount(tie, weights=weights * positive)
    seen = np.cumsum(np.bincount(tie, weights=weights))
    if here.sum() == 0:
        raise InputError("class 1 must have weight", "none")
    used = here > 0
    return float((here * np.cumsum(here))[used] @ (1 / seen[used]) / here.sum())


def decisions(p: Any, threshold: float = 0.5) -> np.ndarray:
    """Return the class decided for each patch, shape (n,): ``p >= threshold``, or the most probable of K classes."""
    values = np.asarray(p, dtype=np.float64)
    return np.argmax(values, axis=1) if values.ndim == 2 and values.shape[1] > 2 else _class_one(values) >= threshold


def confusion(
    y: Any, score: Any, threshold: float = 0.5, sample_weight: Any = None
) -> tuple[float, float, float, float]:
    """Return the (weighted) numbers of true positives, false positives, false negatives and true negatives."""
    positive = as_binary(y)
    weights = as_weights(sample_weight, len(positive))
    called = as_scores(score, len(positive)) >= threshold
    cells = ((positive, called), (~positive, called), (positive, ~called), (~positive, ~called))
    tp, fp, fn, tn = (float(weights[a & b].sum()) for a, b in cells)
    return tp, fp, fn, tn


def accuracy(y: Any, p: Any, threshold: float = 0.5, sample_weight: Any = None) -> float:
    """Return the share of patches decided rightly; ``p`` is (n,) scores of class 1 or (n, K) class probabilities."""
    right = _is_right(y, p, threshold)
    return float(np.average(right, weights=as_weights(sample_weight, len(right))))


def f1(y: Any, score: Any, threshold: float = 0.5, sample_weight: Any = None) -> float:
    """Return F1 of class 1, ``2 TP / (2 TP + FP + FN)``, in [0, 1]; both classes must occur."""
    as_two_classes(y)
    tp, fp, fn, _ = confusion(y, score, threshold, sample_weight)
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn > 0 else float("nan")


def f1_macro(y: Any, p: Any) -> float:
    """Return the mean F1 over the classes that occur among labels or decisions; ``p`` is (n, K)."""
    scores, labels = _class_scores(y, p, need_all=False)
    called = np.argmax(scores, axis=1)
    classes = np.union1d(labels, called)
    return float(
        np.mean(
            [2 * np.sum((labels == k) & (called == k)) / np.sum((labels == k) + 0 + (called == k)) for k in classes]
        )
    )


def balanced_accuracy(y: Any, p: Any, threshold: float = 0.5, sample_weight: Any = None) -> float:
    """Return the mean over classes of the share of their patches decided rightly; at least two classes must occur."""
    right = _is_right(y, p, threshold)
    labels, weights = np.asarray(y).astype(np.int64), as_weights(sample_weight, len(right))
    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError("both classes must occur", f"only class {classes[0]}", "Use accuracy for one class")
    return float(np.mean([np.average(right[labels == k], weights=weights[labels == k]) for k in classes]))


def matthews(y: Any, score: Any, threshold: float = 0.5, sample_weight: Any = None) -> float:
    """Return Matthews' correlation of label and decision, in [-1, 1]; 0 when all decisions are the same."""
    as_two_classes(y)
    tp, fp, fn, tn = confusion(y, score, threshold, sample_weight)
    spread = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / float(np.sqrt(spread)) if spread > 0 else 0.0


def sensitivity_at_specificity(y: Any, score: Any, specificity: float = 0.95) -> tuple[float, float]:
    """Return the highest sensitivity among thresholds whose specificity is at least the one asked, and the threshold.

    Parameters
    ----------
    y, score
        As in `auc`.
    specificity : float
        In [0, 1].

    Returns
    -------
    tuple of float
        Sensitivity in [0, 1], and the score from which on class 1 is decided (infinity when none is).
    """
    if not 0 <= specificity <= 1:
        raise InputError("specificity must lie in [0, 1]", specificity)
    positive = as_two_classes(y)
    values = as_scores(score, len(positive))
    negatives = np.sort(values[~positive])
    candidates = np.append(np.unique(values), np.inf)
    kept_out = np.searchsorted(negatives, candidates, side="left")
    enough = kept_out >= np.ceil(specificity * len(negatives) - 1e-9)
    threshold = float(candidates[np.argmax(enough)])
    return float(np.mean(values[positive] >= threshold)), threshold


def recognition_rate(y: Any, p: Any, groups: Any, threshold: float = 0.5) -> float:
    """Return the mean over patients of the share of the patient's patches decided rightly.

    Spanhol et al., IEEE Transactions on Biomedical Engineering 63:1455, 2016 (patient recognition rate).

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels.
    p : array of float, shape (n,) or (n, K)
        Scores of class 1, or class probabilities.
    groups : array, shape (n,)
        Patient of each patch.
    threshold : float
        Decision threshold for (n,) scores.

    Returns
    -------
    float
        In [0, 1].
    """
    right = _is_right(y, p, threshold)
    _, patient = np.unique(as_groups(groups, len(right)), return_inverse=True)
    return float(np.mean(np.bincount(patient, weights=right) / np.bincount(patient)))


def _class_one(values: np.ndarray) -> np.ndarray:
    return values[:, 1] if values.ndim == 2 else values


def _is_right(y: Any, p: Any, threshold: float) -> np.ndarray:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim == 2:
        values = as_probabilities(values, len(np.asarray(y)))
    if values.ndim == 2:
        return np.argmax(values, axis=1) == as_classes(y, values.shape[1])
    positive = as_binary(y)
    return (as_scores(values, len(positive)) >= threshold) == positive


def _class_scores(y: Any, p: Any, need_all: bool = True) -> tuple[np.ndarray, np.ndarray]:
    scores = as_numbers(p, "class scores")
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise InputError("class scores must have shape (n, K) with K >= 2", f"shape {scores.shape}")
    labels = as_classes(y, scores.shape[1])
    if len(labels) != len(scores) or not np.isfinite(scores).all():
        raise InputError(
            "class scores must be finite, one row for each label", f"{len(scores)} rows, {len(labels)} labels"
        )
    absent = np.setdiff1d(np.arange(scores.shape[1]), labels)
    if need_all and len(absent):
        raise InputError("every class must occur", f"none of class {absent[0]}", "Pool folds or leave the class out")
    return scores, labels
