"""What every exported result promises: it comes back from JSON, is frozen, and shows itself in a line."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.results import Estimate, Result, SignatureSet, load_result


def test_it_comes_back_from_json_as_it_was(result):
    written = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    again = type(result).from_dict(written)
    assert type(again) is type(result)
    assert again.to_dict() == result.to_dict()
    assert (again.key, again.made_from) == (result.key, result.made_from)
    for field in dataclasses.fields(result):
        before, after = getattr(result, field.name), getattr(again, field.name)
        assert type(after) is type(before), field.name
        if isinstance(before, np.ndarray):
            assert (after.shape, after.dtype.kind) == (before.shape, before.dtype.kind), field.name


def test_it_comes_back_from_a_file_without_its_class(result, tmp_path):
    assert load_result(result.save(tmp_path / "r.json")).to_dict() == result.to_dict()


def test_a_field_too_many_or_another_version_is_refused(result):
    with pytest.raises(InputError, match=f"{type(result).__name__} must be of version"):
        type(result).from_dict(result.to_dict() | {"version": 99})
    if not isinstance(result, Estimate):
        with pytest.raises(InputError, match="result must be of kind Estimate"):
            Estimate.from_dict(result.to_dict())


def test_a_field_too_few_is_named(result):
    needed = [f.name for f in dataclasses.fields(result) if f.default is f.default_factory is dataclasses.MISSING]
    for name in needed:
        data = result.to_dict()
        del data[name]
        with pytest.raises(InputError, match=f"must hold its fields, got .*{name}"):
            type(result).from_dict(data)


def test_it_is_frozen_and_a_dataclass_of_its_own(result):
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.key = None
    assert isinstance(result, Result)


def test_it_shows_itself_in_a_line(result):
    assert len(repr(result)) < 300
    assert repr(result).startswith(f"<{type(result).__name__} of grl signature, 100X, seed 0")
    assert "\n" not in repr(result)


def test_a_notebook_shows_it(result):
    assert len(result.summary()) < 250
    assert "\n\n" not in result.summary()
    if isinstance(result, SignatureSet):
        return
    assert result._repr_html_().startswith(f"<p>{type(result).__name__} of grl signature, 100X, seed 0")


def test_pandas_shows_what_polars_does(result):
    pytest.importorskip("pandas")
    if isinstance(result, SignatureSet):
        pytest.skip("its frame asks for an evaluation of every fold; tested with the tables of the report")
    polars, pandas = result.frame(), result.to_pandas()
    assert list(pandas.columns) == polars.columns
    assert len(pandas) == len(polars) or not polars.width


def test_no_exported_name_is_missing():
    code = "import featkit.results as r; [getattr(r, n) for n in r.__all__]; assert set(r.__all__) <= set(dir(r))"
    subprocess.run([sys.executable, "-c", code], check=True)
