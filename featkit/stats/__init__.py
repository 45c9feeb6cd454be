"""Statistics floor: pure functions on arrays, from discrimination and calibration to overlap and comparison."""

from featkit.core.lazy import attach

_MODULES = {
    "auc_inference": (
        "auc_covariance",
        "auc_difference",
        "auc_interval",
    ),
    "calibration": (
        "brier",
        "brier_parts",
        "calibration_line",
    ),
    "calibration_error": (
        "ece",
        "ece_debiased",
    ),
    "comparison": (
        "compare",
        "compare_many",
    ),
    "curves": (
        "roc_curve",
        "roc_points",
    ),
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
    "draws": (
        "MetricDraws",
        "metric_draws",
        "prepare_metrics",
    ),
    "equivalence": (
        "equivalence_margin_needed",
        "equivalence_p_value",
    ),
    "evaluation": ("evaluate",),
    "exchange": ("exchange_test",),
    "geometry": (
        "cross_correlation",
        "dead_dimensions",
        "effective_rank",
        "linear_cka",
    ),
    "intervals": (
        "bootstrap_metrics",
        "estimates",
        "interval",
    ),
    "isotonic": ("corp",),
    "matching": (
        "match_dimensions",
        "reseeding_null",
    ),
    "metrics": (
        "METRICS",
        "Metric",
        "metric",
    ),
    "multiplicity": ("adjust",),
    "overlap_chance": (
        "corrected_overlap",
        "expected_overlap",
        "overlap_distribution",
    ),
    "overlap_measures": (
        "OVERLAP_MEASURES",
        "dice",
        "jaccard",
        "kappa",
        "kuncheva",
        "lustgarten",
        "phi",
    ),
    "overlap_pairs": ("overlap",),
    "overlap_similarity": (
        "SIMILARITY_MEASURES",
        "sechidis",
    ),
    "permutation": (
        "label_permutation_test",
        "label_permutations",
        "permutation_p_value",
        "sign_flip_test",
        "sign_flips",
    ),
    "power": (
        "detectable_difference",
        "patients_needed",
        "power_of_difference",
        "simulate_power",
    ),
    "projection": ("principal_components",),
    "recalibration": (
        "RECALIBRATIONS",
        "Recalibration",
        "recalibrate",
    ),
    "recalibration_gain": ("recalibration_effect",),
    "reliability": ("reliability_curve",),
    "resampling": (
        "PatientCounts",
        "draw_counts",
        "patient_counts",
    ),
    "run_variance": (
        "mean_over_seeds",
        "variance_components",
    ),
    "stability_index": (
        "compare_stability",
        "nogueira",
    ),
}

__getattr__, __dir__, __all__ = attach(
    __name__, {name: f"featkit.stats.{module}" for module, names in _MODULES.items() for name in names}
)
