import json

import numpy as np
import polars as pl
import pytest

from featkit import workflows
from featkit.core.errors import InputError
from featkit.core.options import SplitOptions
from featkit.core.workspace import Workspace
from featkit.data import Split
from featkit.workflows._split import ensure_split, workspace_folds
from featkit.workflows.steps.manifests import workspace_manifest


def roles(split):
    return dict(zip(split.patch_ids.tolist(), split.role.tolist(), strict=True))


def test_configured_folds_are_made_and_saved_with_their_audit(fresh_workspace):
    splits = workflows.split()
    assert [s.fold for s in splits] == ["100X", "200X"]
    for made in splits:
        saved = json.loads((fresh_workspace / "splits" / f"{made.fold}.json").read_text())
        assert saved["audit"]["shared_patients"] == []
        assert dict(zip(saved["patch_ids"], saved["role"], strict=True)) == roles(made)
        used = [set(made.patients[made.rows(role)]) for role in ("train", "val", "test")]
        assert len(set.union(*used)) == sum(map(len, used))
        assert set(made.domains[made.rows("test")]) == {made.fold}
        assert made.fold not in set(made.domains[made.rows("train")]) | set(made.domains[made.rows("val")])


def test_without_configured_folds_every_domain_is_held_out(fresh_workspace):
    toml = fresh_workspace / "featkit.toml"
    toml.write_text(toml.read_text().replace('folds = ["100X", "200X"]', "folds = []"))
    assert [s.fold for s in workflows.split()] == ["40X", "100X", "200X", "400X"]


def test_what_is_given_overrides_what_is_configured(fresh_workspace, tmp_path):
    (plain,) = workflows.split(options=SplitOptions(folds=("400X",)))
    (other,) = workflows.split(options=SplitOptions(folds=("400X",), seed=3), output=tmp_path / "out")
    (larger,) = workflows.split(
        options=SplitOptions(folds=("400X",), test_fraction=0.5, val_fraction=0.1), output=tmp_path / "out"
    )
    assert roles(plain) != roles(other)
    assert larger.audit.n_patients["test"] == 6
    assert roles(Split.load(tmp_path / "out" / "400X.json")) == roles(larger)
    assert roles(Split.load(fresh_workspace / "splits" / "400X.json")) == roles(plain)


def test_another_column_can_be_the_domain(fresh_workspace):
    manifest = workspace_manifest(Workspace.require())
    frame = manifest.frame.with_columns(site="s" + pl.col("patch_id").str.slice(-1))
    frame.write_csv(fresh_workspace / "table.csv")
    splits = workflows.split(fresh_workspace / "table.csv", options=SplitOptions(domain="site"), output="out")
    assert {s.fold: s.domain for s in splits} == {"s1": "site", "s2": "site"}
    for made in splits:
        assert set(made.domains[made.rows("test")]) == {made.fold}


def test_outside_a_workspace_splits_go_to_a_folder_here(prepared_workspace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    workflows.split(prepared_workspace / "data" / "manifest.csv", options=SplitOptions(folds=("40X",)))
    assert Split.load(tmp_path / "splits" / "40X.json").fold == "40X"
    with pytest.raises(InputError, match="needs a workspace"):
        workflows.split()


def official(path, manifest):
    """A list of five folds that keep patients apart: fold k tests the patients whose number leaves k when halved."""
    side = {
        f"dsfold{k}": [("test" if int(p[-2:]) % 5 == k - 1 else "train") for p in manifest.frame["patient"]]
        for k in range(1, 6)
    }
    pl.DataFrame({"filename": [f"{i}.png" for i in manifest.frame["patch_id"]], **side}).write_csv(path)
    return path


def test_official_folds_take_seed_and_fraction_and_one_may_be_chosen(fresh_workspace):
    manifest = workspace_manifest(Workspace.require())
    path = official(fresh_workspace / "files.csv", manifest)
    assert [s.fold for s in workflows.split(official=path)] == [f"dsfold{k}" for k in range(1, 6)]
    (one,) = workflows.split(official=path, options=SplitOptions(folds=("dsfold2",), val_fraction=0.2), output="out")
    assert set(one.patients[one.rows("test")]) == {p for p in one.patients if int(p[-2:]) % 5 == 1}
    first, second = (
        workflows.split(official=path, options=SplitOptions(folds=("dsfold2",), seed=seed), output="out")[0]
        for seed in (0, 1)
    )
    assert (first.rows("test") == second.rows("test")).all()
    assert not np.array_equal(first.rows("val"), second.rows("val"))
    with pytest.raises(InputError, match="official one, got '100X'"):
        workflows.split(official=path, options=SplitOptions(folds=("100X",)))


def test_a_saved_split_is_used_as_it_is(workspace):
    kept = roles(Split.load(workspace / "splits" / "100X.json"))
    toml = workspace / "featkit.toml"
    toml.write_text(toml.read_text().replace("seed = 0\n\n[encoder]", "seed = 9\n\n[encoder]"))
    home = Workspace.require()
    assert home.config.split.seed == 9
    assert roles(ensure_split(home, "100X", workspace_manifest(home))) == kept
    assert workspace_folds(home, workspace_manifest(home)) == ["100X", "200X"]


@pytest.mark.parametrize("changed", ["patients", "patches"])
def test_a_split_of_another_manifest_is_refused(workspace, changed):
    table = workspace / "data" / "manifest.csv"
    rows = pl.read_csv(table, infer_schema=False)
    if changed == "patches":
        rows[1:].write_csv(table)
    else:
        merged = rows["patient"].to_list()[0]
        rows = rows.with_columns(slide=pl.lit(None, dtype=pl.String))
        rows.with_columns(patient=pl.col("patient").replace({"14-50002": merged})).write_csv(table)
    workflows.init()
    with pytest.raises(InputError, match=r"of the manifest's patches and patients.*Make it again with 'featkit split'"):
        workflows.audit()
    workflows.split()
    assert len(workflows.audit()) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folds": ("300X",)}, "fold must be a value of 'magnification', got '300X'. Did you mean"),
        ({"domain": "site"}, "site"),
        ({"test_fraction": 1.5}, "test_fraction must be strictly between 0 and 1, got 1.5"),
        ({"test_fraction": 0.6, "val_fraction": 0.4}, "less than 1 together with val_fraction"),
        ({"seed": -1}, "a seed must be a whole number of at least 0, got -1"),
    ],
)
def test_wrong_options_are_named_and_nothing_is_saved(fresh_workspace, options, said):
    with pytest.raises(InputError, match=said):
        workflows.split(options=SplitOptions(**options))
    assert not (fresh_workspace / "splits").exists()


def test_a_list_of_official_folds_that_is_not_there_is_named(fresh_workspace):
    with pytest.raises(InputError, match="the table must exist"):
        workflows.split(official="nowhere.csv")


def test_one_impossible_fold_saves_no_other(fresh_workspace):
    toml = fresh_workspace / "featkit.toml"
    toml.write_text(toml.read_text().replace('"200X"]', '"300X"]'))
    with pytest.raises(InputError, match="300X"):
        workflows.split()
    assert not (fresh_workspace / "splits").exists()
