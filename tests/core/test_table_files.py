import gzip

import polars as pl
import pytest

from featkit.core.errors import InputError
from featkit.core.table_files import column_names, read_table_file

ROWS = [("01", "a"), ("1", None)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", b"id,label\n01,a\n1,\n"),
        ("bom.csv", b"\xef\xbb\xbfid,label\r\n01,a\r\n1,\r\n"),
        ("german.csv", b"id;label\n01;a\n1;\n"),
        ("tabs.csv", b"id\tlabel\n01\ta\n1\t\n"),
        ("t.tsv", b"id\tlabel\n01\ta\n1\t\n"),
        ("t.csv.gz", gzip.compress(b"id,label\n01,a\n1,\n")),
        ("not called so.csv", gzip.compress(b"id,label\n01,a\n1,\n")),
        ("spaces.csv", b"id , label\n01,a\n1,\n"),
    ],
)
def test_what_people_call_csv_is_read_and_identifiers_stay_text(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    assert column_names(tmp_path / name) == ["id", "label"]
    assert read_table_file(tmp_path / name).rows() == ROWS


def test_named_columns_are_numbers(tmp_path):
    (tmp_path / "t.csv").write_text("id,x\n01,0.5\n02,\n")
    assert read_table_file(tmp_path / "t.csv", numbers=["x"])["x"].to_list() == [0.5, None]


def test_a_column_without_a_name_is_called_by_its_place(tmp_path):
    (tmp_path / "pandas.csv").write_text(",x\n0,1\n")
    assert column_names(tmp_path / "pandas.csv") == ["column 1", "x"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("t.csv", "a,b\n1,2\n".encode("utf-16"), "must be text in UTF-8, got UTF-16"),
        ("t.csv", "ü,b\n1,2\n".encode("latin-1"), "must be text in UTF-8, got another encoding"),
        ("t.csv", "a,b\nü,2\n".encode("latin-1"), "invalid utf-8"),
        ("t.csv", b"a,a\n1,2\n", "must all differ, got repeated: a"),
        ("t.csv", b"", "must begin with a line of column names, got an empty first line"),
        ("t.csv", b"\0\1\2", "got bytes that are no text"),
        ("t.csv", b"a,b\n1,2,3\n", "a row with more or fewer cells than the header"),
        ("t.csv", gzip.compress(b"a,b\n1,2\n")[:-6], "ended before the end-of-stream marker"),
        ("t.csv", b"a;x\n1;0,5\n", "could not parse `0,5`"),
        ("t.parquet", b"junk", "table must be readable"),
        ("t.xlsx", b"junk", r"must end in \.csv, \.tsv"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=said) as caught:
        read_table_file(tmp_path / name, numbers=["x"])
    assert "\n" not in str(caught.value)


def test_parquet_keeps_its_types(tmp_path):
    pl.DataFrame({"id": [1, 2], "x": [0.5, None]}).write_parquet(tmp_path / "t.parquet")
    assert read_table_file(tmp_path / "t.parquet").rows() == [(1, 0.5), (2, None)]
    assert column_names(tmp_path / "t.parquet") == ["id", "x"]
