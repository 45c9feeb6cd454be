"""Everything a report is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from featkit.results.audit import SplitAudit
from featkit.results.by_run import ByRun
from featkit.results.comparison import Comparison
from featkit.results.evaluation import Evaluation
from featkit.results.evaluation_set import EvaluationSet
from featkit.results.probe import ProbeResult
from featkit.results.signature_set import SignatureSet


@dataclasses.dataclass(frozen=True, eq=False)
class EmbeddingMap:
    """A store seen in two dimensions.

    Parameters
    ----------
    points : (n, 2) float
        Coordinates of patches.
    shares : (2,) float
        Shares of the variance.
    label, domain, patient : (n,) arrays of str
        What the points are coloured by.
    """

    points: np.ndarray
    shares: np.ndarray
    label: np.ndarray
    domain: np.ndarray
    patient: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class SamplePatches:
    """A few patches to look at: one row per label, one column per domain, then the next patients.

    Parameters
    ----------
    images : tuple of (height, width, 3) uint8
        Filled row by row.
    titles : tuple of str
        One a patch.
    rows : tuple of str
        Names of the rows.
    n_columns : int
        Patches a row.
    """

    images: tuple[np.ndarray, ...]
    titles: tuple[str, ...]
    rows: tuple[str, ...]
    n_columns: int


@dataclasses.dataclass(frozen=True, eq=False)
class StudyResults:
    """What was found, gathered for a report; anything may be missing.

    Parameters
    ----------
    title : str
        Heading.
    facts : mapping of str to str
        What was run on what.
    domain : str
        The column that was held out value by value.
    audits : tuple of SplitAudit
        One per fold.
    training : tuple of dict
        One row per trained run.
    evaluation : EvaluationSet or None
        Of every model.
    comparisons : ByRun of Comparison
        By fold, seed, model, class, and in the variant what was compared.
    signature_sets : tuple of SignatureSet
        Signatures of all classes, if there are such, then those of each class told from the rest (``key.positive``).
    probes : ByRun of ProbeResult
        What could be read from the embeddings; the variant says what ("target"), and how where that was not the plain
        way ("regime", "model", "within").
    maps : ByRun of EmbeddingMap
        By run.
    patches : SamplePatches or None
        Pictures.
    truth : mapping or None
        What was planted, where the data were generated.
    provenance : mapping of str to (mapping of str to str)
        Versions, stores, hashes.
    warnings : tuple of str
        What must be known first: stale or mixed inputs.
    """

    title: str
    facts: Mapping[str, str]
    domain: str
    audits: tuple[SplitAudit, ...] = ()
    training: tuple[dict[str, Any], ...] = ()
    evaluation: EvaluationSet | None = None
    comparisons: ByRun[Comparison] = dataclasses.field(default_factory=ByRun)
    signature_sets: tuple[SignatureSet, ...] = ()
    probes: ByRun[ProbeResult] = dataclasses.field(default_factory=ByRun)
    maps: ByRun[EmbeddingMap] = dataclasses.field(default_factory=ByRun)
    patches: SamplePatches | None = None
    truth: Mapping[str, Any] | None = None
    provenance: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def unseen(self) -> str:
        """What models were tested on and never trained on, for sentences: "a site", or "patients" without domains."""
        if self.audits and all(audit.domain is None for audit in self.audits):
            return "patients"
        return f"{'an' if self.domain[:1].lower() in 'aeiou' else 'a'} {self.domain}"

    @property
    def evaluations(self) -> ByRun[Evaluation]:
        """By model; empty when nothing was evaluated."""
        return ByRun() if self.evaluation is None else self.evaluation.evaluations
