"""Results: full precision on disk, a frame, a line, and no surprise for whoever reads a damaged file."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.run_key import RunKey
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
    assert not list(tmp_path.rglob(".*"))


def test_json_is_strict(tmp_path):
    text = sample().save(tmp_path / "r.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


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


def test_every_exported_kind_is_found_by_its_name_alone():
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


def test_a_frame_of_whole_numbers_with_gaps_keeps_them_whole_in_pandas():
    pandas = pytest.importorskip("pandas")

    @dataclasses.dataclass(frozen=True, eq=False, repr=False)
    class Gaps(Result):
        def frame(self):
            return pl.DataFrame({"n": [1, None], "ok": [True, None], "x": [0.5, None], "name": ["007", None]})

    shown = Gaps().to_pandas()
    assert [str(kind) for kind in shown.dtypes] == ["Int64", "boolean", "float64", "object"]
    assert shown["n"][0] == 1
    assert shown["name"][0] == "007"
    assert shown["n"][1] is pandas.NA


def test_pandas_needs_no_pyarrow():
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from featkit.results import Estimate\n"
        "assert Estimate(0.5).to_pandas()['value'][0] == 0.5\n"
    )
    pytest.importorskip("pandas")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_notebook_gets_a_line_and_a_table_with_letters_escaped():
    shown = Estimate(0.5, key=RunKey("<b>"))._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert "<table" in shown


def test_a_kind_without_a_figure_says_so():
    with pytest.raises(InputError, match="figure"):
        Estimate(0.5).plot()


SAVED = dataclasses.replace(Estimate(0.1 + 0.2, 0.1, float("inf")), key=RunKey("grl", "100X"))


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_byte_that_changed_is_one_line_that_names_the_file(tmp_path, data):
    path = SAVED.save(tmp_path / "r.json")
    written = path.read_bytes()
    place = data.draw(st.integers(0, len(written) - 1))
    kind = data.draw(st.sampled_from(["other", "cut", "more", "less"]))
    byte = bytes([data.draw(st.integers(0, 255).filter(lambda b: b != written[place]))])
    tail = {"other": byte + written[place + 1 :], "cut": b"", "more": byte + written[place:]}
    path.write_bytes(written[:place] + tail.get(kind, written[place + 1 :]))
    try:
        found = load_result(path)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert found.to_dict() == SAVED.to_dict()  # a space, or the name of the hash itself


@pytest.mark.parametrize("data", ["3", "[]", "null", '"text"', "{}", '{"kind": "Nothing"}', '{"kind": []}'])
def test_other_json_is_no_result(tmp_path, data):
    path = tmp_path / "r.json"
    path.write_text(data)
    with pytest.raises(InputError) as caught:
        load_result(path)
    assert str(path) in str(caught.value)
