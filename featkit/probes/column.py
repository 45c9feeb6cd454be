"""A column of the table, read from the embeddings of patients never seen before."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.seeds import derive_seed
from featkit.probes.folds import patient_folds
from featkit.probes.information import information_bits
from featkit.probes.inputs import checked_embeddings, checked_options, coded
from featkit.probes.intervals import percentile
from featkit.probes.models import described, out_of_fold
from featkit.probes.relabel import exchanges, relabel_within, varies_within
from featkit.probes.ridge import ridge_balanced_accuracy
from featkit.results.estimate import Estimate
from featkit.results.probe import ProbeResult
from featkit.stats.discrimination import auc
from featkit.stats.draws import Over, prepare_metrics
from featkit.stats.forecasts import Forecasts
from featkit.stats.permutation import permutation_p_value
from featkit.stats.resampling import patient_counts


@dataclasses.dataclass(frozen=True)
class _Task:
    """Rows to probe: classes, patients, labels, and the parts that are probed on their own (one, or one a label)."""

    X: np.ndarray
    y: np.ndarray
    classes: np.ndarray
    patient: np.ndarray
    label: np.ndarray | None
    part: np.ndarray
    part_names: tuple[str, ...]

    @property
    def n_classes(self) -> int:
        return len(self.classes)

    def parts(self) -> list[np.ndarray]:
        return [np.flatnonzero(self.part == i) for i in range(len(self.part_names))]


def probe_column(
    X: Any,
    column: Any,
    groups: Any,
    *,
    target: str = "column",
    label: Any = None,
    within: str | None = None,
    model: str = "linear",
    n_splits: int = 5,
    n_permutations: int = 199,
    n_draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    regime: str = "",
    store_id: str = "",
) -> ProbeResult:
    """Probe embeddings for a column, on patients the probe was not trained on.

    A multinomial ridge-logistic regression (or a small perceptron) is trained on standardised embeddings of some
    patients and judged on the others; its shrinkage is chosen inside the training patients. What is reported:

    * ``accuracy`` (chance: the majority's share), ``balanced_accuracy`` (chance 1/K) and ``auc`` (one class against
      the others, averaged over classes). The last two take probabilities relative to the class shares of the training
      rows: the shares of a fold and of the others move against each other, which would push a probe that knows
      nothing below 0.5;
    * ``cross_entropy_bits`` out of fold, and ``information_bits``, the lower bound H(M) - CE of the mutual information
      (Barber and Agakov 2003): negative values mean that nothing was found and are left as they are;
    * ``control_balanced_accuracy``, the same model and selection on one relabelling, and ``selectivity``, the
      difference of the two (Hewitt and Liang 2019);
    * ``ridge_balanced_accuracy``, a ridge regression on class indicators, whose observed value and null come from the
      same linear maps, so that the null costs no refits. The p-value is this metric's.

    Relabelling permutes the column among the rows of a patient (of one label when ``within`` is used), which leaves
    every patient's numbers of patches per class as they are. Where the column hardly ever varies inside a patient,
    whole patients exchange it instead, within their label.

    Parameters
    ----------
    X : array of shape (n, d)
        Embeddings.
    column : array of shape (n,)
        What to read: K >= 2 distinct values.
    groups : array of shape (n,)
        Patient of each patch.
    target : str
        The column's name.
    label : array of shape (n,), optional
        Class of each patch; patients are resampled within it.
    within : {None, "label"}
        "label" fits and judges one probe inside each label and averages them, so that nothing is read by way of the
        label; the information is then conditional on it.
    model : {"linear", "mlp"}
        A linear probe at chance does not show that nothing is there: run both.
    n_splits : int
        Patient-disjoint folds.
    n_permutations, n_draws : int
        Relabellings, and bootstrap draws of patients.
    level : float
        Nominal coverage of the intervals. They hold the fitted probes fixed, so they speak of other patients for these
        probes and are somewhat too narrow for the procedure as a whole; whether there is anything at all is what the
        p-value says.
    seed : int
        Everything random follows from it, whatever the number of threads.
    regime : str
        Which patches these are, in words, for the result.
    store_id : str
        The store they come from, for the result.

    Returns
    -------
    ProbeResult

    Raises
    ------
    InputError
        If the column has one value, patients are fewer than folds, X holds NaN, or a class cannot be split.

    References
    ----------
    D. Barber, F. Agakov: The IM algorithm, NIPS 2003. J. Hewitt, P. Liang: Designing and interpreting probes with
    control tasks, EMNLP 2019. B. Phipson, G. Smyth: Permutation p-values should never be zero, 2010.
    """
    from threadpoolctl import threadpool_limits

    task = _task(X, column, groups, target, label, within)
    checked_options(n_permutations, n_draws, level)
    in_words = described(model)
    with threadpool_limits(1, user_api="blas"):  # sums in one order: results do not depend on the number of threads
        fold = _folds(task, task.y, n_splits, seed)
        relabelled, is_within = _relabelled(task, n_permutations + 1, seed)
        P, prior, notes = _probabilities(task, task.y, fold, model, seed)
        control = _control(task, relabelled[-1], fold, is_within, model, n_splits, seed)
        ridge = ridge_balanced_accuracy(
            task.X, np.concatenate([task.y[None], relabelled[:-1]]), fold, task.parts(), task.n_classes
        )
    plan = patient_counts(task.patient, strata=task.label)
    domains = None if within is None else task.part
    over: Over | None = None if within is None else "mean of domains"

    def resampled(y: np.ndarray, scores: np.ndarray, *names: str) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        given = Forecasts(y, _scores(scores), task.patient, domains=domains)
        prepared = prepare_metrics(given, names, over=over, plan=plan, rows=_all(y))
        return prepared.values(), prepared.bootstrap(n_draws, seed)

    values, draws = resampled(task.y, P, "accuracy")
    for found in (resampled(task.y, P / prior, "balanced_accuracy", "auc"), _information(task, P, plan, n_draws, seed)):
        values.update(found[0])
        draws.update(found[1])
    metrics = {name: percentile(values[name], draws[name], level, plan.n_patients) for name in values}
    if control is None:
        notes.append("no relabelling could be split into folds: there is no control")
    else:
        at_data, drawn = resampled(relabelled[-1], control, name := "balanced_accuracy")
        metrics[f"control_{name}"] = percentile(at_data[name], drawn[name], level, plan.n_patients)
        gain, gains = values[name] - at_data[name], draws[name] - drawn[name]
        metrics["selectivity"] = percentile(gain, gains, level, plan.n_patients)
    metrics["ridge_balanced_accuracy"] = Estimate(float(ridge[0]), n_units=plan.n_patients)
    notes += _null_notes(task, target, model, is_within)
    majority = [np.bincount(task.y[rows]).max() / len(rows) for rows in task.parts()]
    chance = {
        "accuracy": float(np.mean(majority)),
        "auc": 0.5,
        "balanced_accuracy": 1 / task.n_classes,
        "control_balanced_accuracy": 1 / task.n_classes,
        "ridge_balanced_accuracy": 1 / task.n_classes,
        "cross_entropy_bits": values["cross_entropy_bits"] + values["information_bits"],
        "information_bits": 0.0,
        "selectivity": 0.0,
    }
    return ProbeResult(
        target=target,
        design=_design(task, target, in_words, n_splits, is_within),
        regime=regime,
        model=model,
        classes=tuple(str(c) for c in task.classes),
        n_patches=len(task.y),
        n_patients=plan.n_patients,
        n_dimensions=task.X.shape[1],
        metrics=metrics,
        chance={name: chance[name] for name in metrics},
        null={"ridge_balanced_accuracy": ridge[1:]},
        p_value={"ridge_balanced_accuracy": permutation_p_value(ridge[0], ridge[1:], alternative="greater")},
        headline="balanced_accuracy",
        tested="ridge_balanced_accuracy",
        per_class=_per_class(task, P, prior),
        seed=seed,
        store_id=store_id,
        notes=tuple(notes),
    )


def _task(X: Any, column: Any, groups: Any, target: str, label: Any, within: str | None) -> _Task:
    X = checked_embeddings(X)
    classes, y = coded(column, len(X), target)
    _, patient = coded(groups, len(X), "groups")
    if len(classes) < 2:
        raise InputError(f"{target} must have at least two values", f"{classes[0]} only", "Add rows of another value")
    if within not in (None, "label"):
        raise InputError("within must be None or 'label'", repr(within), "Leave it out or use 'label'")
    names, codes = (None, None) if label is None else coded(label, len(X), "label")
    if within is None:
        return _Task(X, y, classes, patient, codes, np.zeros(len(X), dtype=np.int64), ("all",))
    if names is None or codes is None:
        raise InputError("label must be given to probe within it", "none", "Pass the class of each patch")
    for i, name in enumerate(names):
        gone = set(range(len(classes))) - set(y[codes == i].tolist())
        if gone:
            raise InputError(
                f"every value of {target} must occur in every label",
                f"no {classes[min(gone)]} in {name}",
                "Leave out that label or probe without within",
            )
    return _Task(X, y, classes, patient, codes, codes, tuple(str(name) for name in names))


def _folds(task: _Task, y: np.ndarray, n_splits: int, seed: int) -> np.ndarray:
    fold = np.empty(len(y), dtype=np.int64)
    for i, rows in enumerate(task.parts()):
        fold[rows] = patient_folds(y[rows], task.patient[rows], n_splits, seed, "probe folds", i)
    return fold


def _probabilities(
    task: _Task, y: np.ndarray, fold: np.ndarray, model: str, seed: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    P, prior, notes = np.empty((len(y), task.n_classes)), np.empty((len(y), task.n_classes)), []
    for i, rows in enumerate(task.parts()):
        P[rows], prior[rows], more = out_of_fold(
            task.X[rows], y[rows], task.patient[rows], fold[rows], model, derive_seed(seed, "probe", i)
        )
        notes += more
    return P, prior, list(dict.fromkeys(notes))


def _relabelled(task: _Task, n: int, seed: int) -> tuple[np.ndarray, bool]:
    """Return ``n`` relabellings (n, rows), and whether they are inside patients.

    They are where most rows belong to patients with several values. Elsewhere patients with one value exchange it.
    """
    varies = varies_within(task.y, task.patient)
    if varies[task.patient].mean() >= 0.5:
        _, block = np.unique(task.patient * len(task.part_names) + task.part, return_inverse=True)
        return relabel_within(task.y, block, n, seed), True
    _, first = np.unique(task.patient, return_index=True)
    stratum = np.zeros(len(first), dtype=np.int64) if task.label is None else task.label[first]
    stratum = np.where(varies, stratum.max() + 1 + np.arange(len(first)), stratum)  # they stay as they are
    given = task.y[first][exchanges(stratum, n, seed)][:, task.patient]
    return np.where(varies[task.patient], task.y, given), False


def _null_notes(task: _Task, target: str, model: str, is_within: bool) -> list[str]:
    """Return what the null leaves as it is, and what it cannot speak of."""
    varies, notes = varies_within(task.y, task.patient), []
    if not is_within:
        notes.append(f"{target} is a property of patients: they exchanged it for the null")
    n_still = int((~varies if is_within else varies).sum())
    if n_still:
        values = "one value" if is_within else "several values"
        notes.append(f"{n_still} patients with {values} of {target} were left as they are by the null")
    if model == "mlp":
        notes.append("the p-value is that of a linear statistic; what the perceptron adds shows in its selectivity")
    return notes


def _control(
    task: _Task, y: np.ndarray, fold: np.ndarray, is_within: bool, model: str, n_splits: int, seed: int
) -> np.ndarray | None:
    """Return equal-prior scores of the model trained and judged on a relabelling; None where it cannot be split."""
    try:
        own = fold if is_within else _folds(task, y, n_splits, seed)
    except InputError:
        return None
    P, prior, _ = _probabilities(task, y, own, model, seed)
    return P / prior


def _information(
    task: _Task, P: np.ndarray, plan: Any, n_draws: int, seed: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    def of(counts: np.ndarray) -> dict[str, np.ndarray]:
        return information_bits(task.y, P, task.patient, task.part, counts)

    once = of(plan.once()[0])
    drawn = [of(counts) for counts, _ in plan.blocks(n_draws, seed)]
    return {k: float(v[0]) for k, v in once.items()}, {k: np.concatenate([d[k] for d in drawn]) for k in once}


def _scores(P: np.ndarray) -> np.ndarray:
    """Return probabilities as the metrics take them: class 1 alone where there are two."""
    P = P / P.sum(axis=1, keepdims=True)
    return P[:, 1] if P.shape[1] == 2 else P


def _all(y: np.ndarray) -> np.ndarray:
    return np.arange(len(y))


def _per_class(task: _Task, P: np.ndarray, prior: np.ndarray) -> dict[str, dict[str, float]]:
    relative = P / prior
    relative /= relative.sum(axis=1, keepdims=True)
    decided, found = np.argmax(relative, axis=1), {}
    for k, name in enumerate(task.classes):
        is_k = task.y == k
        found[str(name)] = {
            "n_patches": float(is_k.sum()),
            "n_patients": float(len(np.unique(task.patient[is_k]))),
            "recall": float((decided[is_k] == k).mean()),
            "auc": auc(is_k, relative[:, k]),
        }
    return found


def _design(task: _Task, target: str, in_words: str, n_splits: int, is_within: bool) -> str:
    alone = "" if len(task.part_names) == 1 else f", one probe inside each of {', '.join(task.part_names)}"
    null = "inside patients" if is_within else "among patients"
    return (
        f"{target} by {in_words} on standardised embeddings, {n_splits} patient-disjoint folds{alone}; "
        f"null: {target} permuted {null}, ridge regression on class indicators"
    )
