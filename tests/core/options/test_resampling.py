"""How intervals are made."""

import pytest

from featkit.core.errors import InputError
from featkit.core.options import Resampling


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n_draws": 0}, "n_draws must be between 1 and 1,000,000, got 0. Use 2000"),
        ({"n_draws": 10**7}, "n_draws must be between 1 and 1,000,000"),
        ({"level": 95.0}, "level must be strictly between 0 and 1, got 95.0. Use 0.95 for 95 %"),
        ({"level": 0.0}, "level must be strictly between 0 and 1"),
        ({"level": float("nan")}, "level must be strictly between 0 and 1, got nan"),
        ({"method": "percentil"}, "Did you mean 'percentile'"),
        ({"design": "case control"}, "Did you mean 'case-control'"),
        ({"nested": ("patients",)}, "nested must be a list, each item one of slides, patches, got 'patients'"),
    ],
)
def test_what_is_refused_is_one_line(given, said):
    with pytest.raises(InputError) as caught:
        Resampling(**given)
    assert said in str(caught.value)


def test_levels_inside_a_patient_keep_their_order():
    assert Resampling(nested=["slides", "patches"]).nested == ("slides", "patches")
