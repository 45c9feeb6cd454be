import pytest

from featkit.core.errors import InputError
from featkit.core.workspace import Workspace


@pytest.fixture
def root(tmp_path):
    (tmp_path / "featkit.toml").write_text("[split]\nseed = 4\n")
    return tmp_path


def test_found_upward_as_git_does(root):
    below = root / "a" / "b"
    below.mkdir(parents=True)
    assert Workspace.require(below).root == root.resolve()
    assert Workspace.require(below).config.split.seed == 4


def test_absence_says_how_to_make_one(tmp_path):
    assert Workspace.find(tmp_path) is None
    with pytest.raises(InputError, match="featkit init"):
        Workspace.require(tmp_path)


def test_runs_are_listed_in_natural_order_and_filtered(root):
    workspace = Workspace.require(root)
    for method, fold, seed in [("grl", "100X", 0), ("grl", "40X", 1), ("grl", "40X", 0), ("frozen", "all", 0)]:
        workspace.run(method, fold, seed).folder.mkdir(parents=True)
    (root / "runs" / "grl" / "40X" / "seedling").mkdir()
    assert [r.name for r in workspace.runs()] == [
        "frozen/all/seed0",
        "grl/40X/seed0",
        "grl/40X/seed1",
        "grl/100X/seed0",
    ]
    assert [r.name for r in workspace.runs(fold="40X", seed=0)] == ["frozen/all/seed0", "grl/40X/seed0"]
    assert [r.name for r in workspace.runs(method="grl", fold="100X")] == ["grl/100X/seed0"]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden"])
def test_names_that_would_leave_the_workspace_are_refused(root, name):
    with pytest.raises(InputError, match="named in letters"):
        Workspace.require(root).run(name)
