"""What an analysis runs on: one store, the run it came from, its design, and where its results go."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.config import Config
from featkit.core.errors import InputError, did_you_mean
from featkit.core.natural_order import sort_naturally
from featkit.core.options import SplitOptions
from featkit.core.progress import note
from featkit.core.provenance import json_sha256
from featkit.core.run_key import FROZEN, RunFilter, RunKey
from featkit.core.text import listed
from featkit.core.workspace import Workspace
from featkit.results.folder import ResultFolder

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
    key : RunKey
        The run: training method ("frozen" or the store's name for none), the domain its training held out (None for
        none), seed.
    results : ResultFolder
        Where what is found goes.
    workspace : Workspace or None
        The workspace it lives in.
    design : SplitOptions
        The column that is held out value by value, and how patients are divided.
    home : ResultFolder
        Where results go by default: what was found before is looked for there too.
    """

    store: EmbeddingStore
    key: RunKey
    results: ResultFolder
    workspace: Workspace | None
    design: SplitOptions
    home: ResultFolder
    _splits: dict[str, Split] = dataclasses.field(default_factory=dict, repr=False, compare=False)
    _skipped: dict[str, str] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    @property
    def config(self) -> Config:
        """The workspace's configuration, or the defaults."""
        return self.workspace.config if self.workspace else Config()

    @property
    def folders(self) -> list[ResultFolder]:
        """Where results may be: the folder they go to, then the default one."""
        return list(dict.fromkeys((self.results, self.home)))

    @property
    def domain(self) -> str:
        """The column a method must generalise over."""
        return self.design.domain

    def domains(self) -> list[str]:
        """Return the values of the domain column, in natural order."""
        return sort_naturally(self.column(self.domain).tolist())

    def folds(self, wanted: RunFilter | None = None) -> list[str]:
        """Return the folds this store may be analysed with, only those ``wanted`` where some are named.

        They are those of the design (the domains, or groups of patients); a saved split of another name (an official
        fold) counts where it is asked for, configured, or what the encoder was trained with. A fold that cannot be
        tested is left out with a note (`skipped`), unless it was asked for.
        """
        from featkit.data import study_design

        asked = wanted.folds if wanted is not None else None
        if self.key.fold is not None:
            return [self.key.fold] if asked is None or self.key.fold in asked else []
        configured = self.design.folds
        known = [fold for fold in dict.fromkeys((*configured, *(asked or ()))) if self._saved_split(fold)]
        others = tuple(fold for fold in configured if fold not in known)
        if others or not configured:
            designed = study_design(self.store.obs, dataclasses.replace(self.design, folds=others))[2]
            known += [fold for fold in designed if fold not in known]
        for fold in asked or ():
            if fold not in known:
                raise InputError(
                    f"the fold must be one that {self.key.label()} can be tested on",
                    repr(fold),
                    did_you_mean(fold, known),
                )
        if asked is not None:
            return list(asked)
        return [fold for fold in known if self._is_testable(fold)]

    @property
    def skipped(self) -> tuple[str, ...]:
        """Which folds were left out because they cannot be tested, and why."""
        return tuple(f"Fold {fold} is left out: {reason}" for fold, reason in self._skipped.items())

    def _is_testable(self, fold: str) -> bool:
        """Return whether there is a split of the fold; note the first time that there is none."""
        if fold in self._skipped:
            return False
        try:
            self.split(fold)
        except InputError as error:
            self._skipped[fold] = str(error)
            note(f"Fold {fold} is left out: {error}")
            return False
        return True

    def has_fold(self, fold: str) -> bool:
        """Return whether the store can be split with this fold held out."""
        return self._saved_split(fold) is not None or self._is_testable(fold)

    def split(self, fold: str) -> Split:
        """Return the fold's split, in the store's row order.

        It is the one the encoder was trained with, which the store remembers; for a frozen encoder the one saved in
        the workspace, else one made here.
        """
        if fold not in self._splits:
            self._splits[fold] = self._split(fold)
        return self._splits[fold]

    def _split(self, fold: str) -> Split:
        from featkit.data import Split, make_splits
        from featkit.data.split import from_roles

        rows = _with_pixel_hash(self.store)
        if self.key.fold == fold and "split" in rows.columns:
            domain = self.domain if fold in self.domains() else None
            return from_roles(rows, rows["split"].to_list(), fold=fold, domain=domain)
        saved = self._saved_split(fold)
        if saved is not None:
            return _restrict(Split.load(saved), self.store)
        return make_splits(rows, dataclasses.replace(self.design, folds=(fold,)))[fold]

    def inputs(self, split: Split | None = None) -> dict[str, str]:
        """Return what results depend on, for fingerprints: the store's content, its labels' order and the split."""
        found = {"store": self.store.store_id, "classes": json_sha256(list(self.targets()[1]))}
        return found if split is None else {**found, "split": split_id(split)}

    def targets(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return class indices (n,) and class names; in a binary task index 1 is the positive class."""
        from featkit.data.classes import class_order, integer_labels

        labels = [str(label) for label in self.column("label")]  # numbers and truth values are names too
        classes = self.store.classes or class_order(labels, positive=self.config.data.positive)
        return integer_labels(labels, tuple(classes)), tuple(classes)

    def patients(self) -> np.ndarray:
        """Return the patient of each row, (n,) strings."""
        return self.column("patient")

    def column(self, name: str) -> np.ndarray:
        """Return one obs column as an array."""
        obs = self.store.obs
        if name not in obs.columns:
            raise InputError(
                f"the store must have a column {name!r}",
                f"columns {', '.join(obs.columns)}",
                "Import it with that column",
            )
        return obs[name].to_numpy()

    def siblings(self) -> list[Source]:
        """Return all stores of the workspace it lives in, with its design and results; itself outside of one."""
        from featkit.store import open_store

        if self.workspace is None:
            return [self]
        runs = [run for run in self.workspace.runs() if run.store.exists()]
        return [
            dataclasses.replace(self, store=open_store(run.store), key=run.key, _splits={}, _skipped={}) for run in runs
        ]

    def _saved_split(self, fold: str) -> Path | None:
        path = self.workspace.split_path(fold) if self.workspace else None
        return path if path is not None and path.is_file() else None


def split_id(split: Split) -> str:
    """Return a SHA-256 of who is on which side."""
    return json_sha256([split.fold, split.patch_ids.tolist(), split.role.tolist()])


def find_sources(
    store: EmbeddingStore | str | Path | None,
    runs: RunFilter | None = None,
    *,
    split: SplitOptions | None = None,
    output: str | Path | None = None,
) -> list[Source]:
    """Return the stores to analyse: the one given, or every sealed store of the workspace that matches.

    Parameters
    ----------
    store : EmbeddingStore or path, optional
        One store, in a workspace or not.
    runs : RunFilter, optional
        Which runs of the workspace; a single store has a fold to choose, but neither method nor seed.
    split : SplitOptions, optional
        The design (default: the workspace's, else the defaults with the domain that the store was made with).
    output : path, optional
        Folder for results.

    Raises
    ------
    InputError
        If nothing matches; the message says what there is.
    """
    from featkit.store import EmbeddingStore, open_store

    asked = runs or RunFilter()
    if store is not None:
        opened = store if isinstance(store, EmbeddingStore) else open_store(store)
        return [_single(opened, asked, split, output)]
    workspace = Workspace.require()
    every = [run for run in workspace.runs() if run.store.exists()]
    if not every:
        raise InputError("the workspace must hold at least one embedding store", "none", "Run 'featkit extract' first")
    known = "; ".join(run.key.label() for run in every)
    chosen = [run for run in workspace.runs(asked) if run.store.exists()]
    if not chosen:
        raise InputError(f"a store must match {asked}", "none", f"There are: {known}")
    for name, wanted in vars(asked).items():
        for value in wanted or ():
            if all(getattr(run.key, name) not in (None, value) for run in chosen):
                raise InputError(f"a store must match {name} {value}", "none", f"There are: {known}")
    results = ResultFolder(Path(output) if output is not None else workspace.results)
    design = split or workspace.config.split
    home = ResultFolder(workspace.results)
    return [Source(open_store(run.store), run.key, results, workspace, design, home) for run in chosen]


def _single(store: EmbeddingStore, asked: RunFilter, split: SplitOptions | None, output: str | Path | None) -> Source:
    path = Path(store.path)
    if asked.method is not None or asked.seed is not None:
        raise InputError(
            "method and seed choose among the runs of a workspace, and a single store is one run",
            str(asked),
            "Leave them out",
        )
    source = _single_source(store, path, split, output)
    held_out = source.key.fold
    if held_out is not None and asked.folds is not None and asked.folds != (held_out,):
        raise InputError(
            f"the fold must be the one that {source.key.label()} was trained without",
            listed(asked.folds),
            f"Use --fold {held_out}, or leave it out",
        )
    return source


def _single_source(store: EmbeddingStore, path: Path, split: SplitOptions | None, output: str | Path | None) -> Source:
    workspace = Workspace.find(path.parent)
    for run in workspace.runs() if workspace is not None else ():
        if workspace is not None and run.store.resolve() == path.resolve():
            home = ResultFolder(workspace.results)
            results = ResultFolder(Path(output)) if output is not None else home
            return Source(store, run.key, results, workspace, split or workspace.config.split, home)
    provenance = store.provenance
    trained = str(provenance.get("method") or FROZEN)
    key = RunKey(
        method=path.stem if trained == FROZEN else trained,
        fold=str(provenance["fold"]) if provenance.get("fold") else None,
        seed=int(provenance.get("seed") or 0),
    )
    home = ResultFolder(path.with_name(path.stem + ".results"))
    results = ResultFolder(Path(output)) if output is not None else home
    plain = SplitOptions()
    design = split or plain.with_given(domain=provenance.get("domain"))
    return Source(store, key, results, None, design, home)


def _restrict(split: Split, store: EmbeddingStore) -> Split:
    """Return the saved split for the store's patches: those that could not be read are in no store."""
    return split.for_table(_with_pixel_hash(store))


def _with_pixel_hash(store: EmbeddingStore) -> pl.DataFrame:
    """Return the store's table with the name that audits know the hash of decoded pixels by."""
    obs = store.obs
    return obs.rename({"sha256": "pixel_hash"}) if "sha256" in obs.columns and "pixel_hash" not in obs.columns else obs
