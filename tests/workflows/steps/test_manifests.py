import contextlib
import json
import re

import numpy as np
import polars as pl
import pytest
from PIL import Image

from featkit.core.errors import InputError
from featkit.core.options import DataOptions
from featkit.core.progress import reporting_to
from featkit.core.workspace import Workspace
from featkit.workflows.steps.manifests import guess_adapter, read_manifest, workspace_manifest


def picture(path, size=(20, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), 200, dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def breakhis(tmp_path):
    for number, side in enumerate(("B_F", "B_A", "M_DC", "M_LC"), start=1):
        for magnification in (40, 100):
            picture(tmp_path / "slides" / f"SOB_{side}-14-{number}-{magnification}-001.png", (230, 350))
    return tmp_path / "slides"


@pytest.fixture
def table(tmp_path):
    rows = [
        (f"{label}{i}", label, f"p{i}", m) for i, label in enumerate(("benign", "malignant")) for m in ("40X", "100X")
    ]
    names = [f"{name}-{m}.png" for name, _, _, m in rows]
    for name in names:
        picture(tmp_path / name)
    path = tmp_path / "patches.csv"
    pl.DataFrame(
        {
            "path": names,
            "label": [r[1] for r in rows],
            "case_id": [r[2] for r in rows],
            "magnification": [r[3] for r in rows],
            "centre": [f"c{r[2]}" for r in rows],
        }
    ).write_csv(path)
    return path


class Notes:
    """Collects what is said."""

    def __init__(self):
        self.said = []

    def start(self, description, total):
        return 0

    def advance(self, task, steps):
        pass

    def finish(self, task):
        pass

    def note(self, message):
        self.said.append(message)


@contextlib.contextmanager
def noted():
    notes = Notes()
    with reporting_to(notes):
        yield notes.said


def test_the_adapter_is_seen_from_the_data(breakhis, table, tmp_path):
    assert guess_adapter(breakhis) == "breakhis"
    assert guess_adapter(table) == "table"
    picture(tmp_path / "classes" / "benign" / "a.png")
    assert guess_adapter(tmp_path / "classes") == "folder"
    (tmp_path / "patches.xlsx").touch()
    for strange, said in ((tmp_path / "patches.xlsx", "must end in"), (tmp_path / "nowhere", "nothing at")):
        with pytest.raises(InputError, match=said):
            guess_adapter(strange)


def test_scale_turns_the_published_optics_into_the_mpp_of_a_copy(breakhis):
    manifest = read_manifest(DataOptions(path=str(breakhis), scale=0.5), breakhis)
    found = dict(manifest.frame.select("magnification", "mpp").iter_rows())
    assert found == pytest.approx({"40X": 6.5 / (4 * 3.3) / 0.5, "100X": 6.5 / (10 * 3.3) / 0.5})


def test_a_set_that_should_be_complete_is_counted(breakhis):
    with pytest.raises(InputError, match="7,909 images"):
        read_manifest(DataOptions(path=str(breakhis), scale=1.0, complete=True), breakhis)
    assert len(read_manifest(DataOptions(path=str(breakhis), scale=1.0, complete=False), breakhis)) == 8


def test_columns_and_labels_reach_the_table(table, tmp_path):
    config = DataOptions(path=table.name, adapter="table", columns={"patient": "case_id"})
    assert read_manifest(config, tmp_path).frame["patient"].unique().sort().to_list() == ["p0", "p1"]
    with pytest.raises(InputError, match="no patient among path, label, case_id"):
        read_manifest(DataOptions(path=table.name, adapter="table"), tmp_path)
    known = DataOptions(path=table.name, adapter="table", columns={"patient": "case_id"}, labels=("benign",))
    with pytest.raises(InputError, match="labels must be among benign, got malignant"):
        read_manifest(known, tmp_path)


def test_a_folder_takes_its_table_from_the_root(tmp_path):
    picture(tmp_path / "classes" / "benign" / "a.png")
    picture(tmp_path / "classes" / "malignant" / "b.png")
    (tmp_path / "tables").mkdir()
    rows = pl.DataFrame({"path": ["benign/a.png", "malignant/b.png"], "who": ["1", "2"], "magnification": ["40X"] * 2})
    rows.write_csv(tmp_path / "tables" / "m.csv")
    config = DataOptions(path="classes", adapter="folder", metadata="tables/m.csv", columns={"patient": "who"})
    assert read_manifest(config, tmp_path).frame["patient"].to_list() == ["1", "2"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"adapter": "table", "scale": 0.5},
            "scale of .data. is for the adapter breakhis, got 0.5 with the adapter table",
        ),
        ({"adapter": "table", "patient_key": "id"}, "patient_key of .data. is for the adapter breakhis"),
        ({"adapter": "table", "complete": False}, "complete of .data. is for the adapter breakhis"),
        ({"adapter": "breakhis", "columns": {"patient": "x"}}, "columns of .data. is for the adapter folder or table"),
        ({"adapter": "breakhis", "labels": ("benign",)}, "labels of .data. is for the adapter folder or table"),
        ({"adapter": "table", "metadata": "m.csv"}, "metadata of .data. is for the adapter folder"),
        ({"adapter": "tabel"}, "Did you mean 'table'"),
    ],
)
def test_a_key_that_would_do_nothing_is_refused(table, tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        read_manifest(DataOptions(path=table.name, **options), tmp_path)


def test_a_configuration_written_by_hand_is_enough(table, tmp_path):
    (tmp_path / "featkit.toml").write_text(
        f'[data]\npath = "{table.name}"\nadapter = "table"\ncolumns = {{ patient = "case_id" }}\n'
    )
    with noted() as said:
        first = workspace_manifest(Workspace.require(tmp_path))
        again = workspace_manifest(Workspace.require(tmp_path))
    assert said == []
    assert first.frame.equals(again.frame)


def test_the_data_is_read_again_when_its_section_changes_and_only_then(table, tmp_path):
    toml = tmp_path / "featkit.toml"
    toml.write_text('[data]\npath = "patches.csv"\nadapter = "table"\ncolumns = { patient = "case_id" }\n')
    workspace_manifest(Workspace.require(tmp_path))
    written = (tmp_path / "manifest.parquet").stat().st_mtime_ns
    toml.write_text(toml.read_text() + 'positive = "benign"\n')
    with noted() as said:
        workspace_manifest(Workspace.require(tmp_path))
    assert said == []
    assert (tmp_path / "manifest.parquet").stat().st_mtime_ns == written
    toml.write_text(re.sub('patient = "case_id"', 'patient = "centre"', toml.read_text()))
    with noted() as said:
        manifest = workspace_manifest(Workspace.require(tmp_path))
    assert said == ["[data] of featkit.toml has changed: reading the data again"]
    assert set(manifest.frame["patient"]) == {"cp0", "cp1"}


def test_without_an_adapter_the_data_says_which(table, tmp_path):
    columns = {"patient": "case_id"}
    found = read_manifest(DataOptions(path=table.name, columns=columns), tmp_path)
    assert found.frame.equals(
        read_manifest(DataOptions(path=table.name, adapter="table", columns=columns), tmp_path).frame
    )


def test_what_version_0_1_read_is_not_read_again(table, tmp_path):
    toml = tmp_path / "featkit.toml"
    toml.write_text('[data]\npath = "patches.csv"\nadapter = "table"\ncolumns = { patient = "case_id" }\n')
    workspace_manifest(Workspace.require(tmp_path))
    old = {"path": "patches.csv", "adapter": "table", "metadata": "", "columns": {"patient": "case_id"}, "labels": []}
    old |= {"patient_key": "case", "scale": None, "complete": None}
    (tmp_path / "manifest.json").write_text(json.dumps(old))
    with noted() as said:
        workspace_manifest(Workspace.require(tmp_path))
    assert said == []
