import dataclasses

from featkit.core.run_key import RunKey
from featkit.reporting.headline import empty_folds, empty_signatures, headline, headline_differences, nothing_selected


def test_ranks_are_quoted_as_the_mean_of_folds_and_the_brier_score_pooled(make):
    several, single = make.evaluation(), make.evaluation(("40X",))
    assert headline(several, "auc").aggregation == "mean of folds"
    assert headline(several, "brier").aggregation == "pooled"
    assert {headline(single, metric).aggregation for metric in ("auc", "brier")} == {"pooled"}  # over that fold
    assert headline(several, "mcc") is None
    alone = dataclasses.replace(single, rows=tuple(r for r in single.rows if r.scope == "fold"))
    assert headline(alone, "auc").aggregation == "40X"


def test_differences_are_chosen_alike_for_each_pair(make):
    pairs = ((make.model("grl"), make.model("baseline")), (make.model("gan"), make.model("baseline")))
    found = make.comparison(pairs=pairs)
    assert [r.aggregation for r in headline_differences(found, "auc")] == ["mean of folds"] * 2
    assert [r.aggregation for r in headline_differences(found, "brier")] == ["pooled"] * 2
    alone = [r for r in make.comparison().rows if r.aggregation == "pooled"]
    one = dataclasses.replace(make.comparison(), rows=tuple(dataclasses.replace(r, scope="40X") for r in alone))
    assert headline_differences(one, "auc")[0].scope == "40X"


def test_empty_signatures_are_known_by_their_keys(make):
    found = make.signatures(("40X", "100X"), ("grl",), is_deep=False, size=0)
    empty = empty_signatures([found, make.signatures()])
    assert empty_folds(RunKey("grl", model="signature"), empty) == {"40X", "100X"}
    assert empty_folds(RunKey("grl", model="head"), empty) == set()
    assert nothing_selected(3, 5) == "nothing selected in 3 of 5 folds"
    assert nothing_selected(1, 1) == "nothing selected"
