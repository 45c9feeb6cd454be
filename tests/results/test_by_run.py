"""Values by run: found by their parts, named among each other."""

import pytest

from featkit.core.errors import InputError
from featkit.core.run_key import RunKey
from featkit.results import ByRun

RUNS = ByRun({RunKey(method, fold, seed): f"{method} {fold} {seed}"
              for method in ("grl", "baseline") for fold in ("100X", "40X") for seed in (1, 0)})  # fmt: skip


def test_the_order_is_the_one_given_until_it_is_asked_to_be_natural():
    assert list(RUNS.values())[:2] == ["grl 100X 1", "grl 100X 0"]
    assert list(RUNS.sorted().values())[:3] == ["baseline 40X 0", "baseline 40X 1", "baseline 100X 0"]


def test_runs_are_chosen_by_the_parts_of_their_key():
    assert len(RUNS.where(method="grl", fold="40X")) == 2
    assert RUNS.one(method="grl", fold="40X", seed=1) == "grl 40X 1"
    assert not RUNS.where(method="other")


@pytest.mark.parametrize(("parts", "got"), [({"method": "grl"}, 4), ({"fold": "300X"}, 0), ({}, 8)])
def test_one_run_must_match(parts, got):
    with pytest.raises(InputError, match=f"one run must match .*, got {got}. There are: grl, 100X, seed 1"):
        RUNS.one(**parts)


def test_labels_say_only_what_tells_runs_apart():
    assert set(RUNS.where(seed=0, fold="40X").labels().values()) == {"grl", "baseline"}
    assert set(RUNS.where(method="grl", seed=0).labels().values()) == {"grl, 100X", "grl, 40X"}


def test_it_is_a_mapping_that_cannot_be_written():
    assert dict(RUNS) == dict(RUNS.items())
    assert RunKey("grl", "40X", 1) in RUNS
    with pytest.raises(TypeError):
        RUNS[RunKey("grl")] = "new"
    with pytest.raises(InputError, match="the run must be one of these results, got 'grl'"):
        RUNS["grl"]
    assert len(repr(ByRun({RunKey("grl", "a", k): k for k in range(500)}))) < 300
