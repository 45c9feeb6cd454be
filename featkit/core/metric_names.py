"""What metrics are called, which way is better, and which of them rank patches: one table for every floor."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class MetricName:
    """A metric as people read it.

    Parameters
    ----------
    name : str
        As in results and options ("balanced_accuracy").
    label : str
        In sentences and on axes ("balanced accuracy").
    short : str
        As the heading of a column.
    higher_is_better : bool or None
        None where neither way is better (a calibration slope).
    is_rank : bool
        Whether it only asks how patches are ordered, so that scores of differently fitted models must not be pooled.
    """

    name: str
    label: str
    short: str
    higher_is_better: bool | None = True
    is_rank: bool = False


METRIC_NAMES: dict[str, MetricName] = {
    metric.name: metric
    for metric in (
        MetricName("auc", "AUC", "AUC", is_rank=True),
        MetricName("auc_hand_till", "AUC (Hand and Till)", "AUC (Hand-Till)", is_rank=True),
        MetricName("average_precision", "average precision", "AP", is_rank=True),
        MetricName("f1", "F1", "F1"),
        MetricName("balanced_accuracy", "balanced accuracy", "balanced accuracy"),
        MetricName("accuracy", "accuracy", "accuracy"),
        MetricName("mcc", "Matthews correlation", "MCC"),
        MetricName("sensitivity", "sensitivity", "sensitivity"),
        MetricName("specificity", "specificity", "specificity"),
        MetricName("recognition_rate", "patient recognition rate", "recognition rate"),
        MetricName("brier", "Brier score", "Brier", False),
        MetricName("ece", "expected calibration error", "ECE", False),
        MetricName("ece_mass", "expected calibration error (equal mass)", "ECE (equal mass)", False),
        MetricName("ece_top_label", "expected calibration error (top label)", "ECE (top label)", False),
        MetricName("ece_classwise", "expected calibration error (class-wise)", "ECE (class-wise)", False),
        MetricName("calibration_slope", "calibration slope", "calibration slope", None),
        MetricName("calibration_intercept", "calibration in the large", "calibration in the large", None),
        MetricName("information_bits", "information in bits", "information (bits)"),
        MetricName("selectivity", "selectivity", "selectivity"),
        MetricName("top1", "top-1 identification", "top 1"),
        MetricName("top5", "top-5 identification", "top 5"),
        MetricName("retrieval", "neighbours of the same patient", "neighbours"),
    )
}
"""Every metric by its name."""


def metric_name(name: str) -> MetricName:
    """Return what a metric is called; one that is not in the table by its own name, with spaces.

    Examples
    --------
    >>> metric_name("brier").label, metric_name("my_own").label
    ('Brier score', 'my own')
    """
    plain = name.replace("_", " ")
    return METRIC_NAMES.get(name, MetricName(name, plain, plain, None))
