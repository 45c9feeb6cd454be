import polars as pl
import pytest

from featkit.core.errors import InputError
from featkit.core.options import SplitOptions
from featkit.data import official_folds
from featkit.data.adapters.breakhis import manifest_of_names


@pytest.fixture
def files(real_data):
    return real_data / "breakhis" / "files.csv"


def test_by_case_the_first_official_fold_is_refused_with_the_cases_named(real_names, files):
    with pytest.raises(InputError, match="must not share a patient, got dsfold1 with 14-13412"):
        official_folds(manifest_of_names(real_names), files)


@pytest.mark.filterwarnings("ignore::featkit.core.errors.FeatkitWarning")
def test_by_id_the_official_folds_pass_and_list_the_shared_cases(real_names, files):
    manifest = manifest_of_names(real_names, patient_key="id")
    splits = official_folds(manifest, files)
    assert list(splits) == [f"dsfold{k}" for k in range(1, 6)]
    listed = pl.read_csv(files)
    side = dict(zip(listed["filename"].str.strip_suffix(".png"), listed["dsfold1"], strict=True))
    first = splits["dsfold1"]
    for patch, role in zip(first.patch_ids.tolist(), first.role.tolist(), strict=True):
        assert (role == "test") == (side[patch] == "test")
    assert "14-13412" in first.audit.shared_cases
    assert first.audit.n_patients["val"] > 0
    assert all(s.audit.n_patches["unused"] == 0 for s in splits.values())
    without = official_folds(manifest, files, SplitOptions(val_fraction=0.0))["dsfold1"]
    assert without.audit.n_patches["val"] == 0
    assert (without.rows("test") == first.rows("test")).all()


def official(tmp_path, names, **columns):
    path = tmp_path / "files.csv"
    pl.DataFrame(
        {"filename": names, **{f"dsfold{k}": columns.get(f"dsfold{k}", columns["rest"]) for k in range(1, 6)}}
    ).write_csv(path)
    return path


NAMES = [
    f"SOB_{side}-14-{number}-40-001.png"
    for side, numbers in (("B_F", (1, 2, 3, 4)), ("M_DC", (5, 6, 7, 8)))
    for number in numbers
]
SIDES = ["train", "train", "train", "test"] * 2


def test_any_part_of_the_list_will_do(tmp_path):
    path = official(tmp_path, [*NAMES, "SOB_B_F-14-99-40-001.png"], rest=[*SIDES, "test"])
    split = official_folds(manifest_of_names(NAMES), path)["dsfold3"]
    assert split.audit.n_patients == {"train": 4, "val": 2, "test": 2, "unused": 0}


def test_what_the_list_must_have(tmp_path):
    manifest = manifest_of_names(NAMES)
    with pytest.raises(InputError, match="every patch must be in the list of official folds, got not SOB_M_DC-14-8"):
        official_folds(manifest, official(tmp_path, NAMES[:-1], rest=SIDES[:-1]))
    with pytest.raises(InputError, match="dsfold2 must say train or test, got valid"):
        official_folds(manifest, official(tmp_path, NAMES, rest=SIDES, dsfold2=["valid", *SIDES[1:]]))
    (tmp_path / "other.csv").write_text("filename,fold\na,b\n")
    with pytest.raises(InputError, match="got no dsfold1, dsfold2"):
        official_folds(manifest, tmp_path / "other.csv")
