"""Designs as they come: slides nested in sources and scanners, images without patients."""

import polars as pl
import pytest

from featkit.core.options import SplitOptions
from featkit.core.table_files import read_table_file
from featkit.data import find_duplicates, make_splits
from featkit.data.adapters.table import read_table


@pytest.mark.parametrize(("domain", "folds"), [("source", 2), ("scanner", 4)])
def test_slides_nested_in_sources_and_scanners_are_all_used(real_data, domain, folds):
    frame = read_table_file(real_data / "amibr" / "features.csv")
    made = make_splits(frame, SplitOptions(domain=domain))
    assert (len(made.splits), made.skipped) == (folds, ())
    for split in made.splits:
        assert split.audit.nesting == "nested"
        assert split.audit.n_patches["unused"] == 0
        assert split.audit.n_patches["test"] == (frame[domain] == split.fold).sum()
        assert sum(split.audit.n_patients.values()) == frame["patient"].n_unique() == 202


def test_slides_of_one_source_are_cross_validated(real_data):
    frame = read_table_file(real_data / "amibr" / "features.csv").filter(pl.col("source") == "TUPAC16")
    made = make_splits(frame, SplitOptions(domain="source"))
    assert made.design == "cross-validation"
    assert len(made.splits) == 5


def test_equal_pictures_with_opposite_labels_are_named(real_data, tmp_path):
    images = read_table_file(real_data / "oral" / "images.csv")
    pairs = ["Normal_400x_176", "OSCC_400x_111", "Normal_100x_72", "OSCC_100x_347"]
    few = images.filter(pl.col("path").str.contains_any(pairs) | pl.col("path").str.contains("_100x_1"))
    few.with_columns(patient=pl.col("path")).write_csv(tmp_path / "oral.csv")
    manifest = read_table(tmp_path / "oral.csv", root=real_data / "oral")
    audit = find_duplicates(manifest)
    named = {tuple(patch.split("/")[-1] for patch in group["patch_ids"]) for group in audit.groups}
    assert {tuple(pairs[:2]), tuple(pairs[2:])} <= named
    assert len(audit.label_conflicts) == 2
