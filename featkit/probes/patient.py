"""Patients, identified at a magnification (or another domain) the probe was not trained on."""

from __future__ import annotations

import numpy as np

from featkit.core.arrays import is_missing
from featkit.core.errors import InputError
from featkit.core.options.probe import ProbeOptions
from featkit.core.options.resampling import Resampling
from featkit.core.run_key import RunKey
from featkit.core.seeds import derive_seed
from featkit.probes.permutations import permuted_within
from featkit.probes.refit_interval import refit_interval
from featkit.probes.reidentify import METRICS, Search, search, standardised_within
from featkit.probes.rows import ProbeRows, distinct
from featkit.results.probe import ProbeResult
from featkit.stats.permutation import permutation_p_value
from featkit.stats.resampling import patient_counts


def probe_patient(
    rows: ProbeRows,
    options: ProbeOptions | None = None,
    resampling: Resampling | None = None,
    key: RunKey | None = None,
) -> ProbeResult:
    """Probe embeddings for the patient across magnifications, or across another domain.

    Each domain is held out in turn. A ridge regression on patient indicators (every patient at every domain with the
    same weight) is trained on the other domains of the same patients and identifies the patients of the held-out one:

    * ``top1`` and ``top5``: the patient is the first, or among the five first, identified;
    * ``retrieval``: share of a patch's nearest neighbours (cosine; other domains only) that are the patient's.

    Values are averaged over the patches of a patient, over patients, and over domains (also given one by one as
    ``top1@40X``), so that a patient with many patches counts once and is not found more often for being large.
    Dimensions are standardised inside each domain, which takes out its offset and uses no patient's name.

    ``chance`` has each metric's value for guessing among all patients, and ``<metric> within class`` for guessing
    among patients of the same class. The null exchanges patients with others of their class (and of the same
    domains), at each domain on its own, and does everything again: what the class gives away, and that the same
    patches are known in one search and sought in another, is in it.

    Parameters
    ----------
    rows : ProbeRows
        Embeddings with domain, patient and, where known, class of each patch; ``seen`` adds ``top1@seen`` and
        ``top1@unseen``.
    options : ProbeOptions
        ``column`` (the domain's name), ``n_permutations`` and ``n_neighbors``.
    resampling : Resampling
        Draws of patients within class, level and seed.
    key : RunKey
        The run the result is of.

    Returns
    -------
    ProbeResult

    Raises
    ------
    InputError
        If there is one domain only, or fewer than two patients occur at several.

    References
    ----------
    B. Phipson and G. Smyth, Permutation p-values should never be zero, Statistical Applications in Genetics and
    Molecular Biology 9(1), 2010.

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> who, place = np.repeat(np.arange(12), 8), np.tile(np.repeat(["40X", "100X"], 4), 12)
    >>> X = random.normal(size=(96, 6)) + 2 * random.normal(size=(12, 6))[who]
    >>> found = probe_patient(ProbeRows(X, place, who), ProbeOptions(n_permutations=19), Resampling(n_draws=50))
    >>> found.metrics["top1"].value > 3 * found.chance["top1"]
    True
    """
    from threadpoolctl import threadpool_limits

    options, resampling = options or ProbeOptions(), resampling or Resampling()
    domain, seed = options.column, resampling.seed
    _checked(rows, options)
    names, place = distinct(rows.column)
    patients, who = distinct(rows.groups)
    is_there = np.zeros((len(patients), len(names)), dtype=bool)
    is_there[who, place] = True
    is_linked = is_there.sum(axis=1) > 1
    if is_linked.sum() < 2:
        raise InputError(
            f"at least two patients must occur at several values of {domain}",
            f"{is_linked.sum()} of {len(patients)}",
            f"Add their patches at another {domain}: a patient known at one only cannot be identified again",
        )
    of_class = _class_of(rows, who, len(patients))
    is_seen = _seen_of(rows.seen, who, len(patients))
    notes = []
    if not is_linked.all():
        n_left = int((~is_linked).sum())
        notes.append(f"{n_left} of {len(patients)} patients occur at one {domain} only and are left out")
    with threadpool_limits(1, user_api="blas"):  # sums in one order: results do not depend on the number of threads
        used = np.flatnonzero(is_linked[who])
        standardised = standardised_within(rows.X, np.where(is_linked[who], place, len(names)))
        searches = {
            str(names[t]): search(
                lambda some: standardised(used[some]), who[used], place[used], int(t), options.n_neighbors
            )
            for t in np.unique(place[used])
        }
    stratum = np.unique(np.column_stack([of_class, is_there]), axis=0, return_inverse=True)[1].ravel()
    n_alone = int((np.bincount(stratum)[stratum] == 1)[is_linked].sum())
    if n_alone:
        notes.append(
            f"patients of whom no other has the same class and values of {domain}, left as they are: {n_alone}"
        )
    itself = np.arange(len(patients))
    exchanged = [
        permuted_within(itself, stratum, options.n_permutations, derive_seed(seed, t)) for t in range(len(names))
    ]
    taken_for = np.concatenate([np.tile(itself, (1, len(names), 1)), np.stack(exchanged, axis=1)])
    found = {name: _tables(s, taken_for, len(patients)) for name, s in searches.items()}
    plan = patient_counts(np.flatnonzero(is_linked), strata=of_class[is_linked])
    counts = np.concatenate([c for c, _ in plan.blocks(resampling.n_draws, seed)]).astype(np.float64)
    drawn = np.zeros((resampling.n_draws, len(patients)))
    drawn[:, is_linked] = counts
    metrics, chance, null, p_value = {}, {}, {}, {}
    for scope, members, places in _scopes(list(searches), is_seen, len(patients)):
        parts = [searches[p] for p in places]
        in_scope = np.unique(np.concatenate([part.here for part in parts]))
        in_scope = in_scope[members[in_scope]]
        if not len(in_scope):
            notes.append(f"no patient is {scope.removeprefix('@')}")
            continue
        for metric in METRICS:
            name, tables = metric + scope, [found[p][metric] for p in places]
            values = _mean(tables, members[None].astype(np.float64))
            draws = _mean([table[:1] for table in tables], drawn * members)
            metrics[name] = refit_interval(values[0], draws, (0.0, 1.0), resampling, len(in_scope))
            null[name] = values[1:]
            p_value[name] = permutation_p_value(values[0], values[1:], alternative="greater")
            chance[name] = _chance(parts, metric, np.zeros_like(of_class), members)
            chance[f"{name} within class"] = _chance(parts, metric, of_class, members)
    per_class = {
        name: {"n_patients": float(len(s.here)), **{m: metrics[f"{m}@{name}"].value for m in METRICS}}
        for name, s in searches.items()
    }
    return ProbeResult(
        target="patient",
        column=domain,
        design=(
            f"patient by ridge regression on patient indicators, and by {options.n_neighbors} nearest neighbours, at "
            f"each {domain} in turn, trained on the others; null: patients exchanged within class"
        ),
        regime=options.regime,
        patches=rows.description,
        model="ridge",
        classes=tuple(searches),
        n_patches=len(used),
        n_patients=int(is_linked.sum()),
        n_dimensions=rows.X.shape[1],
        metrics=metrics,
        chance=chance,
        null=null,
        p_value=p_value,
        headline="top1",
        tested="top1",
        per_class=per_class,
        seed=seed,
        notes=tuple(notes),
        key=key or RunKey(),
    )


