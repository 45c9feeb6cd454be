"""The table of metrics holds all that are computed, once."""

from featkit.core.metric_names import METRIC_NAMES, metric_name
from featkit.stats import METRICS


def test_every_metric_that_is_computed_has_names_of_its_own():
    assert set(METRICS) <= set(METRIC_NAMES)
    labels = [m.label for m in METRIC_NAMES.values()]
    assert len(set(labels)) == len(labels)


def test_only_metrics_of_order_are_ranks():
    assert {m.name for m in METRIC_NAMES.values() if m.is_rank} == {"auc", "auc_hand_till", "average_precision"}


def test_ranges_of_known_metrics_and_none_for_others():
    assert metric_name("brier").range == (0.0, 1.0)
    assert metric_name("mcc").range == (-1.0, 1.0)
    assert metric_name("my_own").range[1] == float("inf")


def test_labels_inside_sentences():
    shown = {name: metric_name(name).in_text for name in ("auc", "f1", "brier", "mcc", "accuracy")}
    assert shown == {
        "auc": "AUC",
        "f1": "F1",
        "brier": "Brier score",
        "mcc": "Matthews correlation",
        "accuracy": "accuracy",
    }
