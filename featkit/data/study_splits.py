"""All folds of a study: those that can be tested, and why the others cannot."""

from __future__ import annotations

import dataclasses
from typing import Literal

import polars as pl

from featkit.core.errors import InputError, did_you_mean
from featkit.core.natural_order import sort_naturally
from featkit.core.options import SplitOptions
from featkit.core.text import first_few
from featkit.data.cross_validation import fold_names, leave_patients_out
from featkit.data.leave_one_out import leave_one_domain_out
from featkit.data.manifest import Manifest
from featkit.data.split import Split

_USUAL_DOMAIN = SplitOptions().domain


@dataclasses.dataclass(frozen=True)
class StudySplits:
    """The splits of a study.

    Parameters
    ----------
    design : {"leave-one-domain-out", "cross-validation"}
        What was made.
    reason : str
        Why, in a clause ("as asked for", "the table has no column 'magnification'").
    splits : tuple of Split
        One per fold that can be tested, in natural order of their names.
    skipped : tuple of (str, str)
        Name of each fold that cannot be tested, and why.
    """

    design: Literal["leave-one-domain-out", "cross-validation"]
    reason: str
    splits: tuple[Split, ...]
    skipped: tuple[tuple[str, str], ...]

    def __getitem__(self, fold: str) -> Split:
        """Return the split of ``fold``; `InputError` with the reason where there is none."""
        for split in self.splits:
            if split.fold == fold:
                return split
        for name, reason in self.skipped:
            if name == fold:
                raise InputError(f"fold {fold} must be one that can be tested", None, reason)
        names = [split.fold for split in self.splits]
        raise InputError("the fold must be one of the study", repr(fold), did_you_mean(fold, names))

    @property
    def folds(self) -> tuple[str, ...]:
        """The names of the folds that can be tested."""
        return tuple(split.fold for split in self.splits)


def study_design(
    frame: pl.DataFrame | Manifest, options: SplitOptions | None = None
) -> tuple[Literal["leave-one-domain-out", "cross-validation"], str, tuple[str, ...]]:
    """Return the design of a study, the reason for it, and the names of its folds in natural order.

    Parameters
    ----------
    frame : polars.DataFrame or Manifest
        The table of patches.
    options : SplitOptions, optional
        ``design``, ``domain``, ``folds`` and ``n_folds`` are used.

    Raises
    ------
    InputError
        If a fold in ``folds`` is none of the study, or a domain was named that the table does not have.
    """
    options = options or SplitOptions()
    table = frame.frame if isinstance(frame, Manifest) else frame
    design, reason = _design(table, options)
    if design == "cross-validation":
        known = fold_names(options.n_folds)
    else:
        known = sort_naturally(table[options.domain].drop_nulls().cast(pl.String).to_list())
    for name in options.folds:
        if name not in known:
            what = f"a value of '{options.domain}'" if design != "cross-validation" else f"{known[0]} to {known[-1]}"
            raise InputError(f"a fold must be {what}", repr(name), did_you_mean(name, known))
    return design, reason, tuple(name for name in known if name in (options.folds or known))


def make_splits(
    frame: pl.DataFrame | Manifest, options: SplitOptions | None = None, *, patient: str = "patient"
) -> StudySplits:
    """Return the splits of all folds of a study that can be tested, and why the others cannot.

    Parameters
    ----------
    frame : polars.DataFrame or Manifest
        A manifest, or the table of a store: ``patch_id``, ``label``, the patient column and, unless the design is
        cross-validation, the domain column.
    options : SplitOptions, optional
        The design.
    patient : str
        The column that tells patients apart.

    Returns
    -------
    StudySplits

    Raises
    ------
    InputError
        If no fold can be tested; with the reason of the first.

    Examples
    --------
    >>> rows = [(f"p{i}-{k}", "ab"[i % 2], f"p{i}", f"site {i % 3}") for i in range(30) for k in range(2)]
    >>> table = pl.DataFrame(rows, schema=["patch_id", "label", "patient", "site"], orient="row")
    >>> made = make_splits(table, SplitOptions(domain="site"))
    >>> made.folds, made.skipped
    (('site 0', 'site 1', 'site 2'), ())
    >>> make_splits(table).folds[:2], make_splits(table).reason
    (('fold 1', 'fold 2'), "the table has no column 'magnification'")
    """
    options = options or SplitOptions()
    design, reason, folds = study_design(frame, options)
    make = leave_patients_out if design == "cross-validation" else leave_one_domain_out
    splits, skipped = [], []
    for fold in folds:
        try:
            splits.append(make(frame, fold, options, patient=patient))
        except InputError as error:
            if len(folds) == 1:
                raise
            skipped.append((fold, str(error)))
    if not splits:
        name, why = skipped[0]
        raise InputError(
            "at least one fold of the study must be testable", f"{len(skipped)} that are not, the first {name}: {why}"
        )
    return StudySplits(design, reason, tuple(splits), tuple(skipped))


def _design(
    table: pl.DataFrame, options: SplitOptions
) -> tuple[Literal["leave-one-domain-out", "cross-validation"], str]:
    if options.design == "cross-validation":
        return "cross-validation", "as asked for"
    domain = options.domain
    is_there = domain in table.columns
    if options.design == "leave-one-domain-out" or (domain != _USUAL_DOMAIN and not is_there):
        if not is_there:
            columns = [c for c in table.columns if c not in ("patch_id", "path", "label", "patient")]
            raise InputError(
                "the domain must be a column of the table",
                repr(domain),
                f"{did_you_mean(domain, columns)}; or use the design cross-validation, which needs no domain",
            )
        return "leave-one-domain-out", "as asked for"
    values = sort_naturally(table[domain].drop_nulls().cast(pl.String).to_list()) if is_there else []
    if len(values) > 1:
        return "leave-one-domain-out", f"the column '{domain}' has {len(values)} values: {first_few(values)}"
    if values:
        return "cross-validation", f"the column '{domain}' has one value only, {values[0]}"
    return "cross-validation", f"the column '{domain}' is empty" if is_there else f"the table has no column '{domain}'"
