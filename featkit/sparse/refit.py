"""A signature fitted again on its support: how it performs, how much of it is needed, what each dimension adds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.options.resampling import Resampling
from featkit.core.progress import track
from featkit.results.estimate import Estimate
from featkit.results.refit import ContributionResult, PerformanceCurve, RefitResult
from featkit.sparse.ridge import RIDGE_CS, LogisticFit, as_training, choose_ridge, fit_logistic
from featkit.stats.draws import prepare_metrics
from featkit.stats.forecasts import Forecasts
from featkit.stats.intervals import estimates, remarks
from featkit.stats.overlap_supports import as_support
from featkit.stats.paired import paired_differences

METRICS = ("auc", "f1", "brier")


@dataclasses.dataclass(frozen=True)
class Halves:
    """Training and test patches that share no patient, checked.

    Parameters
    ----------
    X_train, X_test : ndarray of shape (n_train, d), (n_test, d)
        Embeddings.
    y_train, y_test : ndarray
        Labels 0..K-1; each occurs in training.
    groups_train : ndarray
        Patients.
    groups_test : ndarray or str
        Patients, or the literal ``"patches"``.
    n_test_patients : int
        Different test patients.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    groups_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    groups_test: Any
    n_test_patients: int

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.y_train.max()) + 1


def refit_support(
    X_train: Any,
    y_train: Any,
    groups_train: Any,
    X_test: Any,
    y_test: Any,
    groups_test: Any,
    support: Any,
    *,
    cs: Sequence[float] = RIDGE_CS,
    n_folds: int = 5,
    threshold: float = 0.5,
    n_draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> RefitResult:
    """Fit a support again, without shrinkage and with a ridge penalty, and score both on the test patches.

    The L1 penalty shrinks what it keeps, so a signature's own predictions mix two things: which dimensions were kept,
    and how far they were pulled to zero. These fits keep the first and drop the second.

    Parameters
    ----------
    X_train, X_test : array of shape (n_train, d), (n_test, d)
        Embeddings.
    y_train, y_test : array
        Labels 0..K-1, each of which occurs in training. With K > 2 the fits are multinomial, and the metrics those of
        several classes: mean one-vs-rest AUC, macro F1, Brier score summed over classes.
    groups_train, groups_test : array or "patches"
        Patients; none may be on both sides.
    support : array-like of int or bool
        The dimensions kept.
    cs : sequence of float
        Inverse ridge penalties tried by cross-validation over training patients; a single one is taken as it is.
    n_folds : int
        Folds of that cross-validation.
    threshold : float
        On the probability of class 1, for F1; with several classes the most probable is decided.
    n_draws : int
        Resamples of test patients behind the intervals.
    level : float
        Coverage of the intervals.
    seed : int
        Seed of folds and resamples.

    Returns
    -------
    RefitResult
        Where a linear classifier puts every training patch in its class, the fit without shrinkage does not exist: its
        scores are NaN, a note says so, and the ridge fit stands alone.

    Raises
    ------
    InputError
        If a patient is on both sides, shapes do not go together, or a class does not occur in training.
    """
    halves = as_halves(X_train, y_train, groups_train, X_test, y_test, groups_test)
    kept = as_support(support, halves.X_train.shape[1])
    train = halves.X_train[:, kept].astype(np.float64)
    scoring = _Scoring(threshold, n_draws, level, seed)

    plain = fit_logistic(train, halves.y_train)
    ridge_c = choose_ridge(train, halves.y_train, halves.groups_train, cs=cs, n_folds=n_folds, seed=seed)
    ridge = fit_logistic(train, halves.y_train, ridge_c)
    notes = _fit_notes(plain, ridge, kept)
    shrunk_scores, told = _scores(halves, kept, ridge, scoring)
    notes += told
    if plain.is_separable:
        nothing = Estimate(float("nan"), level=level, n_units=halves.n_test_patients)
        plain_scores = dict.fromkeys(METRICS, nothing)
    else:
        plain_scores, _ = _scores(halves, kept, plain, scoring)
    return RefitResult(
        support=kept,
        unshrunk=plain_scores,
        ridge=shrunk_scores,
        is_separable=plain.is_separable,
        is_converged=plain.is_reliable,
        ridge_c=ridge_c,
        unshrunk_coefficients=np.full_like(plain.coefficients, np.nan) if plain.is_separable else plain.coefficients,
        ridge_coefficients=ridge.coefficients,
        n_train_patches=len(halves.y_train),
        n_test_patches=len(halves.y_test),
        n_train_patients=len(np.unique(halves.groups_train)),
        n_test_patients=halves.n_test_patients,
        notes=tuple(notes),
        n_classes=halves.n_classes,
    )


def performance_curve(
    X_train: Any,
    y_train: Any,
    groups_train: Any,
    X_test: Any,
    y_test: Any,
    groups_test: Any,
    ranking: Any,
    *,
    ranked_by: str,
    sizes: Sequence[int] | None = None,
    cs: Sequence[float] = RIDGE_CS,
    n_folds: int = 5,
    threshold: float = 0.5,
    n_draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> PerformanceCurve:
    """Score ridge fits on the first 1, 2, 4, ... dimensions of a ranking.

    Parameters
    ----------
    X_train, y_train, groups_train, X_test, y_test, groups_test
        As in `refit_support`.
    ranking : array of int
        Dimensions, the most important first, ranked on the training patients alone: by falling selection frequency,
        or in the order in which they enter the path (``PathResult.entrants``).
    ranked_by : str
        What the ranking is, for the record.
    sizes : sequence of int, optional
        Numbers of dimensions to keep; by default about twelve, evenly spaced in the log, and all.
    cs, n_folds, threshold, n_draws, level, seed
        As in `refit_support`.

    Returns
    -------
    PerformanceCurve

    Raises
    ------
    InputError
        As in `refit_support`, or if the ranking repeats a dimension or is shorter than a size.
    """
    halves = as_halves(X_train, y_train, groups_train, X_test, y_test, groups_test)
    order = np.asarray(ranking)
    as_support(order, halves.X_train.shape[1], "ranking")
    if len(order) == 0:
        raise InputError("a ranking must hold at least one dimension", 0)
    steps = np.unique(np.geomspace(1, len(order), 12).round()) if sizes is None else np.unique(np.asarray(sizes))
    steps = steps.astype(np.int64)
    if steps.min(initial=1) < 1 or steps.max(initial=1) > len(order) or len(steps) == 0:
        raise InputError(f"sizes must lie between 1 and the {len(order)} ranked dimensions", steps.tolist())
    scoring = _Scoring(threshold, n_draws, level, seed)
    chosen, scores, notes = [], [], []
    for size in track(list(steps), "Refitting by size"):
        kept = order[:size]
        train = halves.X_train[:, kept].astype(np.float64)
        c = choose_ridge(train, halves.y_train, halves.groups_train, cs=cs, n_folds=n_folds, seed=seed)
        found, told = _scores(halves, kept, fit_logistic(train, halves.y_train, c), scoring)
        chosen.append(c)
        scores.append(found)
        notes += [note for note in told if note not in notes]
    notes.append("Taking the best size from this curve would choose on the test patches")
    columns: dict[str, Any] = {metric: np.array([s[metric].value for s in scores]) for metric in METRICS}
    columns |= {f"{metric}_low": np.array([s[metric].low for s in scores]) for metric in METRICS}
    columns |= {f"{metric}_high": np.array([s[metric].high for s in scores]) for metric in METRICS}
    return PerformanceCurve(
        ranking=ranked_by,
        sizes=steps,
        level=level,
        ridge_c=np.array(chosen),
        n_test_patients=halves.n_test_patients,
        notes=tuple(notes),
        n_classes=halves.n_classes,
        **columns,
    )


def leave_one_out(
    X_train: Any,
    y_train: Any,
    groups_train: Any,
    X_test: Any,
    y_test: Any,
    groups_test: Any,
    support: Any,
    *,
    cs: Sequence[float] = RIDGE_CS,
    n_folds: int = 5,
    n_draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> ContributionResult:
    """Refit a signature without each of its dimensions in turn and say what the test patches lose.

    The others are fitted again, so a dimension whose twin stays loses nothing: this is what it adds, not what it
    knows. Differences are paired: the same resamples of test patients score both fits.

    Parameters
    ----------
    X_train, y_train, groups_train, X_test, y_test, groups_test, support, cs, n_folds, level, seed
        As in `refit_support`; the penalty is chosen once, with all dimensions.
    n_draws : int
        Resamples of test patients behind the intervals.

    Returns
    -------
    ContributionResult
        Intervals hold for one dimension at a time; among many, some exclude zero by chance.

    Raises
    ------
    InputError
        As in `refit_support`, or if the support is empty.
    """
    halves = as_halves(X_train, y_train, groups_train, X_test, y_test, groups_test)
    kept = as_support(support, halves.X_train.shape[1])
    if len(kept) == 0:
        raise InputError("a signature must hold a dimension to leave one out", 0)
    train, test = halves.X_train[:, kept].astype(np.float64), halves.X_test[:, kept].astype(np.float64)
    c = choose_ridge(train, halves.y_train, halves.groups_train, cs=cs, n_folds=n_folds, seed=seed)
    full = fit_logistic(train, halves.y_train, c)
    given = _forecasts(halves, full.predict_proba(test))
    whole, resampling = prepare_metrics(given, ("auc", "brier")), Resampling(n_draws=n_draws, level=level, seed=seed)
    reference = whole.values()
    columns: dict[str, list[float]] = {
        f"{name}{end}": [] for name in ("auc_drop", "brier_rise") for end in ("", "_low", "_high")
    }
    for j in track(range(len(kept)), "Leaving dimensions out"):
        start = np.delete(full.stacked, j, axis=0)
        fit = fit_logistic(np.delete(train, j, axis=1), halves.y_train, c, start)
        part = prepare_metrics(given.with_p(fit.predict_proba(np.delete(test, j, axis=1))), ("auc", "brier"))
        lost = paired_differences(whole, part, given, resampling)
        for name, metric, sign in (("auc_drop", "auc", 1.0), ("brier_rise", "brier", -1.0)):
            change = lost[metric].estimate
            bounds = sorted([sign * change.low, sign * change.high])
            columns[name].append(sign * change.value)
            columns[f"{name}_low"].append(bounds[0])
            columns[f"{name}_high"].append(bounds[1])
    arrays: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    return ContributionResult(
        dimension=kept,
        auc=reference["auc"],
        brier=reference["brier"],
        level=level,
        ridge_c=c,
        n_test_patients=halves.n_test_patients,
        n_draws=n_draws,
        notes=(f"Each of {len(kept)} intervals holds on its own: some exclude zero by chance",),
        n_classes=halves.n_classes,
        **arrays,
    )


def as_halves(X_train: Any, y_train: Any, groups_train: Any, X_test: Any, y_test: Any, groups_test: Any) -> Halves:
    """Return checked training and test patches.

    Raises
    ------
    InputError
        If shapes do not go together, a patient is on both sides, or a class does not occur in training.
    """
    from featkit.core.arrays import as_classes, as_groups

    train, labels, patients = as_training(X_train, y_train, groups_train)
    test, test_labels = np.asarray(X_test), as_classes(y_test, int(labels.max()) + 1)
    if test.ndim != 2 or test.shape != (len(test_labels), train.shape[1]):
        raise InputError(
            f"test embeddings must have {len(test_labels)} rows and {train.shape[1]} columns", f"shape {test.shape}"
        )
    test_patients = as_groups(groups_test, len(test_labels))
    if not isinstance(groups_train, str) and not isinstance(groups_test, str):
        both = np.intersect1d(patients, test_patients)
        if len(both):
            raise InputError(
                "no patient may be in training and test",
                f"{len(both)} on both sides, the first {both[0]}",
                "Split by patient",
            )
    return Halves(train, labels, patients, test, test_labels, groups_test, len(np.unique(test_patients)))


def _forecasts(halves: Halves, p: np.ndarray, threshold: float = 0.5) -> Forecasts:
    return Forecasts(halves.y_test, p, halves.groups_test, threshold=threshold)


@dataclasses.dataclass(frozen=True)
class _Scoring:
    threshold: float
    n_draws: int
    level: float
    seed: int


def _scores(halves: Halves, kept: np.ndarray, fit: LogisticFit, how: _Scoring) -> tuple[dict[str, Estimate], list[str]]:
    forecasts = _forecasts(halves, fit.predict_proba(halves.X_test[:, kept]), how.threshold)
    resampling = Resampling(n_draws=how.n_draws, level=how.level, seed=how.seed)
    found = estimates(forecasts, METRICS, resampling=resampling)
    return found, remarks(found, resampling)


def _fit_notes(plain: LogisticFit, ridge: LogisticFit, kept: np.ndarray) -> list[str]:
    notes = []
    if len(kept) == 0:
        notes.append("The support is empty: both fits predict the training prevalence")
    if plain.is_separable:
        notes.append(
            "The support separates the training classes: no fit without shrinkage exists, the ridge fit is given alone"
        )
    elif plain.n_apart:
        of = f"{plain.n_apart} of {np.size(plain.intercept)} classes"
        notes.append(f"The fit without shrinkage does not settle: {of} can be separated from all others")
    elif not plain.is_reliable:
        notes.append("The fit without shrinkage did not settle: classes are nearly separable or dimensions collinear")
    if not ridge.is_converged:
        notes.append("The ridge fit did not reach its tolerance")
    return notes
