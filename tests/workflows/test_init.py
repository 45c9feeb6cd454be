import shutil

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featkit import workflows
from featkit.core.config import read_config
from featkit.core.errors import InputError
from featkit.core.options import DataOptions, EncoderOptions, SplitOptions, TrainOptions
from featkit.core.run_key import RunFilter
from featkit.core.workspace import Workspace
from featkit.workflows._init import _toml
from featkit.workflows.steps.manifests import workspace_manifest

TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\x7f\x85\u2028\u2029", exclude_categories=["Cs"]), max_size=12
)


@given(
    path=TEXT,
    metadata=st.none() | TEXT,
    domain=TEXT.filter(bool),
    scale=st.none() | st.floats(0.01, 10),
    columns=st.dictionaries(st.sampled_from(["patient", "label", "mpp"]), TEXT),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_what_is_written_reads_back_whatever_the_names(tmp_path, path, metadata, domain, scale, columns):
    asked = DataOptions(path=path, adapter="table", metadata=metadata, scale=scale, columns=columns)
    design = SplitOptions(domain=domain, folds=("a", path))
    file = tmp_path / "featkit.toml"
    text = f"[data]\n{_toml(asked, 'data')}\n[split]\n{_toml(design, 'split')}\n"
    file.write_text(text, encoding="utf-8")
    assert (read_config(file).data, read_config(file).split) == (asked, design)


def test_the_workspace_says_what_was_found(fresh_workspace):
    config = read_config(fresh_workspace / "featkit.toml")
    assert config.data == DataOptions(path="data/manifest.csv", adapter="table")
    assert config.encoder.name == "tiny"
    assert len(workspace_manifest(Workspace.require())) == 12 * 2 * 4


def test_an_existing_workspace_is_left_alone_unless_forced(fresh_workspace):
    toml = fresh_workspace / "featkit.toml"
    toml.write_text(toml.read_text() + "\n[probe]\nn_permutations = 7\n")
    before = toml.read_text()
    with pytest.raises(InputError, match="run 'featkit init' without data, or use --force"):
        workflows.init("data/manifest.csv")
    assert toml.read_text() == before
    workflows.init("data/manifest.csv", force=True)
    assert read_config(toml).probe.n_permutations == 200
    assert read_config(toml).split.folds == ("40X", "100X", "200X", "400X")


def test_without_data_the_data_is_read_again_and_the_configuration_kept(fresh_workspace):
    table = fresh_workspace / "data" / "manifest.csv"
    rows = pl.read_csv(table, infer_schema=False)
    rows[4:].write_csv(table)
    before = (fresh_workspace / "featkit.toml").read_text()
    assert len(workspace_manifest(Workspace.require())) == 96
    assert len(workflows.init()) == 92
    assert len(workspace_manifest(Workspace.require())) == 92
    assert (fresh_workspace / "featkit.toml").read_text() == before


def test_a_workspace_with_its_data_may_move(fresh_workspace, tmp_path):
    moved = shutil.move(fresh_workspace, tmp_path / "elsewhere")
    assert workspace_manifest(Workspace.require(moved)).missing_files() == []


def test_nothing_is_written_where_the_data_cannot_be_read(tmp_path):
    new = tmp_path / "new"
    with pytest.raises(InputError, match="nothing at"):
        workflows.init(tmp_path / "nowhere", workspace=new)
    assert not new.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"split": SplitOptions(domain="site")},
            "the domain must be a column of the table, got .site.",
        ),
        (
            {"options": DataOptions(adapter="breakhis", patient_key="name")},
            "patient_key must be 'case' or 'id'|image folder must exist",
        ),
        ({"options": DataOptions(scale=0.5)}, "scale of .data. is for the adapter breakhis"),
        ({"options": DataOptions(columns={"patient": "who"})}, "mapped columns who"),
    ],
)
def test_wrong_options_are_named(prepared_workspace, tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        workflows.init(prepared_workspace / "data" / "manifest.csv", workspace=tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_a_domain_must_have_a_value_everywhere(prepared_workspace, tmp_path):
    rows = pl.read_csv(prepared_workspace / "data" / "manifest.csv", infer_schema=False)
    rows = rows.with_columns(path=pl.lit(f"{prepared_workspace}/data/") + pl.col("path"))
    holes = rows.with_columns(magnification=pl.when(pl.int_range(pl.len()) > 3).then(pl.col("magnification")))
    holes.write_csv(tmp_path / "t.csv")
    with pytest.raises(InputError, match="column 'magnification' must have a value in every row, got 4 without"):
        workflows.init(tmp_path / "t.csv", workspace=tmp_path)
    rows.drop("magnification").write_csv(tmp_path / "t.csv")
    manifest = workflows.init(tmp_path / "t.csv", workspace=tmp_path, split=SplitOptions(domain="subtype"))
    assert set(read_config(tmp_path / "featkit.toml").split.folds) == set(manifest.frame["subtype"])
    assert read_config(tmp_path / "featkit.toml").split.domain == "subtype"


def test_an_encoder_file_is_named_from_the_workspace(finished_workspace, tmp_path):
    weights = finished_workspace / "runs" / "baseline" / "100X" / "seed0" / "checkpoint" / "encoder.safetensors"
    (tmp_path / "e.safetensors").symlink_to(weights)
    workflows.init(
        finished_workspace / "data" / "manifest.csv", workspace=tmp_path, encoder=EncoderOptions(name=str(weights))
    )
    assert read_config(tmp_path / "featkit.toml").encoder.name == str(weights)


def test_an_unknown_encoder_is_refused_before_the_data_is_read(tmp_path):
    pytest.importorskip("torch", reason="the extra [torch] is not installed")
    with pytest.raises(InputError, match=r"got 'tyni'\. Did you mean 'tiny'"):
        workflows.init(tmp_path / "nowhere", workspace=tmp_path, encoder=EncoderOptions(name="tyni"))


def test_the_design_that_is_given_is_written(prepared_workspace, tmp_path):
    design = SplitOptions(folds=("100X",), test_fraction=0.4, val_fraction=0.2, seed=3)
    start = EncoderOptions(name="tiny", weights="random", offline=True)
    data = prepared_workspace / "data" / "manifest.csv"
    workflows.init(data, workspace=tmp_path, options=DataOptions(positive="benign"), split=design, encoder=start)
    found = read_config(tmp_path / "featkit.toml")
    assert (found.split, found.encoder, found.data.positive) == (design, start, "benign")


def test_a_table_without_a_domain_is_divided_by_patients_and_trained(prepared_workspace, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="the extra [torch] is not installed")
    rows = pl.read_csv(prepared_workspace / "data" / "manifest.csv", infer_schema=False)
    rows = rows.with_columns(path=pl.lit(f"{prepared_workspace}/data/") + pl.col("path"))
    rows.drop("magnification").write_csv(tmp_path / "t.csv")
    split, encoder = SplitOptions(n_folds=3), EncoderOptions(name="tiny")
    workflows.init(tmp_path / "t.csv", workspace=tmp_path, split=split, encoder=encoder)
    assert read_config(tmp_path / "featkit.toml").split.folds == ("fold 1", "fold 2", "fold 3")
    monkeypatch.chdir(tmp_path)
    (run,) = workflows.train(runs=RunFilter("baseline", "fold 2"), options=TrainOptions(n_epochs=1))
    (store,) = workflows.extract()
    assert (store.provenance["fold"], store.path) == ("fold 2", run.store)
    with pytest.raises(InputError, match="at least two training domains"):
        workflows.train(runs=RunFilter("grl", "fold 2"), options=TrainOptions(n_epochs=1))
