"""A signature fitted again on its support: how it performs, how much of it is needed, what each dimension adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from featkit.core.arrays import as_classes
from featkit.core.errors import InputError
from featkit.core.options import Resampling, RidgeOptions
from featkit.core.progress import track
from featkit.results.estimate import Estimate
from featkit.results.refit import ContributionResult, PerformanceCurve, RefitResult
from featkit.sparse.ridge import LogisticFit, as_training, choose_ridge, fit_logistic
from featkit.stats.draws import prepare_metrics
from featkit.stats.forecasts import Forecasts
from featkit.stats.intervals import estimates, remarks
from featkit.stats.labelled_rows import LabelledRows
from featkit.stats.overlap_supports import as_support
from featkit.stats.paired import paired_differences

METRICS = ("auc", "f1", "brier")


def refit_support(
    train: LabelledRows,
    test: LabelledRows,
    support: Any,
    *,
    ridge: RidgeOptions = RidgeOptions(),
    resampling: Resampling = Resampling(),
    threshold: float = 0.5,
) -> RefitResult:
    """Fit a support again, without shrinkage and with a ridge penalty, and score both on the test patches.

    The L1 penalty shrinks what it keeps, so a signature's own predictions mix two things: which dimensions were kept,
    and how far they were pulled to zero. These fits keep the first and drop the second.

    Parameters
    ----------
    train, test : LabelledRows
        Rows that share no patient. Labels are 0..K-1, each of which occurs in training. With K > 2 the fits are
        multinomial, and the metrics those of several classes: mean one-vs-rest AUC, macro F1, Brier score summed over
        classes.
    support : array-like of int or bool
        The dimensions kept.
    ridge : RidgeOptions
        Penalties tried by cross-validation over training patients.
    resampling : Resampling
        How test patients are resampled for intervals; its seed is also that of the folds.
    threshold : float
        On the probability of class 1, for F1, in (0, 1); with several classes the most probable is decided.

    Returns
    -------
    RefitResult
        Where a linear classifier puts every training patch in its class, the fit without shrinkage does not exist: its
        scores are NaN, a note says so, and the ridge fit stands alone.

    Raises
    ------
    InputError
        If a patient is on both sides, shapes do not go together, or a class does not occur in training.

    Examples
    --------
    >>> import numpy as np
    >>> patient = np.repeat(np.arange(40), 6)
    >>> X = np.random.default_rng(0).standard_normal((240, 5))
    >>> X[:, 2] += patient % 2
    >>> rows, is_test = LabelledRows(X, patient % 2, patient), patient >= 24
    >>> found = refit_support(rows.take(~is_test), rows.take(is_test), [2], resampling=Resampling(n_draws=50))
    >>> round(found.ridge["auc"].value, 1)
    0.8
    """
    train, test = as_disjoint(train, test)
    kept = as_support(support, train.n_dimensions)
    fitted, held = train.columns(kept), test.columns(kept)

    plain = fit_logistic(fitted.X, fitted.y)
    ridge_c = choose_ridge(fitted, ridge, resampling.seed)
    shrunk = fit_logistic(fitted.X, fitted.y, ridge_c)
    notes = _fit_notes(plain, shrunk, kept)
    shrunk_scores, score_notes = _scores(held, shrunk, resampling, threshold)
    notes += score_notes
    n_test_patients = len(np.unique(test.patients))
    if plain.is_separable:
        nothing = Estimate(float("nan"), level=resampling.level, n_units=n_test_patients)
        plain_scores = dict.fromkeys(METRICS, nothing)
    else:
        plain_scores, _ = _scores(held, plain, resampling, threshold)
    return RefitResult(
        support=kept,
        unshrunk=plain_scores,
        ridge=shrunk_scores,
        is_separable=plain.is_separable,
        is_converged=plain.is_reliable,
        ridge_c=ridge_c,
        unshrunk_coefficients=np.full_like(plain.coefficients, np.nan) if plain.is_separable else plain.coefficients,
        ridge_coefficients=shrunk.coefficients,
        n_train_patches=train.n,
        n_test_patches=test.n,
        n_train_patients=len(np.unique(train.patients)),
        n_test_patients=n_test_patients,
        notes=tuple(notes),
        n_classes=int(train.y.max()) + 1,
    )


def performance_curve(
    train: LabelledRows,
    test: LabelledRows,
    ranking: Any,
    *,
    ranked_by: str,
    sizes: Sequence[int] | None = None,
    ridge: RidgeOptions = RidgeOptions(),
    resampling: Resampling = Resampling(),
    threshold: float = 0.5,
) -> PerformanceCurve:
    """Score ridge fits on the first 1, 2, 4, ... dimensions of a ranking.

    Parameters
    ----------
    train, test : LabelledRows
        As in `refit_support`.
    ranking : array of int
        Dimensions, the most important first, ranked on the training patients alone: by falling selection frequency,
        or in the order in which they enter the path (``PathResult.entrants``).
    ranked_by : str
        What the ranking is, for the record.
    sizes : sequence of int, optional
        Numbers of dimensions to keep; by default about twelve, evenly spaced in the log, and all.
    ridge, resampling, threshold
        As in `refit_support`.

    Returns
    -------
    PerformanceCurve

    Raises
    ------
    InputError
        As in `refit_support`, or if the ranking repeats a dimension or is shorter than a size.
    """
    train, test = as_disjoint(train, test)
    order = np.asarray(ranking)
    as_support(order, train.n_dimensions, "ranking")
    if len(order) == 0:
        raise InputError("a ranking must hold at least one dimension", 0)
    steps = np.unique(np.geomspace(1, len(order), 12).round()) if sizes is None else np.unique(np.asarray(sizes))
    steps = steps.astype(np.int64)
    if steps.min(initial=1) < 1 or steps.max(initial=1) > len(order) or len(steps) == 0:
        raise InputError(f"sizes must lie between 1 and the {len(order)} ranked dimensions", steps.tolist())
    chosen, scores, notes = [], [], []
    for size in track(list(steps), "Refitting by size"):
        fitted = train.columns(order[:size])
        c = choose_ridge(fitted, ridge, resampling.seed)
        fit = fit_logistic(fitted.X, fitted.y, c)
        found, score_notes = _scores(test.columns(order[:size]), fit, resampling, threshold)
        chosen.append(c)
        scores.append(found)
        notes += [note for note in score_notes if note not in notes]
    notes.append("Taking the best size from this curve would choose on the test patches")
    columns: dict[str, Any] = {metric: np.array([s[metric].value for s in scores]) for metric in METRICS}
    columns |= {f"{metric}_low": np.array([s[metric].low for s in scores]) for metric in METRICS}
    columns |= {f"{metric}_high": np.array([s[metric].high for s in scores]) for metric in METRICS}
    return PerformanceCurve(
        ranking=ranked_by,
        sizes=steps,
        level=resampling.level,
        ridge_c=np.array(chosen),
        n_test_patients=len(np.unique(test.patients)),
        notes=tuple(notes),
        n_classes=int(train.y.max()) + 1,
        **columns,
    )


def leave_one_out(
    train: LabelledRows,
    test: LabelledRows,
    support: Any,
    *,
    ridge: RidgeOptions = RidgeOptions(),
    resampling: Resampling = Resampling(n_draws=1000),
) -> ContributionResult:
    """Refit a signature without each of its dimensions in turn and say what the test patches lose.

    The others are fitted again, so a dimension whose twin stays loses nothing: this is what it adds, not what it
    knows. Differences are paired: the same resamples of test patients score both fits.

    Parameters
    ----------
    train, test, support, ridge, resampling
        As in `refit_support`; the penalty is chosen once, with all dimensions.

    Returns
    -------
    ContributionResult
        Intervals hold for one dimension at a time; among many, some exclude zero by chance.

    Raises
    ------
    InputError
        As in `refit_support`, or if the support is empty.
    """
    train, test = as_disjoint(train, test)
    kept = as_support(support, train.n_dimensions)
    if len(kept) == 0:
        raise InputError("a signature must hold a dimension to leave one out", 0)
    fitted, held = train.columns(kept), test.columns(kept)
    c = choose_ridge(fitted, ridge, resampling.seed)
    full = fit_logistic(fitted.X, fitted.y, c)
    given = _forecasts(held, full.predict_proba(held.X))
    whole = prepare_metrics(given, ("auc", "brier"))
    reference = whole.values()
    columns: dict[str, list[float]] = {
        f"{name}{end}": [] for name in ("auc_drop", "brier_rise") for end in ("", "_low", "_high")
    }
    for j in track(range(len(kept)), "Leaving dimensions out"):
        start = np.delete(full.stacked, j, axis=0)
        fit = fit_logistic(np.delete(fitted.X, j, axis=1), fitted.y, c, start)
        part = prepare_metrics(given.with_p(fit.predict_proba(np.delete(held.X, j, axis=1))), ("auc", "brier"))
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
        level=resampling.level,
        ridge_c=c,
        n_test_patients=len(np.unique(test.patients)),
        n_draws=resampling.n_draws,
        notes=(f"Each of {len(kept)} intervals holds on its own: some exclude zero by chance",),
        n_classes=int(train.y.max()) + 1,
        **arrays,
    )


def as_disjoint(train: LabelledRows, test: LabelledRows) -> tuple[LabelledRows, LabelledRows]:
    """Return checked training and test rows: same dimensions, labels 0..K-1 that training has, no patient in both.

    Raises
    ------
    InputError
        If shapes do not go together, a patient is on both sides, or a class does not occur in training.
    """
    train = as_training(train)
    y = as_classes(test.y, int(train.y.max()) + 1)
    test = LabelledRows(np.asarray(test.X), y, test.groups)
    if test.n_dimensions != train.n_dimensions:
        raise InputError(f"test embeddings must have {train.n_dimensions} columns", f"shape {test.X.shape}")
    if not train.is_by_patch and not test.is_by_patch:
        both = np.intersect1d(train.patients, test.patients)
        if len(both):
            raise InputError(
                "no patient may be in training and test",
                f"{len(both)} on both sides, the first {both[0]}",
                "Split by patient",
            )
    return train, test


def _forecasts(test: LabelledRows, p: np.ndarray, threshold: float = 0.5) -> Forecasts:
    return Forecasts(test.y, p, test.groups, threshold=threshold)


def _scores(
    test: LabelledRows, fit: LogisticFit, resampling: Resampling, threshold: float
) -> tuple[dict[str, Estimate], list[str]]:
    """Return the metrics of a fit on the test rows with their intervals, and what a reader must know of them."""
    forecasts = _forecasts(test, fit.predict_proba(test.X), threshold)
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
    elif plain.n_separable:
        of = f"{plain.n_separable} of {np.size(plain.intercept)} classes"
        notes.append(f"The fit without shrinkage does not settle: {of} can be separated from all others")
    elif not plain.is_reliable:
        notes.append("The fit without shrinkage did not settle: classes are nearly separable or dimensions collinear")
    if not ridge.is_converged:
        notes.append("The ridge fit did not reach its tolerance")
    return notes
