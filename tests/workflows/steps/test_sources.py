import shutil

import numpy as np
import polars as pl
import pytest

import featkit
from featkit import workflows
from featkit.core.errors import InputError
from featkit.core.options import SplitOptions
from featkit.core.run_key import RunFilter, RunKey
from featkit.data import Split
from featkit.store import write_store
from featkit.workflows.steps.sources import find_sources

TRAINED = "runs/baseline/100X/seed0/embeddings.zarr"


def explicit(path, n_patients=12, **provenance):
    """A store of patients with three patches at each of two sites."""
    random = np.random.default_rng(0)
    who = np.repeat(np.arange(n_patients), 6)
    rows = pl.DataFrame(
        {
            "patch_id": [f"x{i}" for i in range(who.size)],
            "label": ["benign" if p % 2 else "malignant" for p in who],
            "patient": [f"p{p}" for p in who],
            "site": ["north", "south"] * (who.size // 2),
            "magnification": ["40X", "100X", "200X"] * (who.size // 3),
        }
    )
    return write_store(path, random.normal(size=(who.size, 4)).astype(np.float32), rows, provenance)


def test_every_store_of_the_workspace_that_matches(workspace):
    keys = [RunKey(method, fold, 0) for method in ("baseline", "grl") for fold in ("100X", "200X")]
    assert [s.key for s in find_sources(None)] == keys
    assert [s.key for s in find_sources(None, RunFilter(method="grl"))] == keys[2:]
    assert [s.key for s in find_sources(None, RunFilter(fold="200X", seed=0))] == keys[1::2]
    for methods in ("gril", ("grl", "gril")):
        with pytest.raises(InputError, match=r"a store must match method .*gril.*There are: baseline, 100X, seed 0"):
            find_sources(None, RunFilter(method=methods))
    shutil.rmtree(workspace / "runs")
    with pytest.raises(InputError, match="Run 'featkit extract' first"):
        find_sources(None)


def test_a_path_into_the_workspace_is_the_run_it_belongs_to(workspace):
    (source,) = find_sources(workspace / TRAINED)
    assert source.key == RunKey("baseline", "100X", 0)
    assert source.results.root == workspace / "results"
    assert source.folds() == ["100X"]
    trained = "the fold must be the one that baseline, 100X, seed 0 was trained without, got 200X"
    with pytest.raises(InputError, match=trained):
        find_sources(workspace / TRAINED, RunFilter(fold="200X"))
    (elsewhere,) = find_sources(featkit.open_store(TRAINED), output="out")
    assert elsewhere.results.root.name == "out"
    assert elsewhere.home == source.results


def test_a_trained_store_keeps_the_split_it_was_trained_with_wherever_it_goes(workspace, tmp_path):
    split = Split.load(workspace / "splits" / "100X.json")
    workflows.split(options=SplitOptions(folds=("100X",), seed=5))
    assert Split.load(workspace / "splits" / "100X.json").role.tolist() != split.role.tolist()
    shutil.copytree(workspace / TRAINED, tmp_path / "away" / "x.zarr")
    for path in (workspace / TRAINED, tmp_path / "away" / "x.zarr"):
        (source,) = find_sources(path)
        found = source.split("100X")
        assert found.role.tolist() == split.role.tolist()
        assert found.audit.pixels_compared


def test_a_frozen_store_takes_the_saved_split_without_the_bad_patches(workspace):
    bad = next((workspace / "data").rglob("*-100-001.png"))
    bad.write_bytes(b"")
    (store,) = workflows.extract(runs=RunFilter(method="frozen"))
    assert store.n == 95
    (source,) = find_sources(store)
    assert source.folds() == ["100X", "200X"]
    assert source.folds(RunFilter(fold="100X")) == ["100X"]
    saved = Split.load(workspace / "splits" / "100X.json")
    keep = saved.patch_ids != bad.stem
    assert source.split("100X").role.tolist() == saved.role[keep].tolist()
    with pytest.raises(InputError, match=r"got '300X'. Did you mean '200X'"):
        source.folds(RunFilter(fold="300X"))


def test_a_saved_split_of_any_name_can_be_asked_for(workspace):
    split = Split.load(workspace / "splits" / "100X.json")
    import dataclasses

    dataclasses.replace(split, fold="dsfold1", domain=None).save(workspace / "splits" / "dsfold1.json")
    workflows.extract(runs=RunFilter(method="frozen"))
    (source,) = find_sources(None, RunFilter(method="frozen"))
    assert source.folds(RunFilter(fold="dsfold1")) == ["dsfold1"]
    assert source.split("dsfold1").role.tolist() == split.role.tolist()


def test_a_store_of_other_patches_is_refused(workspace):
    workflows.extract(runs=RunFilter(method="frozen"))
    table = workspace / "data" / "manifest.csv"
    rows = pl.read_csv(table, infer_schema=False)
    rows[2:].write_csv(table)
    workflows.init()
    workflows.split()
    (source,) = find_sources(None, RunFilter(method="frozen"))
    with pytest.raises(InputError, match="patches must be in the split of fold 100X, got 2 others"):
        source.split("100X")


def test_a_store_outside_a_workspace_is_called_by_its_file_and_split_here(tmp_path):
    explicit(tmp_path / "uni.zarr")
    (source,) = find_sources(tmp_path / "uni.zarr")
    assert (source.key, source.domain) == (RunKey("uni", None, 0), "magnification")
    assert source.folds() == ["40X", "100X", "200X"]
    assert source.results.root == source.home.root == tmp_path / "uni.results"
    with pytest.raises(InputError, match=r"method and seed choose among the runs of a workspace, .*, got method grl"):
        find_sources(tmp_path / "uni.zarr", RunFilter(method="grl"))
    assert not source.split("40X").audit.shared_patients
    y, classes = source.targets()
    assert classes == ("benign", "malignant")
    assert (y == (source.column("label") == "malignant")).all()


@pytest.mark.parametrize("how", ["asked", "recorded"])
def test_the_domain_is_the_one_asked_for_or_the_one_the_store_was_made_with(tmp_path, how):
    explicit(tmp_path / "x.zarr", **({"domain": "site"} if how == "recorded" else {}))
    (source,) = find_sources(tmp_path / "x.zarr", split=SplitOptions(domain="site") if how == "asked" else None)
    assert source.domain == "site"
    assert source.folds() == ["north", "south"]
    assert set(source.split("north").domains[source.split("north").rows("test")]) == {"north"}
    (other,) = find_sources(tmp_path / "x.zarr", split=SplitOptions())
    assert other.folds() == ["40X", "100X", "200X"]


def test_a_missing_column_is_named(tmp_path):
    explicit(tmp_path / "x.zarr")
    (source,) = find_sources(tmp_path / "x.zarr", split=SplitOptions(domain="hospital"))
    with pytest.raises(InputError, match="the domain must be a column of the table, got 'hospital'"):
        source.folds()
