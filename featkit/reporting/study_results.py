"""Everything a report is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from featkit.results.audit import SplitAudit
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
    """A few patches to look at: one row a label, one column a domain, then the next patients.

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
        One a fold.
    training : tuple of dict
        One row a trained run.
    evaluation : EvaluationSet or None
        Of every model ("grl head", "grl signature").
    comparisons : mapping of str to Comparison
        By what was compared.
    signatures : SignatureSet or None
        Signatures and their overlap.
    named_signatures : tuple of SignatureSet
        The same of each class that was told from the rest.
    probes : mapping of target to (mapping of run to ProbeResult)
        What could be read from the embeddings; a run probed in a special way has that after a comma ("grl/100X, mlp").
    maps : mapping of str to EmbeddingMap
        By run.
    patches : SamplePatches or None
        Pictures.
    truth : mapping or None
        What was planted, where the data were generated.
    provenance : mapping of str to (mapping of str to str)
        Versions, stores, hashes.
    warnings : tuple of str
        What must be known first.
    """

    title: str
    facts: Mapping[str, str]
    domain: str
    audits: tuple[SplitAudit, ...] = ()
    training: tuple[dict[str, Any], ...] = ()
    evaluation: EvaluationSet | None = None
    comparisons: Mapping[str, Comparison] = dataclasses.field(default_factory=dict)
    signatures: SignatureSet | None = None
    named_signatures: tuple[SignatureSet, ...] = ()
    probes: Mapping[str, Mapping[str, ProbeResult]] = dataclasses.field(default_factory=dict)
    maps: Mapping[str, EmbeddingMap] = dataclasses.field(default_factory=dict)
    patches: SamplePatches | None = None
    truth: Mapping[str, Any] | None = None
    provenance: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def signature_sets(self) -> tuple[SignatureSet, ...]:
        """The signatures of all classes, if there are such, and of each class told from the rest."""
        return tuple(found for found in (self.signatures, *self.named_signatures) if found is not None)

    @property
    def evaluations(self) -> Mapping[str, Evaluation]:
        """By model; empty when nothing was evaluated."""
        return {} if self.evaluation is None else self.evaluation.evaluations
