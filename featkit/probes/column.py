"""A column of the table, read from the embeddings of patients the probe was not trained on."""

from __future__ import annotations

import numpy as np

from featkit.core.errors import InputError
from featkit.core.options.probe import ProbeOptions
from featkit.core.options.resampling import Resampling
from featkit.core.run_key import RunKey
from featkit.core.seeds import derive_seed
from featkit.core.text import listed
from featkit.probes.cell_null import Cells, n_relabellings, relabelled_cells, ridge_accuracy
from featkit.probes.column_task import ColumnTask, column_task
from featkit.probes.information import information_bits
from featkit.probes.models import model_name, out_of_fold
from featkit.probes.refit_interval import refit_interval
from featkit.probes.rows import ProbeRows
from featkit.results.estimate import Estimate
from featkit.results.probe import ProbeResult
from featkit.stats.discrimination import auc
from featkit.stats.draws import prepare_metrics
from featkit.stats.forecasts import Forecasts
from featkit.stats.patient_folds import patient_folds
from featkit.stats.permutation import permutation_p_value
from featkit.stats.resampling import PatientCounts, patient_counts

_FEW = 20  # relabellings below which the p-value cannot be small

Drawn = dict[str, tuple[float, np.ndarray]]


def probe_column(
    rows: ProbeRows,
    options: ProbeOptions | None = None,
    resampling: Resampling | None = None,
    key: RunKey | None = None,
) -> ProbeResult:
    """Probe embeddings for a column, on patients the probe was not trained on.

    A multinomial ridge-logistic regression (or a small perceptron) is trained on standardised embeddings of some
    patients and judged on the others; its shrinkage is chosen inside the training patients. What is reported:

    * ``accuracy`` (chance: the majority's share), ``balanced_accuracy`` (chance 1/K) and ``auc`` (one value against
      the others, averaged over values; over folds too where patients have several values). The last two take
      probabilities relative to the class shares of the training rows: the shares of a fold and of the others move
      against each other, which would push a probe that knows nothing below 0.5;
    * ``cross_entropy_bits`` out of fold, and ``information_bits``, the lower bound H(M) - CE of the mutual information
      (Barber and Agakov 2003): negative values mean that nothing was found and are left as they are;
    * ``control_balanced_accuracy``, the same model and selection averaged over ``n_controls`` relabellings, and
      ``selectivity``, the difference of the two (Hewitt and Liang 2019);
    * ``ridge_balanced_accuracy``, a ridge regression on class indicators that leaves out one patient at a time, with
      every cell (the patches of one patient with one value) counted once. The p-value is this metric's.

    The null permutes whole cells: patches of one patient with one value share slide, focus and exposure, so that rows
    are not exchangeable. Values are permuted among the cells of each patient; where most patients have one value only
    (a site, a scanner), patients exchange it within their class. Scores are linear in the cells' labels, so that no
    relabelling costs a refit.

    Parameters
    ----------
    rows : ProbeRows
        Embeddings with value, patient and, where known, class of each patch.
    options : ProbeOptions
        The column's name, the model, and the numbers of folds, relabellings and controls. ``within="label"`` fits and
        judges one probe inside each label and averages them, so that nothing is read by way of the label.
    resampling : Resampling
        Draws of patients, level and seed; intervals are "logit-t" (or "t") with the variance of refitting included.
    key : RunKey
        The run the result is of.

    Returns
    -------
    ProbeResult

    Raises
    ------
    InputError
        If the column is constant, different for each patient, equal to the class, or missing in half of the rows, or
        patients are fewer than folds.

    References
    ----------
    D. Barber and F. Agakov, The IM algorithm, NIPS 2003. J. Hewitt and P. Liang, Designing and interpreting probes
    with control tasks, EMNLP 2019. B. Phipson and G. Smyth, Permutation p-values should never be zero, Statistical
    Applications in Genetics and Molecular Biology 9(1), 2010.

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> who, site = np.repeat(np.arange(20), 6), np.repeat(["north", "south"] * 10, 6)
    >>> X = random.normal(size=(120, 5)) + 2 * (site == "south")[:, None]
    >>> few = ProbeOptions(column="site", n_permutations=19, n_controls=1)
    >>> found = probe_column(ProbeRows(X, site, who), few, Resampling(n_draws=50))
    >>> found.metrics["balanced_accuracy"].value > 0.9, found.p_value["ridge_balanced_accuracy"]
    (True, 0.05)
    """
    from threadpoolctl import threadpool_limits

    options, resampling = options or ProbeOptions(), resampling or Resampling()
    seed = resampling.seed
    task = column_task(rows, options.column, options.within)
    cells, stratum = Cells.of(task.y, task.patient), task.class_of_patient()
    with threadpool_limits(1, user_api="blas"):  # sums in one order: results do not depend on the number of threads
        fold = _folds(task, task.y, options.n_folds, seed)
        null = relabelled_cells(cells, stratum, options.n_permutations, derive_seed(seed, "null"))
        P, prior, notes = _probabilities(task, task.y, fold, options.model, seed)
        controls = _controls(task, cells, fold, options, seed)
        ridge = ridge_accuracy(task.X, cells, np.concatenate([cells.value[None], null]), task.parts(), task.n_classes)
    plan = patient_counts(task.patient, strata=task.label)
    found = _metrics(
        task, P, prior, _one_scale(task, fold) if cells.is_within else task.part, controls, plan, resampling
    )
    n_units = task.n_patients_of_rarest
    metrics = {
        name: refit_interval(value, draws, _RANGES.get(name, (0.0, 1.0)), resampling, n_units)
        for name, (value, draws) in found.items()
    }
    metrics["ridge_balanced_accuracy"] = Estimate(float(ridge[0]), n_units=plan.n_patients)
    return ProbeResult(
        target=options.column,
        column=options.column,
        design=_design(task, options, cells.is_within),
        regime=options.regime,
        patches=rows.description,
        model=options.model,
        classes=tuple(str(c) for c in task.classes),
        n_patches=len(task.y),
        n_patients=plan.n_patients,
        n_dimensions=task.X.shape[1],
        metrics=metrics,
        chance={name: value for name, value in _chance(task, found).items() if name in metrics},
        null={"ridge_balanced_accuracy": ridge[1:]},
        p_value={"ridge_balanced_accuracy": permutation_p_value(ridge[0], ridge[1:], alternative="greater")},
        headline="balanced_accuracy",
        tested="ridge_balanced_accuracy",
        per_class=_per_class(task, P, prior),
        seed=seed,
        notes=(*task.notes, *notes, *_null_notes(cells, stratum, options, len(controls))),
        key=key or RunKey(),
    )


