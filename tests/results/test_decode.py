"""JSON back into results: types are as they were, and what is of another type is refused."""

import dataclasses
import typing

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.core.run_key import RunKey
from featkit.results import ByRun, Estimate, Result


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Mixed(Result):
    values: np.ndarray
    either: np.ndarray | float = 0.0
    found: Estimate | None = None
    by_run: ByRun[Estimate] = dataclasses.field(default_factory=ByRun)
    anything: typing.Any = None
    name: str = "a"
    is_on: bool = False
    sizes: tuple[int, ...] = ()


def again(result):
    return type(result).from_dict(result.to_dict())


@pytest.mark.parametrize(
    "values",
    [
        np.array(["40", "nano", "nan site"]),
        np.array([1, 2]),
        np.array([True, False]),
        np.array([[0.1 + 0.2, np.nan], [-np.inf, 1 / 3]]),
        np.array([np.nan, np.nan]),
    ],
)
def test_arrays_keep_their_type_and_every_digit(values):
    after = again(Mixed(values)).values
    assert after.dtype.kind == values.dtype.kind
    np.testing.assert_array_equal(after, values)


@pytest.mark.parametrize("either", [0.5, float("nan"), np.array([0.5, 1.0])])
def test_a_number_or_an_array_stays_the_one_it_was(either):
    np.testing.assert_array_equal(again(Mixed(np.zeros(1), either)).either, either)


def test_results_inside_results_come_back_by_run_and_in_order():
    by_run = ByRun({RunKey("b, c", "H/E", k): Estimate(k / 3) for k in (2, 0, 1)})
    after = again(Mixed(np.zeros(1), by_run=by_run, anything={"x": Estimate(0.5)}, found=Estimate(float("inf"))))
    assert list(after.by_run) == list(by_run)
    assert [one.value for one in after.by_run.values()] == [2 / 3, 0, 1 / 3]
    assert after.found.value == float("inf")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 1},
        {"is_on": "yes"},
        {"is_on": 1},
        {"sizes": ["a"]},
        {"found": 3},
        {"found": {"kind": "Mixed"}},
        {"by_run": [1]},
        {"by_run": [{"key": {"metod": "a"}, "value": {}}]},
        {"key": 3},
        {"made_from": {"estimator": "a"}},
    ],
)
def test_another_type_is_one_error(wrong):
    with pytest.raises(InputError) as caught:
        Mixed.from_dict(Mixed(np.zeros(1)).to_dict() | wrong)
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_missing_has_its_default_or_is_named():
    data = Mixed(np.zeros(1), name="b").to_dict()
    del data["name"]
    assert Mixed.from_dict(data).name == "a"
    del data["values"]
    with pytest.raises(InputError, match=r"Mixed must hold its fields, got .*values"):
        Mixed.from_dict(data)
