import doctest

from featkit.core.run_key import RunKey
from featkit.reporting import run_groups
from featkit.reporting.run_groups import (
    against_the_rest,
    by_class,
    by_model,
    first_seed,
    labels,
    labels_within_method,
    model_labels,
)


def test_a_site_that_begins_with_seed_is_a_fold_like_any_other():
    keys = [RunKey("grl", "seedbank", 0, "signature"), RunKey("grl", "seed 7", 0, "signature")]
    assert labels(keys) == ["grl, seedbank", "grl, seed 7"]
    drawn, remark = first_seed(dict.fromkeys(keys))
    assert list(drawn) == keys
    assert remark == ""


def test_eight_stores_of_two_seeds_have_eight_names():
    keys = [RunKey(m, f, s) for m in ("baseline", "grl") for f in ("100X", "H/E") for s in (0, 1)]
    assert len(set(labels(keys))) == 8


def test_classes_come_after_all_classes_whatever_they_are_called():
    keys = [RunKey("grl", model="signature", positive=p) for p in ("type 10", "rest", None, "type 2")]
    assert list(by_class(dict.fromkeys(keys))) == [None, "rest", "type 2", "type 10"]


def test_models_always_say_method_and_model_and_more_only_where_it_differs():
    head = RunKey("a, b", model="head")
    assert model_labels([head]) == {head: "a, b head"}
    seeds = [RunKey("grl", None, s, "head") for s in (0, 1)]
    assert list(model_labels(seeds).values()) == ["grl head, seed 0", "grl head, seed 1"]


def test_a_method_all_have_is_left_out_where_the_caption_says_it():
    keys = [RunKey("grl", "H/E", 0), RunKey("grl", "seedbank", 0)]
    assert labels_within_method(keys) == ["H/E", "seedbank"]
    assert labels_within_method([*keys, RunKey("baseline", "H/E", 0)])[0] == "grl, H/E"
    assert labels_within_method(keys[:1]) == ["grl, H/E, seed 0"]
    assert labels_within_method(["a", "a"]) == ["a", "a"]


def test_of_several_seeds_the_first_is_drawn_and_said():
    keys = [RunKey("grl", None, s, "head") for s in (10, 2)]
    drawn, remark = first_seed(dict.fromkeys([*keys, RunKey("frozen", model="head")]))
    assert list(drawn) == [keys[1], RunKey("frozen", model="head")]
    assert remark == " Drawn: seed 2."


def test_runs_of_one_model_are_together():
    keys = [RunKey("grl", f, s, "head") for f in ("40X", "100X") for s in (0, 1)]
    assert [len(own) for own in by_model(dict.fromkeys(keys), "fold").values()] == [2, 2]
    assert against_the_rest(None) == ""
    assert doctest.testmod(run_groups).failed == 0
