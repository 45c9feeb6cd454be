"""Statistics floor: pure functions on arrays."""

from featkit.core.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "PatientCounts": "featkit.stats.resampling",
        "auc": "featkit.stats.discrimination",
        "draw_counts": "featkit.stats.resampling",
        "metric_draws": "featkit.stats.draws",
        "patient_counts": "featkit.stats.resampling",
        "prepare_metrics": "featkit.stats.draws",
    },
)
