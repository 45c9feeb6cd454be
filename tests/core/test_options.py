"""Options are checked when they are made: whatever is given, it is taken or refused in one line."""

import contextlib
import dataclasses

import numpy as np
import pytest

from featkit.core import options
from featkit.core.errors import InputError
from featkit.core.options import (
    CompareOptions,
    DataOptions,
    ExtractOptions,
    PathOptions,
    ProbeOptions,
    Resampling,
    SignatureOptions,
    StabilityOptions,
    TrainOptions,
)

KINDS = [getattr(options, name) for name in options.__all__]
ODD = (None, -1, 1e11, 10**400, float("nan"), "", "a\0b", b"x", [], [1, "a"], (None,), {"a": 1}, {1: 2}, object(),
       np.array([1.0, np.nan]), np.zeros((2, 2)), True, 1j, {1}, [[1]], len)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_a_value_of_any_type_is_taken_or_refused(kind, value):
    for field in dataclasses.fields(kind):
        with contextlib.suppress(InputError):
            kind(**{field.name: value})


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (PathOptions, "n_lambdas"),
        (StabilityOptions, "n_pairs"),
        (ProbeOptions, "n_permutations"),
        (ProbeOptions, "n_controls"),
        (Resampling, "n_draws"),
        (TrainOptions, "n_epochs"),
        (ExtractOptions, "n_jobs"),
    ],
)
def test_a_count_that_would_never_end_is_refused(kind, name):
    with pytest.raises(InputError, match=f"{name} must be .*got 100000000000"):
        kind(**{name: 10**11})


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (DataOptions, "scale", 0.0),
        (DataOptions, "scale", float("nan")),
        (CompareOptions, "margin", float("inf")),
        (CompareOptions, "margins", {"auc": float("nan")}),
        (StabilityOptions, "pfer", float("inf")),
    ],
)
def test_a_number_that_means_nothing_is_refused(kind, name, value):
    with pytest.raises(InputError, match=f"{name} must be"):
        kind(**{name: value})


def test_a_negative_seed_of_draws_is_refused():
    with pytest.raises(InputError, match="a seed must be a whole number of at least 0, got -1"):
        Resampling(seed=-1)


def test_an_unknown_key_of_options_within_options_is_named():
    with pytest.raises(InputError, match=r"every key in path must be known, got 'n_lamdas'. Did you mean 'n_lambdas'"):
        SignatureOptions(path={"n_lamdas": 3})
