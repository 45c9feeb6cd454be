"""The design of a study: fractions that leave patients to train on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.options import DataOptions, SplitOptions


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"test_fraction": 0.0}, "test_fraction must be strictly between 0 and 1, got 0.0. Use 0.3."),
        ({"test_fraction": 1.0}, "test_fraction must be strictly between 0 and 1, got 1.0. Use 0.3."),
        ({"test_fraction": float("nan")}, "test_fraction must be strictly between 0 and 1, got nan. Use 0.3."),
        ({"val_fraction": -0.1}, "val_fraction must be at least 0 and less than 1, got -0.1. Use 0.15."),
        ({"n_folds": 1}, "n_folds must be at least 2, got 1. Use 5."),
        ({"min_test_patients": 0}, "min_test_patients must be at least 1, got 0. Use 2."),
        ({"seed": -1}, "a seed must be a whole number of at least 0, got -1. Use 0, 1, 2 or more."),
    ],
)
def test_values_out_of_range_are_one_line(given, said):
    with pytest.raises(InputError) as caught:
        SplitOptions(**given)
    assert str(caught.value) == said


def test_the_nearest_design_is_named():
    with pytest.raises(InputError, match="Did you mean 'cross-validation'"):
        SplitOptions(design="crossvalidation")


@given(st.floats(0.01, 0.99), st.floats(0, 0.99))
def test_a_design_leaves_patients_to_train_on_or_is_refused(test, val):
    if test + val < 1:
        assert SplitOptions(test_fraction=test, val_fraction=val).test_fraction == test
    else:
        with pytest.raises(InputError, match="Leave patients to train on"):
            SplitOptions(test_fraction=test, val_fraction=val)


def test_how_data_is_read_is_left_to_the_adapter_unless_it_is_given():
    made = DataOptions()
    assert (made.adapter, made.scale, made.complete, made.positive) == (None, None, None, None)
    assert DataOptions(labels=["benign"], columns={"patient": "case"}).labels == ("benign",)
