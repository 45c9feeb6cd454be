"""Options of sparse models: ranges, and what goes together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.options import (
    ComputeOptions,
    PathOptions,
    PenaltyOptions,
    RidgeOptions,
    SignatureOptions,
    StabilityOptions,
)


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (PathOptions, {"lambdas": ()}, "lambdas must be positive numbers"),
        (PathOptions, {"lambdas": (0.1, 0.0)}, "lambdas must be positive numbers"),
        (PathOptions, {"lambdas": (float("inf"),)}, "lambdas must be positive numbers"),
        (PathOptions, {"n_lambdas": 0}, "n_lambdas must be between 1 and 10,000, got 0"),
        (PathOptions, {"lambda_min_ratio": 1.0}, "lambda_min_ratio must be strictly between 0 and 1"),
        (PathOptions, {"l1_ratio": 0.0}, r"l1_ratio must be in (0, 1], got 0.0. Use 1 for the L1 penalty"),
        (PathOptions, {"tolerance": 0.0}, "tolerance must be strictly between 0 and 1"),
        (PenaltyOptions, {"rule": "1sd"}, "rule must be one of 1se, min, lambda, C, got '1sd'. Did you mean '1se'"),
        (PenaltyOptions, {"rule": "C"}, "value must be a positive penalty with rule lambda or C"),
        (PenaltyOptions, {"rule": "lambda", "value": -1.0}, "value must be a positive penalty"),
        (PenaltyOptions, {"value": 0.5}, "left out otherwise, got 0.5"),
        (PenaltyOptions, {"n_folds": 1}, "n_folds must be at least 2, got 1"),
        (StabilityOptions, {"threshold": 2.0}, "threshold must be in (0.5, 1], got 2.0. Use 0.75"),
        (StabilityOptions, {"threshold": 0.5}, "threshold must be in (0.5, 1], got 0.5"),
        (StabilityOptions, {"q": 0}, "q must be at least 1, got 0"),
        (StabilityOptions, {"pfer": 0.0}, "pfer must be positive and finite, got 0.0"),
        (StabilityOptions, {"n_pairs": -1}, "n_pairs must be between 0 and 100,000, got -1"),
        (StabilityOptions, {"threshold": 0.8, "q": 3, "pfer": 1.0}, "Leave one out"),
        (StabilityOptions, {"scheme": "subsample"}, "bound must be worst_case with scheme subsample"),
        (ComputeOptions, {"n_jobs": 0}, "n_jobs must be between 1 and 1,024, or -1 for every processor, got 0"),
        (ComputeOptions, {"max_bytes": 0}, "max_bytes must be positive, got 0"),
        (ComputeOptions, {"device": "gpu"}, "device must be one of auto, cpu, cuda, got 'gpu'"),
        (RidgeOptions, {"cs": ()}, "cs must be positive numbers"),
        (RidgeOptions, {"cs": (float("inf"),)}, "cs must be positive numbers"),
        (RidgeOptions, {"n_folds": 1}, "n_folds must be at least 2"),
    ],
)
def test_what_is_refused_is_one_line(kind, given, said):
    with pytest.raises(InputError) as caught:
        kind(**given)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=5))
def test_penalties_may_come_in_any_order_and_as_an_array(values):
    decreasing = tuple(sorted(values, reverse=True))
    assert PathOptions(lambdas=values).lambdas == PathOptions(lambdas=np.array(values)).lambdas == decreasing


def test_two_of_three_error_controls_are_enough():
    for pair in ({"threshold": 0.8, "q": 3}, {"threshold": 0.8, "pfer": 1.0}, {"q": 3, "pfer": 1.0}):
        assert StabilityOptions(**pair).n_pairs == 50


def test_a_signature_holds_its_options_as_objects():
    with pytest.raises(InputError, match="penalty must be a table"):
        SignatureOptions(penalty="min")
    assert SignatureOptions(penalty={"rule": "min"}).penalty == PenaltyOptions(rule="min")
