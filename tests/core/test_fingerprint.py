"""Fingerprints: equal exactly when a result would be, and the difference is named."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.fingerprint import Fingerprint, options_of
from featkit.core.options import PenaltyOptions, SignatureOptions, SplitOptions
from featkit.core.run_key import RunFilter

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
TABLES = st.dictionaries(st.text(max_size=5), VALUES, max_size=4)
BASE = Fingerprint("signature 2", {"store": "abc", "split": "def"}, {"n_folds": 5, "path.n_lambdas": 49})


@given(st.text(), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3), TABLES)
def test_what_is_written_comes_back_equal(estimator, inputs, options):
    made = Fingerprint(estimator, inputs, options)
    again = Fingerprint.from_dict(made.to_dict())
    assert again == made
    assert again.sha256 == made.sha256
    assert made.changes(again) == ()


@given(TABLES)
def test_the_order_of_options_does_not_matter(options):
    backwards = dict(reversed(options.items()))
    assert Fingerprint("a", options=options).sha256 == Fingerprint("a", options=backwards).sha256


def test_tuples_and_lists_are_the_same_option():
    assert Fingerprint("a", options={"folds": ("40X",)}) == Fingerprint("a", options={"folds": ["40X"]})


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("estimator", "signature 3", ("the version of featkit's method",)),
        ("inputs", {"store": "abd", "split": "def"}, ("the store",)),
        ("inputs", {"store": "abc"}, ("the split",)),
        ("inputs", {"store": "abc", "split": "def", "weights": "x"}, ("the weights",)),
        ("options", {"n_folds": 6, "path.n_lambdas": 9}, ("the option n_folds", "the option path.n_lambdas")),
    ],
)
def test_changes_name_all_that_differs_and_nothing_else(field, value, named):
    now = dataclasses.replace(BASE, **{field: value})
    assert BASE.changes(now) == named
    assert now.changes(BASE) == named
    assert now.sha256 != BASE.sha256


def test_it_keeps_a_copy_of_what_it_was_given():
    options = {"folds": ["40X"]}
    made = Fingerprint("a", options=options)
    options["folds"].append("100X")
    assert made.options == {"folds": ["40X"]}


def test_options_inside_options_have_dotted_names():
    found = options_of(SignatureOptions(penalty=PenaltyOptions(rule="C", value=0.5)))
    assert (found["penalty.rule"], found["penalty.value"]) == ("C", 0.5)
    assert {"path.n_lambdas", "stability.n_pairs", "deep"} <= set(found)
    assert not any(dataclasses.is_dataclass(value) for value in found.values())


def test_several_objects_become_one_table():
    found = options_of(RunFilter(fold="100X"), SplitOptions(test_fraction=0.4))
    assert (found["fold"], found["test_fraction"]) == (["100X"], 0.4)


def test_every_option_of_a_signature_is_part_of_its_fingerprint():
    plain = Fingerprint("signature 2", options=options_of(SignatureOptions()))
    other = Fingerprint("signature 2", options=options_of(SignatureOptions(penalty=PenaltyOptions(score="auc"))))
    assert plain.changes(other) == ("the option penalty.score",)
