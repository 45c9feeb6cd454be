"""What metrics are called and how they are read: one table for statistics, probes, tables and figures."""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class MetricName:
    """The names and the reading of one metric.

    Parameters
    ----------
    name : str
        Its key in results ("auc").
    label : str
        In tables and figures ("Average precision").
    short : str
        Where room is short ("AP").
    higher_is_better : bool or None
        None where neither is (a calibration slope is best at 1).
    range : (float, float)
        Smallest and largest value, with two classes; infinite where there is none.
    is_rank : bool
        Knows only the order of the scores: not to be pooled over differently fitted folds.
    n_digits : int
        Decimals in tables.
    """

    name: str
    label: str
    short: str
    higher_is_better: bool | None = True
    range: tuple[float, float] = (0.0, 1.0)
    is_rank: bool = False
    n_digits: int = 3

    @property
    def in_text(self) -> str:
        """The label inside a sentence: lower case, abbreviations apart."""
        first = self.label.split(" ")[0]
        plain = first[1:].islower() and first not in _PROPER
        return self.label[0].lower() + self.label[1:] if plain else self.label


_PROPER = frozenset({"Brier", "Matthews"})
_ANY = (-math.inf, math.inf)
METRIC_NAMES: dict[str, MetricName] = {
    m.name: m
    for m in (
        MetricName("auc", "AUC", "AUC", is_rank=True),
        MetricName("auc_hand_till", "AUC (Hand-Till)", "AUC (HT)", is_rank=True),
        MetricName("average_precision", "Average precision", "AP", is_rank=True),
        MetricName("f1", "F1", "F1"),
        MetricName("balanced_accuracy", "Balanced accuracy", "Bal. acc."),
        MetricName("accuracy", "Accuracy", "Acc."),
        MetricName("mcc", "Matthews correlation", "MCC", range=(-1.0, 1.0)),
        MetricName("sensitivity", "Sensitivity", "Sens."),
        MetricName("specificity", "Specificity", "Spec."),
        MetricName("recognition_rate", "Patient recognition rate", "Patient rate"),
        MetricName("brier", "Brier score", "Brier", higher_is_better=False),
        MetricName("ece", "ECE", "ECE", higher_is_better=False),
        MetricName("ece_mass", "ECE (equal mass)", "ECE (mass)", higher_is_better=False),
        MetricName("ece_top_label", "ECE (top label)", "ECE (top)", higher_is_better=False),
        MetricName("ece_classwise", "ECE (class-wise)", "ECE (class)", higher_is_better=False),
        MetricName("calibration_slope", "Calibration slope", "Slope", higher_is_better=None, range=_ANY),
        MetricName("calibration_intercept", "Calibration in the large", "Intercept", higher_is_better=None, range=_ANY),
        MetricName("information_bits", "Information (bits)", "Bits", range=_ANY),
        MetricName(
            "cross_entropy_bits", "Cross-entropy (bits)", "CE (bits)", higher_is_better=False, range=(0.0, math.inf)
        ),
        MetricName("control_balanced_accuracy", "Balanced accuracy, random labels", "Control", higher_is_better=None),
        MetricName("ridge_balanced_accuracy", "Balanced accuracy (ridge)", "Bal. acc. (ridge)"),
        MetricName("selectivity", "Selectivity", "Selectivity", range=(-1.0, 1.0)),
        MetricName("top1", "Top-1 patient identification", "Top-1"),
        MetricName("top5", "Top-5 patient identification", "Top-5"),
        MetricName("retrieval", "Patient retrieval", "Retrieval"),
    )
}
"""Every metric featkit reports, by name."""


def metric_name(name: str) -> MetricName:
    """Return the names of a metric; one that somebody else's probe reports goes by its own name.

    Parameters
    ----------
    name : str
        Its key in results.

    Examples
    --------
    >>> metric_name("brier").in_text, metric_name("average_precision").in_text, metric_name("my_own").label
    ('Brier score', 'average precision', 'my own')
    """
    plain = name.replace("_", " ")
    return METRIC_NAMES.get(name, MetricName(name, plain, plain, higher_is_better=None, range=_ANY))
