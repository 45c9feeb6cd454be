import pytest
from PIL import Image

from featkit import workflows
from featkit.core.errors import InputError
from featkit.data import Split


def one_of(split, role, label):
    rows = [i for i in split.rows(role) if ("_M_" in split.patch_ids[i]) == (label == "malignant")]
    return split.patch_ids[rows[0]]


@pytest.fixture
def files(workspace):
    return {path.stem: path for path in (workspace / "data").rglob("*.png")}


def test_audits_are_those_of_the_saved_splits(workspace):
    audits = workflows.audit()
    assert [a.fold for a in audits] == ["100X", "200X"]
    for audit in audits:
        saved = Split.load(workspace / "splits" / f"{audit.fold}.json").audit
        assert audit.to_dict() == saved.to_dict()
        assert workflows.audit(workspace / "splits" / f"{audit.fold}.json")[0].to_dict() == saved.to_dict()
        assert not audit.pixels_compared
    assert [a.fold for a in workflows.audit(fold="200X")] == ["200X"]


def test_planted_duplicates_are_found_by_their_pixels(workspace, files):
    split = Split.load(workspace / "splits" / "100X.json")
    trained, tested = one_of(split, "train", "benign"), one_of(split, "test", "malignant")
    with Image.open(files[trained]) as image:
        image.save(files[tested], compress_level=9)  # the same pixels in other bytes
    assert files[trained].read_bytes() != files[tested].read_bytes()
    first, second = workflows.audit(pixels=True)
    assert first.pixels_compared
    assert [pair["patch_ids"] for pair in first.duplicate_pixels] == [sorted([trained, tested])]
    assert [pair["patch_ids"] for pair in first.label_conflicts] == [sorted([trained, tested])]
    assert second.fold == "200X"
    assert [pair["labels"] for pair in second.label_conflicts] == [["benign", "malignant"]]


def test_patches_that_cannot_be_read_are_counted(workspace, files):
    for path in list(files.values())[:3]:
        path.write_bytes(b"")
    for audit in workflows.audit(pixels=True):
        assert "3 pictures could not be read and were not compared" in audit.notes


def test_one_file_has_no_pixels(workspace):
    with pytest.raises(InputError, match="a look at the pixels needs a workspace"):
        workflows.audit(workspace / "splits" / "100X.json", pixels=True)


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(InputError, match=r"split file must exist.*featkit split"):
        workflows.audit(tmp_path / "100X.json")
