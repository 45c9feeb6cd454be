import pytest

from featkit.core.errors import InputError
from featkit.core.run_key import RunFilter
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


def made(workspace, *names):
    for name in names:
        workspace.run(*name).folder.mkdir(parents=True)


def test_runs_are_listed_in_natural_order_and_filtered(root):
    workspace = Workspace.require(root)
    made(workspace, ("grl", "100X", 0), ("grl", "40X", 1), ("grl", "40X", 0), ("frozen", None, 0))
    (root / "runs" / "grl" / "40X" / "seedling").mkdir()

    def found(**asked):
        return [(r.key.method, r.key.fold, r.key.seed) for r in workspace.runs(RunFilter(**asked))]

    assert found() == [("frozen", None, 0), ("grl", "40X", 0), ("grl", "40X", 1), ("grl", "100X", 0)]
    assert found(fold="40X", seed=0) == [("frozen", None, 0), ("grl", "40X", 0)]
    assert found(method="grl", fold="100X") == [("grl", "100X", 0)]
    assert found(fold=("40X", "100X"), seed=0)[1:] == [("grl", "40X", 0), ("grl", "100X", 0)]


@pytest.mark.parametrize(
    "fold", ["H/E", "H/DAB", "seedbank", "a, b", "all", "../x", "Site 2", "site 2", ".hidden", "é"]
)
def test_any_domain_value_is_a_fold_that_is_found_again(root, fold):
    workspace = Workspace.require(root)
    made(workspace, ("grl", fold, 3))
    (run,) = workspace.runs()
    assert (run.key.method, run.key.fold, run.key.seed) == ("grl", fold, 3)
    assert run == workspace.run("grl", fold, 3)
    assert run.folder.parent.parent == root.resolve() / "runs" / "grl"


def test_folders_as_version_0_1_wrote_them_are_found(root):
    (root / "runs" / "grl" / "Site A" / "seed0").mkdir(parents=True)
    workspace = Workspace.require(root)
    (run,) = workspace.runs()
    assert run.key.fold == "Site A"
    assert workspace.run("grl", "Site A").folder == root.resolve() / "runs" / "grl" / "Site A" / "seed0"


@pytest.mark.parametrize("name", ["", "x" * 5000])
def test_names_that_cannot_be_files_are_refused(root, name):
    with pytest.raises(InputError, match="a name must"):
        Workspace.require(root).run(name)
