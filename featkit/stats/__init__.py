"""Statistics floor: pure functions on arrays, from discrimination and calibration to overlap and comparison."""

from featkit.core.lazy import attach

_MODULES = {
    "auc_inference": ("auc_covariance", "auc_difference", "auc_interval"),
    "calibration": ("brier", "brier_parts", "calibration_line"),
    "isotonic": ("corp",),
    "curves": ("roc_curve", "roc_points"),
    "discrimination": (
        "accuracy",
        "auc",
        "auc_hand_till",
        "auc_one_vs_rest",
        "average_precision",
        "balanced_accuracy",
        "confusion",
        "f1",
        "f1_macro",
        "matthews",
        "recognition_rate",
        "sensitivity_at_specificity",
    ),
    "draws": ("MetricDraws", "metric_draws", "prepare_metrics"),
    "calibration_error": ("ece", "ece_debiased"),
    "evaluation": ("evaluate",),
    "intervals": ("bootstrap_metrics", "estimates", "interval"),
    "metrics": ("METRICS", "Metric", "metric"),
    "recalibration": ("RECALIBRATIONS", "Recalibration", "recalibrate"),
    "recalibration_gain": ("recalibration_effect",),
    "reliability": ("reliability_curve",),
    "resampling": ("PatientCounts", "draw_counts", "patient_counts"),
}

__getattr__, __dir__, __all__ = attach(
    __name__, {name: f"featkit.stats.{module}" for module, names in _MODULES.items() for name in names}
)