_RANGES = {
    "cross_entropy_bits": (-np.inf, np.inf),
    "information_bits": (-np.inf, np.inf),
    "selectivity": (-1.0, 1.0),
}


def _folds(task: ColumnTask, y: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    fold = np.empty(len(y), dtype=np.int64)
    for i, rows in enumerate(task.parts()):
        fold[rows] = patient_folds(
            y[rows], task.patient[rows], n_folds, seed, stream=("probe folds", i), in_every_fold=False
        )
    return fold


def _one_scale(task: ColumnTask, fold: np.ndarray) -> np.ndarray:
    """Return inside what scores are ranked (n,): folds, whose probes differ, where every fold has every value."""
    inside = np.unique(np.stack([task.part, fold]), axis=1, return_inverse=True)[1].ravel()
    n_pairs = len(np.unique(inside * task.n_classes + task.y))
    return inside if n_pairs == task.n_classes * (int(inside.max()) + 1) else task.part


def _probabilities(
    task: ColumnTask, y: np.ndarray, fold: np.ndarray, model: str, seed: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    P, prior, notes = np.empty((len(y), task.n_classes)), np.empty((len(y), task.n_classes)), []
    for i, rows in enumerate(task.parts()):
        X = task.X if len(rows) == len(task.X) else task.X[rows]
        P[rows], prior[rows], more = out_of_fold(
            X, y[rows], task.patient[rows], fold[rows], model, derive_seed(seed, "probe", i)
        )
        notes += more
    return P, prior, list(dict.fromkeys(notes))


def _controls(
    task: ColumnTask, cells: Cells, fold: np.ndarray, options: ProbeOptions, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return labels and equal-prior scores of the model trained and judged on relabellings that can be split."""
    found = []
    drawn = relabelled_cells(cells, task.class_of_patient(), options.n_controls, derive_seed(seed, "controls"))
    for y in drawn[:, cells.cell]:
        try:
            own = fold if cells.is_within else _folds(task, y, options.n_folds, seed)
            P, prior, _ = _probabilities(task, y, own, options.model, seed)
        except InputError:
            continue
        found.append((y, P / prior))
    return found


def _metrics(
    task: ColumnTask,
    P: np.ndarray,
    prior: np.ndarray,
    scale: np.ndarray,
    controls: list[tuple[np.ndarray, np.ndarray]],
    plan: PatientCounts,
    resampling: Resampling,
) -> Drawn:
    """Return each metric's value and its draws (n_draws,) over patients, with the fitted probes held fixed."""

    def drawn(y: np.ndarray, scores: np.ndarray, name: str, domains: np.ndarray = task.part) -> Drawn:
        given = Forecasts(y, _scores(scores), task.patient, domains=domains)
        prepared = prepare_metrics(given, [name], over="mean of domains", plan=plan, rows=np.arange(len(y)))
        values, draws = prepared.values(), prepared.bootstrap(resampling.n_draws, resampling.seed)
        return {name: (values[name], draws[name])}

    found = drawn(task.y, P, "accuracy") | drawn(task.y, P / prior, name := "balanced_accuracy")
    found |= drawn(task.y, P / prior, "auc", scale)
    blocks = [plan.once()[0], *(counts for counts, _ in plan.blocks(resampling.n_draws, resampling.seed))]
    bits = [information_bits(task.y, P, task.patient, task.part, counts) for counts in blocks]
    for bit in bits[0]:
        found[bit] = float(bits[0][bit][0]), np.concatenate([b[bit] for b in bits[1:]])
    if controls:
        each = [drawn(y, scores, name)[name] for y, scores in controls]
        value, draws = float(np.mean([v for v, _ in each])), np.mean([d for _, d in each], axis=0)
        found[f"control_{name}"] = value, draws
        found["selectivity"] = found[name][0] - value, found[name][1] - draws
    return found


def _chance(task: ColumnTask, found: Drawn) -> dict[str, float]:
    majority = [np.bincount(task.y[rows]).max() / len(rows) for rows in task.parts()]
    equal = dict.fromkeys(("balanced_accuracy", "control_balanced_accuracy", "ridge_balanced_accuracy"))
    return {
        "accuracy": float(np.mean(majority)),
        "auc": 0.5,
        **dict.fromkeys(equal, 1 / task.n_classes),
        "cross_entropy_bits": found["cross_entropy_bits"][0] + found["information_bits"][0],
        "information_bits": 0.0,
        "selectivity": 0.0,
    }


def _null_notes(cells: Cells, stratum: np.ndarray | None, options: ProbeOptions, n_controls: int) -> list[str]:
    """Return what the null leaves as it is, and what it cannot speak of."""
    several, notes = cells.n_values_of_patient > 1, []
    if not cells.is_within:
        notes.append(f"{options.column} is a property of patients: they exchanged it for the null")
    n_fixed = int((several ^ cells.is_within).sum())
    if n_fixed:
        values = "one value" if cells.is_within else "several values"
        notes.append(f"patients with {values} of {options.column}, left as they are by the null: {n_fixed}")
    n_different = n_relabellings(cells, stratum)
    if n_different < _FEW:
        notes.append(
            f"the values of {options.column} can be arranged in {n_different:.0f} ways only: no p-value can be below "
            f"{1 / n_different:.2f}"
        )
    if n_controls < options.n_controls:
        notes.append(
            f"{options.n_controls - n_controls} of {options.n_controls} controls could not be split into folds"
        )
    if options.model == "mlp":
        notes.append("the p-value is that of a linear statistic; what the perceptron adds shows in its selectivity")
    return notes


def _scores(P: np.ndarray) -> np.ndarray:
    """Return probabilities as the metrics take them: class 1 alone where there are two."""
    P = P / P.sum(axis=1, keepdims=True)
    return P[:, 1] if P.shape[1] == 2 else P


def _per_class(task: ColumnTask, P: np.ndarray, prior: np.ndarray) -> dict[str, dict[str, float]]:
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


def _design(task: ColumnTask, options: ProbeOptions, is_within: bool) -> str:
    alone = "" if len(task.part_names) == 1 else f", one probe inside each of {listed(task.part_names)}"
    null = "inside patients" if is_within else "among patients of one class"
    return (
        f"{options.column} by {model_name(options.model)} on standardised embeddings, {options.n_folds} "
        f"patient-disjoint folds{alone}; null: {options.column} permuted {null}, all patches of a patient with one "
        "value together, ridge regression on class indicators"
    )
