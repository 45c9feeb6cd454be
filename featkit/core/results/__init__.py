"""Result types: frozen dataclasses with ``to_dict``, ``from_dict``, ``save``, ``load`` and ``frame``."""

from featkit.core.lazy import attach

_MODULES = {
    "anatomy": ("AnatomyResult",),
    "audit": ("DuplicateAudit", "SplitAudit"),
    "base": ("Result", "load_result"),
    "calibration": ("BrierParts", "CalibrationLine", "CorpParts", "RecalibrationEffect", "ReliabilityCurve"),
    "collection": ("Collection",),
    "comparison": ("Comparison", "ComparisonRow", "PermutationTest"),
    "estimate": ("Estimate",),
    "evaluation": ("Curve", "Evaluation", "EvaluationCounts", "EvaluationRow"),
    "evaluation_set": ("BrierTerms", "EvaluationSet"),
    "matching": ("MatchingResult", "ReseedingNull"),
    "overlap": ("OverlapResult", "StabilityDifference", "StabilityIndex"),
    "path": ("LambdaChoice", "PathResult"),
    "probe": ("ProbeResult",),
    "refit": ("ContributionResult", "PerformanceCurve", "RefitResult"),
    "signature": ("Signature",),
    "signature_detail": ("SignatureDetail",),
    "signature_set": ("SignatureSet",),
    "size": ("SizeCurve",),
    "stability": ("StabilityResult",),
    "variance": ("SampleSize", "VarianceComponents"),
}

__getattr__, __dir__, __all__ = attach(
    __name__, {name: f"featkit.core.results.{module}" for module, names in _MODULES.items() for name in names}
)