def _checked(rows: ProbeRows, options: ProbeOptions) -> None:
    n_missing = int(is_missing(rows.column).sum())
    if n_missing:
        raise InputError(f"{options.column} must not be missing", f"{n_missing} missing values", "Drop those rows")
    if len(np.unique(rows.column.astype(str))) < 2:
        raise InputError(f"{options.column} must have at least two values", f"{rows.column[0]} only", "Add another one")
    if (options.regime, options.model, options.within) != ("all", "linear", None):
        raise InputError(
            f"the patient probe must be left as it is: one model, every {options.column}, within the class",
            f"regime {options.regime}, model {options.model}, within {options.within}",
            "Leave these options out",
        )


def _class_of(rows: ProbeRows, who: np.ndarray, n_patients: int) -> np.ndarray:
    """Return each patient's class; a patient with patches of several has a class of its own kind."""
    if rows.label is None:
        return np.zeros(n_patients, dtype=np.int64)
    names, codes = distinct(rows.label)
    has = np.zeros((n_patients, len(names)), dtype=bool)
    has[who, codes] = True
    return np.unique(has, axis=0, return_inverse=True)[1].ravel()


def _seen_of(seen: np.ndarray | None, who: np.ndarray, n_patients: int) -> np.ndarray | None:
    if seen is None:
        return None
    n_seen = np.bincount(who, weights=seen, minlength=n_patients)
    is_mixed = (n_seen > 0) & (n_seen < np.bincount(who, minlength=n_patients))
    if is_mixed.any():
        raise InputError(
            "a patient must be seen or not, with all patches", f"{is_mixed.sum()} patients with both kinds"
        )
    return n_seen > 0


def _scopes(places: list[str], is_seen: np.ndarray | None, n_patients: int) -> list[tuple[str, np.ndarray, list[str]]]:
    """Return what a metric is averaged over: a suffix of its name, the patients, the held-out domains."""
    everyone = np.ones(n_patients, dtype=bool)
    scopes = [("", everyone, places), *((f"@{place}", everyone, [place]) for place in places)]
    if is_seen is not None:
        scopes += [("@seen", is_seen, places), ("@unseen", ~is_seen, places)]
    return scopes


def _tables(part: Search, taken_for: np.ndarray, n_patients: int) -> dict[str, np.ndarray]:
    """Return each metric (b, n_patients) for each relabelling; NaN for patients who are not sought here."""
    tables = {name: np.full((len(taken_for), n_patients), np.nan) for name in METRICS}
    for b, names in enumerate(taken_for):
        for name, values in part.found(names).items():
            tables[name][b, part.here] = values
    return tables


def _mean(tables: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the mean over domains of the weighted mean over the patients sought there (b,).

    Tables and weights (b or 1, n_patients) are broadcast against each other.
    """
    values = []
    for table in tables:
        is_sought = np.isfinite(table[0])
        own = weights[:, is_sought]
        with np.errstate(invalid="ignore"):  # no patient drawn at this domain: the mean is undefined
            values.append((table[:, is_sought] * own).sum(axis=1) / own.sum(axis=1))
    return np.mean(values, axis=0)


def _chance(parts: list[Search], metric: str, of_class: np.ndarray, members: np.ndarray) -> float:
    """Return what guessing among the patients of one class reaches on average."""
    values = []
    for part in parts:
        is_same = of_class[part.here][:, None] == of_class[part.here]
        if METRICS[metric]:
            n_same = is_same.sum(axis=1)
            each = np.minimum(METRICS[metric], n_same) / n_same
        else:
            each = part.n_known / (is_same @ part.n_known)
        values.append(each[members[part.here]].mean() if members[part.here].any() else np.nan)
    return float(np.mean(values))
