"""Names of files stand for one name each."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.file_names import file_name, original_name

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(NAMES)
@example("100x")
@example("100X")
@example("CON")
@example("nul.txt")
@example("..")
@example(".hidden")
@example("x.")
def test_every_name_comes_back(name):
    assert original_name(file_name(name)) == name


@given(NAMES, NAMES)
@example("100x", "100X")
@example("a", "A")
@example("+a", "A")
def test_two_names_differ_also_where_case_is_ignored(a, b):
    assert (file_name(a).casefold() == file_name(b).casefold()) == (a == b)


@given(NAMES)
def test_written_names_are_safe_on_any_file_system(name):
    written = file_name(name)
    assert written.isascii()
    assert not set(written) & set('/\\:*?"<>| \0')
    assert written[0] != "."
    assert written[-1] != "."


@pytest.mark.parametrize(
    ("name", "written"),
    [("100X", "100X"), ("2.5X", "2.5X"), ("grl", "grl"), ("H/DAB", "+h%2fdab"), ("MIDOG21", "+midog21")],
)
def test_usual_names_stay_readable(name, written):
    assert file_name(name) == written


@pytest.mark.parametrize("name", ["", "x" * 5000, "é" * 100])
def test_empty_and_endless_names_are_refused_in_one_line(name):
    with pytest.raises(InputError) as caught:
        file_name(name)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("written", ["", "A", "%zz", "%41", "a b", "100x", "%ff", "+"])
def test_other_files_are_not_read_as_names(written):
    with pytest.raises(InputError):
        original_name(written)
