"""The patient, read from embeddings at a magnification at which the probe has not met them."""

from __future__ import annotations

from typing import Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.seeds import derive_seed
from featkit.probes.inputs import checked_embeddings, checked_options, coded
from featkit.probes.intervals import percentile
from featkit.probes.reidentify import METRICS, Search, search, standardised_within
from featkit.probes.relabel import exchanges
from featkit.results.probe import ProbeResult
from featkit.stats.permutation import permutation_p_value
from featkit.stats.resampling import patient_counts


def probe_patient(
    X: Any,
    domain: Any,
    groups: Any,
    *,
    label: Any = None,
    seen: Any = None,
    n_neighbors: int = 5,
    n_permutations: int = 199,
    n_draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    regime: str = "",
    store_id: str = "",
) -> ProbeResult:
    """Probe embeddings for the patient across magnifications.

    Each magnification is held out in turn. A ridge regression on patient indicators (every patient at every
    magnification with the same weight) is trained on the other magnifications of the same patients and names the
    patients of the held-out one:

    * ``top1`` and ``top5``: the patient is the first, or among the five first, guesses;
    * ``retrieval``: share of a patch's nearest neighbours (cosine; other magnifications only) that are the patient's.

    Values are averaged over the patches of a patient, over patients, and over magnifications (also given one by one
    as ``top1@40X``), so that a patient with many patches counts once and is not found more often for being large.
    Dimensions are standardised inside each magnification, which takes out its offset and uses no patient's name.

    ``chance`` has each metric's value for guessing among all patients, and ``<metric> within class`` for guessing
    among patients of the same class. The null exchanges patients with others of their class (and of the same
    magnifications), at each magnification on its own, and does everything again: what the class gives away, and that
    the same patches are known in one search and sought in another, is in it.

    Parameters
    ----------
    X : array of shape (n, d)
        Embeddings.
    domain : array of shape (n,)
        Magnification of each patch.
    groups : array of shape (n,)
        Patient of each patch.
    label : array of shape (n,), optional
        Class of each patch; None puts all patients into one class.
    seen : boolean array of shape (n,), optional
        Whether the encoder was trained on the patient; ``top1@seen`` and ``top1@unseen`` are then given too.
    n_neighbors : int
        Neighbours in the retrieval.
    n_permutations, n_draws : int
        Exchanges of patients, and bootstrap draws of patients (within class; what is known of them stays fixed).
    level : float
        Coverage of the intervals.
    seed : int
        Everything random follows from it, whatever the number of threads.
    regime, store_id : str
        Which patches these are, and from which store, for the result.

    Returns
    -------
    ProbeResult

    Raises
    ------
    InputError
        If there is one magnification only, fewer than two patients occur at several, or X holds NaN.
    """
    from threadpoolctl import threadpool_limits

    X = checked_embeddings(X)
    checked_options(n_permutations, n_draws, level)
    if n_neighbors < 1:
        raise InputError("n_neighbors must be at least 1", n_neighbors, "Use 5")
    names, place = coded(domain, len(X), "domain")
    patients, who = coded(groups, len(X), "groups")
    if len(names) < 2:
        raise InputError("there must be at least two magnifications", f"{names[0]} only", "Add another one")
    is_there = np.zeros((len(patients), len(names)), dtype=bool)
    is_there[who, place] = True
    is_linked = is_there.sum(axis=1) > 1
    if is_linked.sum() < 2:
        raise InputError(
            "at least two patients must occur at several magnifications",
            f"{is_linked.sum()} of {len(patients)}",
            "Add their patches at another magnification: who is known at one only cannot be found again",
        )
    of_class = _class_of(label, who, len(patients))
    is_seen = _seen_of(seen, who, len(patients))
    notes = []
    if not is_linked.all():
        n_left = int((~is_linked).sum())
        notes.append(f"{n_left} of {len(patients)} patients occur at one magnification only and are left out")
    with threadpool_limits(1, user_api="blas"):  # sums in one order: results do not depend on the number of threads
        rows = is_linked[who]
        Z = standardised_within(X[rows], np.unique(place[rows], return_inverse=True)[1])
        searches = {
            str(names[t]): search(Z, who[rows], place[rows], int(t), n_neighbors) for t in np.unique(place[rows])
        }
    stratum = np.unique(np.column_stack([of_class, is_there]), axis=0, return_inverse=True)[1].ravel()
    n_alone = int((np.bincount(stratum)[stratum] == 1)[is_linked].sum())
    if n_alone:
        notes.append(f"{n_alone} patients have no other of their class and magnifications to exchange with")
    itself = np.tile(np.arange(len(patients)), (1, len(names), 1))
    exchanged = [exchanges(stratum, n_permutations, derive_seed(seed, t)) for t in range(len(names))]
    taken_for = np.concatenate([itself, np.stack(exchanged, axis=1)])
    found = {name: _tables(s, taken_for, len(patients)) for name, s in searches.items()}
    plan = patient_counts(np.flatnonzero(is_linked), strata=of_class[is_linked])
    counts = np.concatenate([c for c, _ in plan.blocks(n_draws, seed)]).astype(np.float64)
    drawn = np.zeros((n_draws, len(patients)))
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
            metrics[name] = percentile(values[0], draws, level, len(in_scope))
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
        design=(
            f"patient by ridge regression on patient indicators, and by {n_neighbors} nearest neighbours, at each "
            "magnification in turn, known from the other magnifications; null: patients exchanged within class"
        ),
        regime=regime,
        model="ridge",
        classes=tuple(searches),
        n_patches=int(rows.sum()),
        n_patients=int(is_linked.sum()),
        n_dimensions=X.shape[1],
        metrics=metrics,
        chance=chance,
        null=null,
        p_value=p_value,
        headline="top1",
        tested="top1",
        per_class=per_class,
        seed=seed,
        store_id=store_id,
        notes=tuple(notes),
    )


def _class_of(label: Any, who: np.ndarray, n_patients: int) -> np.ndarray:
    """Return each patient's class; a patient with patches of several has a class of its own kind."""
    if label is None:
        return np.zeros(n_patients, dtype=np.int64)
    names, codes = coded(label, len(who), "label")
    has = np.zeros((n_patients, len(names)), dtype=bool)
    has[who, codes] = True
    return np.unique(has, axis=0, return_inverse=True)[1].ravel()


def _seen_of(seen: Any, who: np.ndarray, n_patients: int) -> np.ndarray | None:
    if seen is None:
        return None
    seen = np.asarray(seen)
    if seen.shape != who.shape or seen.dtype != bool:
        raise InputError(f"seen must be booleans of shape {who.shape}", f"{seen.dtype} {seen.shape}", "One per patch")
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
