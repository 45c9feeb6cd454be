import contextlib
import os
import re
import shutil
from pathlib import Path

import pytest

_WORKER = os.environ.get("PYTEST_XDIST_WORKER")
if _WORKER:  # numba names the files of its cache by counting: two processes that fill one cache may mix up functions
    os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / f"numba-{_WORKER}"))


@pytest.fixture(scope="session")
def prepared_workspace(tmp_path_factory):
    """A small workspace of generated tissue with nothing done in it yet: look, do not touch."""
    from featkit import workflows
    from featkit.core.options import EncoderOptions
    from featkit.tissue import CohortOptions, generate_cohort

    root = tmp_path_factory.mktemp("prepared")
    generate_cohort(
        root / "data",
        n_patients=12,
        patches_per_magnification=2,
        options=CohortOptions(size=(96, 96)),
        seed=1,
        n_jobs=1,
    )
    with contextlib.chdir(root):
        workflows.init("data/manifest.csv", encoder=EncoderOptions(name="tiny"))
        config = root / "featkit.toml"
        text = re.sub("folds = .*", 'folds = ["100X", "200X"]', config.read_text())
        config.write_text(re.sub("n_epochs = .*", "n_epochs = 1", text))
    return root


@pytest.fixture(scope="session")
def finished_workspace(prepared_workspace, tmp_path_factory):
    """The same, trained for one epoch and extracted: look, do not touch."""
    pytest.importorskip("torch", reason="the extra [torch] is not installed")
    from featkit import workflows

    root = shutil.copytree(prepared_workspace, tmp_path_factory.mktemp("finished") / "workspace")
    with contextlib.chdir(root):
        workflows.train()
        workflows.extract()
    return root


def _copy(source, target):
    """Copy a file; of runs, which hold hundreds of small ones, only link them: replace, do not write into them."""
    return os.link(source, target) if "runs" in Path(source).parts else shutil.copy2(source, target)


@pytest.fixture
def workspace(finished_workspace, tmp_path, monkeypatch):
    """A copy of the finished workspace to work in, which is the current folder."""
    root = shutil.copytree(finished_workspace, tmp_path / "workspace", copy_function=_copy)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def fresh_workspace(prepared_workspace, tmp_path, monkeypatch):
    """A copy of the prepared workspace to work in, which is the current folder."""
    root = shutil.copytree(prepared_workspace, tmp_path / "workspace")
    monkeypatch.chdir(root)
    return root


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    """A small generated cohort: (folder, manifest)."""
    from featkit.tissue import CohortOptions, generate_cohort

    folder = tmp_path_factory.mktemp("cohort")
    options = CohortOptions(size=(96, 96))
    return folder, generate_cohort(folder, n_patients=4, patches_per_magnification=2, options=options, seed=3, n_jobs=1)
