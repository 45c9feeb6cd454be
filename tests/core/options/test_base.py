"""What every option object promises: frozen, keyword-only, checked when made, the wrong value named."""

import dataclasses
import doctest
import importlib
import inspect

import pytest

from featkit.core import options
from featkit.core.errors import InputError
from featkit.core.options import Options, SplitOptions, TrainOptions

KINDS = [getattr(options, name) for name in options.__all__ if name != "Options"]
EVERY = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@EVERY
def test_defaults_are_allowed_and_equal(kind):
    assert kind() == kind()
    assert issubclass(kind, Options)


@EVERY
def test_nothing_can_be_changed_or_given_by_place(kind):
    name = dataclasses.fields(kind)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(kind(), name, getattr(kind(), name))
    with pytest.raises(TypeError):
        kind(getattr(kind(), name))


@EVERY
def test_a_value_of_another_type_is_named(kind):
    for field in dataclasses.fields(kind):
        with pytest.raises(InputError, match=f"^{field.name} must be .*, got <object") as caught:
            kind(**{field.name: object()})
        assert len(str(caught.value).splitlines()) == 1


@EVERY
def test_every_option_is_documented(kind):
    for field in dataclasses.fields(kind):
        before_colon = [line.split(" :")[0] for line in inspect.getdoc(kind).splitlines() if " : " in line]
        assert any(field.name in names.replace(" ", "").split(",") for names in before_colon), field.name


@EVERY
def test_none_is_the_only_word_for_unset(kind):
    for field in dataclasses.fields(kind):
        assert getattr(kind(), field.name) != ""


def test_what_was_typed_replaces_and_none_does_not():
    base = SplitOptions(domain="site", folds=("a",))
    assert base.with_given(domain=None, folds=["b"], seed=0) == SplitOptions(domain="site", folds=("b",))
    assert base.with_given() == base


def test_what_was_typed_is_checked_too():
    with pytest.raises(InputError, match="test_fraction must be strictly between 0 and 1, got 2"):
        SplitOptions().with_given(test_fraction=2.0)
    with pytest.raises(InputError, match=r"SplitOptions must know the option, got 'fold'. Did you mean 'folds'\?"):
        SplitOptions().with_given(fold="x")


def test_lists_become_tuples_and_whole_numbers_become_numbers():
    made = TrainOptions(seeds=[0, 1], colour_jitter=0)
    assert made.seeds == (0, 1)
    assert isinstance(made.colour_jitter, float)


@pytest.mark.parametrize("module", ["data", "sparse", "training", "probe", "resampling", "comparison", "store"])
def test_examples_run(module):
    assert doctest.testmod(importlib.import_module(f"featkit.core.options.{module}")).failed == 0
