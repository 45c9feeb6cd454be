import dataclasses

import numpy as np
import pytest
from matplotlib.text import Text

from featkit import reporting
from featkit.core.errors import InputError
from featkit.core.run_key import RunKey


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_a_metric_that_test_patches_leave_undefined_is_said_to_be(make):
    nothing = dict.fromkeys(("auc", "auc_low", "auc_high"), np.full(8, np.nan))
    figure = reporting.performance_by_size({"a": dataclasses.replace(make.performance_curve(), **nothing)})
    assert texts(figure) == ["AUC is undefined on these test patches"]


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        ("auc", "AUC on test patients,\nmean over classes"),
        ("f1", "F1 on test patients,\nmean over classes"),
        ("brier", "Brier score on test patients,\nsum over classes"),
    ],
)
def test_metrics_of_several_classes_are_named_so(make, metric, label):
    curve = make.performance_curve()
    figure = reporting.performance_by_size({"a": dataclasses.replace(curve, n_classes=3)}, metric=metric)
    assert label in texts(figure)
    reporting.figure_bytes(figure, "png")
    left, bottom, _, top = figure.get_tightbbox().extents
    assert min(left, bottom, figure.get_size_inches()[1] - top) >= -0.02
    assert label.partition(",")[0] in texts(reporting.performance_by_size({"a": curve}, metric=metric))


def test_an_empty_signature_is_a_bar_with_its_nought(make):
    keys = [RunKey("grl", fold) for fold in ("40X", "100X")]
    signatures = {key: make.signature(size=size, key=key) for key, size in zip(keys, (0, 12), strict=True)}
    figure = reporting.signature_sizes(signatures)
    assert [p.get_height() for p in figure.axes[0].patches] == [0, 12]
    assert {"0", "12"} <= set(texts(figure))


def test_seeds_are_bars_beside_each_other_and_folds_in_natural_order(make):
    found = make.signatures(("site 10", "seedbank", "site 2"), ("grl",), seeds=(0, 1), is_deep=False).signatures
    figure = reporting.signature_sizes(found)
    assert len(figure.axes[0].patches) == 6
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["seedbank", "site 2", "site 10"]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["grl, seed 0", "grl, seed 1"]


def test_an_unknown_metric_is_named():
    with pytest.raises(InputError, match="one of the curve's"):
        reporting.performance_by_size({}, metric="mcc")
