"""Report floor: results to figures, tables and one self-contained HTML page."""

from featkit.core.lazy import attach

_FIGURES = {
    "audit": ("split_matrix",),
    "calibration": ("reliability_diagram",),
    "comparison": ("forest_plot", "performance_by_fold", "variance_shares"),
    "embedding": ("embedding_map", "patch_montage"),
    "overlap": ("overlap_heatmap",),
    "paths": ("penalty_choice", "regularisation_path", "selection_frequencies"),
    "probes": ("probe_bars",),
    "roc": ("roc_curves",),
    "signatures": ("performance_by_size", "signature_anatomy", "signature_sizes", "size_curves"),
    "style": ("figure_bytes", "save_figure"),
}
_PAGE = ("Highlight", "ReportContent", "ReportFigure", "Section", "render_report", "summarise", "write_report")
_TABLES = ("Table", "table_of", "to_csv", "to_latex")

__getattr__, __dir__, __all__ = attach(
    __name__,
    {name: f"featkit.reporting.figures.{module}" for module, names in _FIGURES.items() for name in names}
    | dict.fromkeys(_PAGE, "featkit.reporting.html")
    | dict.fromkeys(_TABLES, "featkit.reporting.tables"),
)
