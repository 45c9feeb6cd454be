"""Which figure shows a result: drawn by the report floor, found by the kind of result."""

from featkit.core.registry import Registry

PLOTS = Registry(
    "the kind of result with a figure",
    {
        "Comparison": "featkit.reporting.plots:plot_comparison",
        "Evaluation": "featkit.reporting.plots:plot_evaluation",
        "EvaluationSet": "featkit.reporting.plots:plot_evaluation_set",
        "OverlapResult": "featkit.reporting.figures.overlap:overlap_heatmap",
        "PathResult": "featkit.reporting.figures.paths:regularisation_path",
        "PerformanceCurve": "featkit.reporting.plots:plot_performance",
        "ProbeSet": "featkit.reporting.plots:plot_probes",
        "ReliabilityCurve": "featkit.reporting.plots:plot_reliability",
        "Signature": "featkit.reporting.figures.paths:penalty_choice",
        "SignatureSet": "featkit.reporting.plots:plot_signatures",
        "SizeCurve": "featkit.reporting.figures.signatures:size_curves",
        "SplitAudit": "featkit.reporting.figures.audit:split_matrix",
        "VarianceDecomposition": "featkit.reporting.figures.signatures:variance_decomposition_figure",
    },
)
