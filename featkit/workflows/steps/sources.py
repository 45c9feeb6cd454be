"""What an analysis runs on: one store, the run it came from, where its results go."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.config import Config
from featkit.core.errors import InputError, did_you_mean
from featkit.core.natural_order import sort_naturally
from featkit.core.workspace import EVERY_FOLD, FROZEN, Workspace

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from featkit.data.split import Split
    from featkit.store.store import EmbeddingStore


@dataclasses.dataclass(frozen=True)
class Source:
    """A sealed store under analysis.

    Parameters
    ----------
    store : EmbeddingStore
        The embeddings.
    method, fold, seed : str, str, int
        The run: training method ("frozen" for none), the domain its training held out ("all" for none), seed.
    results : Path
        Folder for what is found.
    workspace : Workspace or None
        The workspace it lives in.
    domain : str
        The column a method must generalise over.
    """

    store: EmbeddingStore
    method: str
    fold: str
    seed: int
    results: Path
    workspace: Workspace | None
    domain: str = "magnification"

    @property
    def config(self) -> Config:
        """The workspace's configuration, or the defaults."""
        return self.workspace.config if self.workspace else Config()

    @property
    def name(self) -> str:
        """Short name for tables."""
        return self.method if self.fold == EVERY_FOLD else f"{self.method}/{self.fold}"

    def domains(self) -> list[str]:
        """Return the values of the domain column, in natural order."""
        return sort_naturally(self.column(self.domain).tolist())

    def folds(self, wanted: str | None = None) -> list[str]:
        """Return the folds this store may be analysed with, only ``wanted`` when given.

        They are the domains, or those that the workspace configures; a saved split of another name (an official fold)
        counts where it is asked for, configured, or what the encoder was trained with.
        """
        if self.fold != EVERY_FOLD:
            known = [self.fold]
        else:
            known = list(self.config.split.folds if self.workspace else ()) or self.domains()
        if wanted is None:
            return known
        if wanted not in known and not (self.fold == EVERY_FOLD and self._saved_split(wanted)):
            raise InputError(f"the fold must be a {self.domain} of {self.name}", wanted, did_you_mean(wanted, known))
        return [wanted]

    def split(self, fold: str) -> Split:
        """Return the fold's split, in the store's row order.

        It is the one the encoder was trained with, which the store remembers; for a frozen encoder the one saved in
        the workspace, else one made here.
        """
        from featkit.data import Split, leave_one_domain_out
        from featkit.data.split import from_roles

        rows = _with_pixel_hash(self.store)
        if self.fold == fold and "split" in rows.columns:
            domain = self.domain if fold in self.domains() else None
            return from_roles(rows, rows["split"].to_list(), fold=fold, domain=domain)
        saved = self._saved_split(fold)
        if saved is not None:
            return _restrict(Split.load(saved), self.store)
        settings = self.config.split
        return leave_one_domain_out(
            rows,
            fold,
            domain=self.domain,
            test_fraction=settings.test_fraction,
            val_fraction=settings.val_fraction,
            seed=settings.seed,
        )

    def targets(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return class indices (n,) and class names; in a binary task index 1 is the positive class."""
        from featkit.data.classes import class_order, integer_labels

        labels = [str(label) for label in _column(self.store, "label")]  # numbers and truth values are names too
        classes = self.store.classes or class_order(labels, positive=self.config.data.positive or None)
        return integer_labels(labels, tuple(classes)), tuple(classes)

    def patients(self) -> np.ndarray:
        """Return the patient of each row, (n,) strings."""
        return _column(self.store, "patient")

    def column(self, name: str) -> np.ndarray:
        """Return one obs column as an array."""
        return _column(self.store, name)

    def _saved_split(self, fold: str) -> Path | None:
        path = self.workspace.split_path(fold) if self.workspace else None
        return path if path is not None and path.is_file() else None


def find_sources(
    store: EmbeddingStore | str | Path | None,
    *,
    method: str | None = None,
    fold: str | None = None,
    seed: int | None = None,
    output: str | Path | None = None,
    domain: str | None = None,
) -> list[Source]:
    """Return the stores to analyse: the one given, or every sealed store of the workspace that matches.

    Parameters
    ----------
    store : EmbeddingStore or path, optional
        One store, in a workspace or not.
    method, fold, seed : optional
        Which runs of the workspace.
    output : path, optional
        Folder for results.
    domain : str, optional
        The column a method must generalise over; by default the workspace's, else the one the store was made with,
        else "magnification".

    Raises
    ------
    InputError
        If nothing matches; the message says what there is.
    """
    from featkit.store import EmbeddingStore, open_store

    if store is not None:
        opened = store if isinstance(store, EmbeddingStore) else open_store(store)
        return [_explicit(opened, method, seed, output, domain)]
    workspace = Workspace.require()
    every = [run for run in workspace.runs() if run.store.exists()]
    if not every:
        raise InputError("the workspace must hold at least one embedding store", "none", "Run 'featkit extract' first")
    runs = [run for run in workspace.runs(method, fold, seed) if run.store.exists()]
    if not runs:
        asked = ", ".join(f"{k} {v}" for k, v in (("method", method), ("fold", fold), ("seed", seed)) if v is not None)
        raise InputError(f"a store must match {asked}", "none", f"There are: {', '.join(run.name for run in every)}")
    column = domain or workspace.config.data.domain
    return [
        Source(
            open_store(run.store),
            run.method,
            run.fold,
            run.seed,
            run.folder if output is None else Path(output) / run.name,
            workspace,
            column,
        )
        for run in runs
    ]


def summary_folder(sources: Sequence[Source], output: str | Path | None) -> Path:
    """Return where results that span stores go."""
    if output is not None:
        return Path(output)
    workspace = sources[0].workspace
    return workspace.results if workspace else sources[0].results


def _explicit(
    store: EmbeddingStore, method: str | None, seed: int | None, output: str | Path | None, domain: str | None
) -> Source:
    path = Path(store.path)
    provenance = store.provenance
    workspace = Workspace.find(path.parent)
    results = Path(output) if output is not None else path.with_name(path.stem + ".results")
    if workspace is not None:
        for run in workspace.runs():
            if run.store.resolve() == path.resolve():
                folder = results if output is not None else run.folder
                column = domain or workspace.config.data.domain
                return Source(store, run.method, run.fold, run.seed, folder, workspace, column)
    trained = str(provenance.get("method") or FROZEN)
    name = method or (path.stem if trained == FROZEN else trained)
    fold = str(provenance.get("fold") or EVERY_FOLD)
    number = int(provenance.get("seed") or 0) if seed is None else seed
    column = domain or str(provenance.get("domain") or Config().data.domain)
    return Source(store, name, fold, number, results, None, column)


def _restrict(split: Split, store: EmbeddingStore) -> Split:
    """Return the saved split for the store's patches: those that could not be read are in no store."""
    from featkit.data.split import from_roles

    role = dict(zip(split.patch_ids.tolist(), split.role.tolist(), strict=True))
    ids = store.obs["patch_id"].to_list()
    strange = [p for p in ids if p not in role]
    if strange:
        raise InputError(
            f"the store's patches must be in the split of fold {split.fold}",
            f"{len(strange)} others, first {strange[0]}",
            "Make the split again with 'featkit split'",
        )
    return from_roles(
        _with_pixel_hash(store),
        [role[p] for p in ids],
        fold=split.fold,
        domain=split.domain,
        patient=split.patient,
        seed=split.seed,
    )


def _with_pixel_hash(store: EmbeddingStore) -> pl.DataFrame:
    """Return the store's table with the name that audits know the hash of decoded pixels by."""
    obs = store.obs
    return obs.rename({"sha256": "pixel_hash"}) if "sha256" in obs.columns and "pixel_hash" not in obs.columns else obs


def _column(store: EmbeddingStore, name: str) -> np.ndarray:
    obs = store.obs
    if name not in obs.columns:
        raise InputError(
            f"the store must have a column {name!r}", f"columns {', '.join(obs.columns)}", "Import it with that column"
        )
    return obs[name].to_numpy()
