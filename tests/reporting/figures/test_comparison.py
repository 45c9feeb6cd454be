import dataclasses

import pytest
from matplotlib.text import Text

from featkit import reporting
from featkit.core.errors import InputError
from featkit.core.run_key import RunKey


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_forest_says_numbers_and_order(make):
    shown = texts(reporting.forest_plot(make.comparison(), "auc"))
    row = next(r for r in make.comparison().rows if r.metric == "auc" and r.scope == "400X")
    assert any(f"{row.difference.value:+.3f}".replace("-", "−") in t for t in shown)
    positions = [shown.index(name) for name in ("40X", "400X", "mean of folds", "pooled")]
    assert positions == sorted(positions)
    assert "difference in AUC (95 % interval)" in shown
    assert "grl − baseline" in shown


def test_an_unknown_metric_is_named(make):
    with pytest.raises(InputError, match="Did you mean 'auc'"):
        reporting.forest_plot(make.comparison(), "aucc")


def test_models_of_several_seeds_are_told_apart(make):
    models = {RunKey("grl", seed=k, model="head"): {"seedbank": make.estimate(0.8)} for k in range(2)}
    shown = texts(reporting.performance_by_fold(models, label="AUC"))
    assert {"grl, seed 0", "grl, seed 1", "seedbank"} <= set(shown)


def test_pairs_within_folds_stand_between_the_mean_and_the_pooled_difference(make):
    found = make.comparison()
    mean = next(r for r in found.rows if r.aggregation == "mean of folds")
    within = dataclasses.replace(mean, aggregation="within folds")
    shown = texts(reporting.forest_plot(dataclasses.replace(found, rows=(within, *found.rows)), "auc"))
    positions = [shown.index(name) for name in ("mean of folds", "within folds", "pooled")]
    assert positions == sorted(positions)
