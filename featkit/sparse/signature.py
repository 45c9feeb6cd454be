"""The signature of a fold: standardise, solve the path, choose a penalty, check its stability."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import ComputeOptions, SignatureOptions
from featkit.core.run_key import RunKey
from featkit.results.signature import Signature
from featkit.sparse.cross_validation import choose
from featkit.sparse.model import SparseModel, sparse_model
from featkit.sparse.stability import stability_of
from featkit.stats.labelled_rows import LabelledRows

_OF_STABILITY = ("selection_frequency", "threshold", "q", "pfer", "bound", "stable_support")
_STABILITY_TOLERANCE = 1e-4  # relative gap below which halves are not solved: frequencies do not change


def fit_signature(
    rows: LabelledRows,
    *,
    options: SignatureOptions = SignatureOptions(),
    compute: ComputeOptions = ComputeOptions(),
    seed: int = 0,
    classes: Sequence[str] = (),
    key: RunKey = RunKey(),
) -> Signature:
    """Fit the sparse signature of training embeddings of two classes or more.

    With two classes the model is L1-logistic; with several it is multinomial, and a dimension is in or out for all
    classes together.

    Dimensions are standardised on the training rows; constant ones are excluded and counted. The penalty is chosen by
    `featkit.sparse.select_lambda`, the stable set by `featkit.sparse.stability_selection`. Only the rows given are
    seen: the held-out domain must not be among them.

    Parameters
    ----------
    rows : LabelledRows
        Training rows. Two classes are 0 and 1; with ``classes`` labels are their indices.
    options : SignatureOptions
        Path, choice of the penalty and stability selection. When a class has fewer patients than there are folds but at
        least two, there are as many folds as it has patients, with a warning.
    compute : ComputeOptions
        Threads, device of stability selection, and memory.
    seed : int
        Seed of folds and subsamples.
    classes : sequence of str
        Class names; with more than two classes the sorted labels themselves when not given.
    key : RunKey
        The run it is of, kept in the result.

    Returns
    -------
    Signature
        With several classes coefficients are (size, K) and intercepts (K,), those of each row adding up to 0.

    Raises
    ------
    InputError
        If the input is malformed, a class does not occur or has fewer than two patients.

    Examples
    --------
    >>> import numpy as np
    >>> from featkit.core.options import StabilityOptions
    >>> patient = np.repeat(np.arange(20), 6)
    >>> X = np.random.default_rng(0).standard_normal((120, 15))
    >>> X[:, 2] += 3 * (patient % 2)
    >>> asked = SignatureOptions(stability=StabilityOptions(n_pairs=5, q=2, threshold=0.9))
    >>> fit_signature(LabelledRows(X, patient % 2, patient), options=asked).stable_support
    array([2])
    """
    model = sparse_model(rows, options.path, classes=classes, compute=compute, seed=seed)
    messages = list(model.notes)
    penalty, stability = options.penalty, options.stability
    if penalty.value is None:
        penalty = dataclasses.replace(penalty, n_folds=_possible_folds(model, penalty.n_folds, messages))
    if stability.n_pairs > 0:
        _require_patients(model, "for stability selection", "leave stability selection out with n_pairs 0")
    choice = choose(model, penalty, compute=compute, seed=seed)
    path, index = choice.path, choice.index
    messages += choice.notes
    stable: dict[str, Any] = {}
    if stability.n_pairs > 0:
        found = stability_of(
            model,
            stability,
            lambdas=path.lambdas,
            tolerance=max(path.tolerance, _STABILITY_TOLERANCE),
            compute=compute,
            seed=seed,
        )
        messages += [m for m in found.notes if m not in messages]
        stable = {name: getattr(found, name) for name in _OF_STABILITY}
    design, support, intercept = model.design, path.support(index), path.intercepts[index]
    return Signature(
        support=support,
        coefficients=path.coefficients(index)[support],
        intercept=intercept - intercept.mean() if path.is_multinomial else intercept,
        mean=design.mean[support],
        scale=design.scale[support],
        lambda_=choice.lambda_,
        rule=penalty.rule,
        gap=float(path.gaps[index]),
        relative_gap=float(path.relative_gaps[index]),
        is_converged=bool(path.is_converged.all()),
        n_dimensions=path.n_dimensions,
        n_dead=int(design.is_dead.sum()),
        path_lambdas=path.lambdas,
        path_sizes=path.sizes,
        cv_mean=choice.mean,
        cv_se=choice.se,
        n_patients=model.patients.names.size,
        n_patches=path.n_rows,
        seed=seed,
        **stable,
        notes=tuple(messages),
        classes=model.classes,
        key=key,
    )


def _possible_folds(model: SparseModel, n_folds: int, messages: list[str]) -> int:
    """Return how many folds every class has patients for, with a warning when they are fewer than asked."""
    name, fewest = _require_patients(model, "to choose the penalty", "give the penalty with rule lambda or C")
    if fewest >= n_folds:
        return n_folds
    messages.append(f"{fewest} folds instead of {n_folds}: class {name} has only {fewest} patients")
    warnings.warn(messages[-1], FeatkitWarning, stacklevel=3)
    return fewest


def _require_patients(model: SparseModel, purpose: str, instead: str) -> tuple[str, int]:
    """Return the class with the fewest patients and their number, which must be at least 2."""
    counts = model.patients.n_with
    rarest, fewest = int(counts.argmin()), int(counts.min())
    name = model.classes[rarest] if model.classes else str(rarest)
    if fewest < 2:
        raise InputError(
            f"each class must have at least 2 training patients {purpose}",
            f"{fewest} of class {name}",
            f"Merge it with another class, or {instead}",
        )
    return name, fewest
