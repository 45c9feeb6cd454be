"""Files are whole or as they were, whatever happens while they are written."""

import errno
import json
import os
import shutil
import stat
from collections import namedtuple

import pytest

from featkit.core import files
from featkit.core.errors import InputError
from featkit.core.files import disk_errors, read_json, require_free, whole_file, write_bytes, write_json, write_text


def stopped(path, error):
    with whole_file(path) as partial:
        partial.write_text("new")
        raise error


@pytest.mark.parametrize("error", [ValueError("stop"), KeyboardInterrupt(), MemoryError()])
def test_an_error_while_writing_leaves_the_old_file_and_no_other(tmp_path, error):
    path = write_text(tmp_path / "a.csv", "old")
    with pytest.raises(type(error)):
        stopped(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "disk must have free space"),
        (errno.EDQUOT, "disk quota must have room"),
        (errno.EROFS, "folder must be writable"),
        (errno.EACCES, "folder must be writable"),
    ],
)
def test_a_disk_that_refuses_leaves_the_old_file_and_is_one_line(tmp_path, monkeypatch, call, code, said):
    path = write_text(tmp_path / "a.json", "old")

    def refuse(*args):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, call, refuse)
    with pytest.raises(InputError) as caught:
        write_text(path, "new")
    assert str(caught.value).startswith(f"{said} to write {path}, got ")
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_other_errors_of_the_system_stay_what_they_are(tmp_path):
    with pytest.raises(OSError, match="Input/output"), disk_errors(tmp_path):
        raise OSError(errno.EIO, "Input/output error")


def test_writers_of_one_path_do_not_meet(tmp_path):
    path = tmp_path / "deep" / "a.parquet"
    with whole_file(path) as first, whole_file(path) as second:
        assert first != second
        assert {first.parent, second.parent} == {path.parent}
        assert {first.suffix, second.suffix} == {".parquet"}
        first.write_text("first")
        second.write_text("second")
        assert not path.exists()
    assert path.read_text() == "first"  # the block that ends last
    assert list(path.parent.iterdir()) == [path]


def test_contents_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(files.os, "fsync", lambda *a: (order.append("contents"), fsync(*a)))
    monkeypatch.setattr(files.os, "replace", lambda *a: (order.append("name"), replace(*a)))
    write_bytes(tmp_path / "a", b"x")
    assert order == ["contents", "name"]


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((InputError, FileExistsError), match="file"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_json_keeps_letters_and_refuses_what_json_has_no_word_for(tmp_path):
    path = write_json(tmp_path / "a.json", {"é": [1, 0.1 + 0.2, None]})
    assert "é" in path.read_text(encoding="utf-8")
    assert read_json(path, "table") == {"é": [1, 0.1 + 0.2, None]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8")) == {"é": [1, 0.1 + 0.2, None]}


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"{'a': 1}"])
def test_what_is_no_json_is_one_line_that_names_the_file(tmp_path, data):
    path = tmp_path / "split.json"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_json(path, "split")
    assert str(caught.value).startswith(f"{path} must be a split in JSON, got ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.json", ".", "file/below.json"])
def test_a_path_without_a_file_says_what_should_be_there(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="the split must be a file, got nothing at"):
        read_json(tmp_path / name, "split")


def test_work_that_the_disk_cannot_hold_is_refused_before_it_starts(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**10, 0, 5_000_000))
    require_free(tmp_path, 5_000_000)
    with pytest.raises(InputError, match=r"about 2\.50 GB free .*, got 5\.0 MB"):
        require_free(tmp_path, 2_500_000_000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_what_is_no_file_is_not_replaced(tmp_path):
    """Renamed into place, a file would take that of /dev/null; a pipe stands for all devices here."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="pipe must be free or a file, got a device"):
        write_text(pipe, "x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_is_not_written_as_a_file(tmp_path):
    with pytest.raises(InputError, match="must be free or a file, got a folder"):
        write_text(tmp_path, "x")
