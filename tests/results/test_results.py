import dataclasses
import json

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.results import Estimate, Result, load_result


@dataclasses.dataclass(frozen=True, eq=False)
class Sample(Result):
    name: str
    values: np.ndarray
    estimates: dict[str, Estimate]
    notes: tuple[str, ...] = ()
    inner: Estimate | None = None
    parts: tuple[Estimate, ...] = ()
    ratio: float = float("nan")


def sample():
    estimate = Estimate(0.1 + 0.2, 0.1, float("inf"), method="bca", n_draws=10)
    return Sample(
        "a", np.array([[0.1, np.nan], [np.inf, 1 / 3]]), {"auc": estimate}, ("n",), estimate, (estimate, estimate)
    )


def test_round_trip_keeps_full_precision(tmp_path):
    before = sample()
    after = load_result(before.save(tmp_path / "deep" / "r.json"))
    assert isinstance(after, Sample)
    np.testing.assert_array_equal(after.values, before.values)
    assert after.estimates["auc"].value == 0.1 + 0.2
    assert after.inner.high == float("inf")
    assert after.notes == ("n",)
    assert isinstance(after.parts, tuple)
    assert np.isnan(after.ratio)
    assert not list(tmp_path.rglob("*.partial"))


def test_json_is_strict(tmp_path):
    text = sample().save(tmp_path / "r.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_string_arrays_stay_strings():
    result = Sample("a", np.array(["40", "nano", "nan"]), {})
    np.testing.assert_array_equal(Sample.from_dict(result.to_dict()).values, ["40", "nano", "nan"])


def test_another_kind_or_version_is_refused():
    data = sample().to_dict()
    with pytest.raises(InputError, match="kind Estimate"):
        Estimate.from_dict(data)
    with pytest.raises(InputError, match="version 1, got 9"):
        Sample.from_dict(data | {"version": 9})


def test_results_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        sample().name = "b"


def test_frame_has_the_scalars():
    assert sample().frame().to_dicts()[0].keys() == {"name", "ratio"}


def test_estimates_read_well():
    assert str(Estimate(0.5)) == "0.500"
    assert str(Estimate(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"


def test_every_exported_kind_is_found_by_its_name_alone():
    import subprocess
    import sys

    code = (
        "from featkit.results.base import result_type\n"
        "names = ['Signature', 'ProbeResult', 'Evaluation', 'OverlapResult', 'Comparison']\n"
        "assert all(result_type(name).__name__ == name for name in names)\n"
        "assert result_type('NoSuchResult') is None and result_type(None) is None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_field_cannot_take_the_place_of_the_type_tag():
    with pytest.raises(TypeError, match="kind"):

        class Wrong(Result):
            kind: str
