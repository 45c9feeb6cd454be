"""A split file that somebody or something changed is a split still, or one line that names the file."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.data import Split, from_roles


@pytest.fixture
def path(table, tmp_path):
    frame = table({f"{label}{k}": label for label in "ab" for k in range(2)})
    roles = ["train" if patient.endswith("0") else "test" for patient in frame["patient"]]
    return from_roles(frame, roles, fold="mine").save(tmp_path / "mine.json")


def is_read_or_refused(path):
    try:
        found = Split.load(path)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert isinstance(found, Split)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_that_changed(path, data):
    written = path.read_bytes()
    place = data.draw(st.integers(0, len(written) - 1))
    byte = bytes([data.draw(st.integers(0, 255))])
    end = data.draw(st.sampled_from([written[place + 1 :], written[place:], b""]))
    path.write_bytes(written[:place] + byte + end)
    try:
        is_read_or_refused(path)
    finally:
        path.write_bytes(written)


VALUES = st.none() | st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=3)
VALUES |= st.dictionaries(st.text(max_size=4), st.none() | st.integers(), max_size=2)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_values_that_changed(path, data):
    written = path.read_bytes()
    body = json.loads(written)
    table = data.draw(st.sampled_from([body, body["audit"]]))
    table[data.draw(st.sampled_from(sorted(table)))] = data.draw(VALUES)
    path.write_text(json.dumps(body))
    try:
        is_read_or_refused(path)
    finally:
        path.write_bytes(written)


def test_roles_that_no_split_may_have_name_the_file(path):
    body = json.loads(path.read_text())
    body["role"][0] = "test" if body["role"][0] == "train" else "train"
    path.write_text(json.dumps(body))
    with pytest.raises(InputError, match=r"mine\.json: train, val and test must not share a patient"):
        Split.load(path)


@pytest.mark.parametrize("text", ["", "[]", "3", "[" * 100_000])
def test_other_files_are_no_splits(path, text):
    path.write_text(text)
    is_read_or_refused(path)
