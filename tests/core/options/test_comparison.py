"""Comparisons: which probabilities, which metrics, and how large a difference is negligible."""

import pytest

from featkit.core.errors import InputError
from featkit.core.options import CompareOptions, Resampling


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "heads"}, "got 'heads'. Did you mean 'head'"),
        ({"metrics": ()}, "metrics must be at least one metric, got (). Use auc, f1 or brier"),
        ({"margin": 0.0}, "margin must be positive and finite, got 0.0"),
        ({"margins": {"auc": -0.1}}, "margins must be positive and finite (auc)"),
        ({"margins": {"auc": "x"}}, "margins must be a number, got 'x'"),
        ({"model": "head", "positive": "benign"}, "where a class is named, got head"),
        ({"resampling": 5}, "resampling must be a table, got 5"),
    ],
)
def test_what_is_refused_is_one_line(given, said):
    with pytest.raises(InputError) as caught:
        CompareOptions(**given)
    assert said in str(caught.value)


def test_intervals_are_the_workspace_s_unless_given():
    assert CompareOptions().resampling is None
    assert CompareOptions(resampling=Resampling(level=0.9)).resampling.level == 0.9
