import dataclasses

from featkit.core.run_key import RunKey
from featkit.reporting.figure_data import (
    by_fold,
    majority_by_fold,
    performance_panels,
    reliability_panels,
    roc_panels,
)
from featkit.results.by_run import ByRun


def test_a_panel_for_each_fold_and_none_pooled_over_them(make):
    key = make.model("grl", "head")
    several, areas = roc_panels(ByRun({key: make.evaluation(("seedbank", "H/E"))}))
    assert list(several) == list(areas) == ["seedbank held out", "H/E held out"]
    assert list(several["H/E held out"]) == [key]
    assert list(roc_panels(ByRun({key: make.evaluation(("40X",))}))[0]) == ["40X held out"]


def test_classes_have_a_panel_each_pooled_over_folds(make):
    one = make.evaluation()
    one = dataclasses.replace(one, roc=dict.fromkeys(("ductal", "lobular", "mucinous"), one.roc["pooled"]))
    assert list(roc_panels(ByRun({RunKey("grl"): one}))[0]) == ["ductal", "lobular", "mucinous"]


def test_ranks_are_not_drawn_pooled_over_folds(make):
    assert list(by_fold(make.evaluation(), "auc")) == ["mean of folds", "40X", "100X"]
    assert list(majority_by_fold(make.evaluation(), "auc")) == ["mean of folds", "40X", "100X"]
    assert list(by_fold(make.evaluation(), "brier")) == ["pooled", "40X", "100X"]
    assert list(by_fold(make.evaluation(("40X",)), "brier")) == ["40X"]


def test_reliability_is_pooled(make):
    assert list(reliability_panels(make.evaluated().evaluations)) == list(make.evaluated().evaluations)


def test_performance_by_size_is_drawn_by_method_for_one_seed(make):
    found = make.signatures(seeds=(3, 2))
    panels = performance_panels(found)
    assert list(panels) == ["baseline", "grl"]
    assert list(panels["grl"]) == [RunKey("grl", fold, 2, "signature") for fold in ("40X", "100X")]
