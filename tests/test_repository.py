"""The repository's own files: text is clean, nothing names a machine, versions agree, the lockfile is complete."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("featkit", "cli", "tests", "docs", "changes", "requirements", ".ci", ".github")
ENDINGS = {".py", ".pyi", ".md", ".toml", ".yml", ".yaml", ".txt", ".cff", ".html", ".css", ".js", ""}
LARGEST = 1_000_000


def files():
    inside = [path for name in FOLDERS for path in (ROOT / name).rglob("*")]
    made = {"__pycache__", "golden"}  # caches, and files kept as an older version wrote them
    return [path for path in (*ROOT.glob("*.*"), *inside) if path.is_file() and not made & set(path.parts)]


def texts():
    return {path: path.read_text(encoding="utf-8") for path in files() if path.suffix in ENDINGS}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="not a checkout")
def test_text_files_have_clean_ends_and_no_conflict_marks():
    for path, text in texts().items():
        assert "\r" not in text or "test" in path.name, path
        assert not re.search(r"^(<{7} |>{7} |={7}$)", text, re.MULTILINE), path
        assert not text or text.endswith("\n"), path
        assert path.suffix == ".md" or not re.search(r"[ \t]+$", text, re.MULTILINE), path


def test_no_file_is_large():
    assert not [path for path in files() if path.stat().st_size > LARGEST]


@pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="not a checkout")
def test_the_lockfile_pins_every_dependency_and_names_no_host():
    lines = (ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8").splitlines()
    pins = [re.fullmatch(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[\w.+!]+)(?: ; .+)?", line) for line in lines]
    assert all(pins), "a line is no pin"
    wanted = [*project()["dependencies"], *(r for extra in project()["optional-dependencies"].values() for r in extra)]
    names = {plain(re.match(r"[\w.-]+", r)[0]) for r in wanted} - {plain(project()["name"])}
    benchmark = {plain(re.match(r"[\w.-]+", r)[0]) for r in project()["optional-dependencies"]["benchmark"]}
    assert names - benchmark <= {plain(pin["name"]) for pin in pins}


@pytest.mark.skipif(not (ROOT / ".ci").is_dir(), reason="not a checkout")
def test_every_dependency_has_an_oldest_version():
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("oldest", ROOT / ".ci" / "oldest.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    pins = module.oldest(["torch", "anndata", "test"])
    assert len(pins) == len({pin.split("==")[0] for pin in pins}) > len(project()["dependencies"])


def test_versions_agree():
    import featkit

    cff = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", cff, re.MULTILINE)[1] == featkit.__version__ == project()["version"]


def imported(path):
    """Return the packages that a file imports from outside, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def test_what_the_package_imports_is_declared():
    distributions = {"PIL": "pillow", "sklearn": "scikit-learn"}
    asked_for = {"pandas", "h5py", "anndata"}  # not installed by default: the error says what to install
    wanted = [*project()["dependencies"], *project()["optional-dependencies"]["torch"]]
    declared = {plain(re.match(r"[\w.-]+", requirement)[0]) for requirement in wanted}
    files = [path for folder in ("featkit", "cli") for path in (ROOT / folder).rglob("*.py")]
    names = {name for path in files for name in imported(path)} - set(sys.stdlib_module_names)
    found = {plain(distributions.get(name, name)) for name in names - asked_for - {"featkit", "featkit_cli"}}
    assert found == declared


@pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="not a checkout")
def test_workflows_and_templates_are_valid_and_run_files_that_exist():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    for path in [*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml"]:
        text = path.read_text(encoding="utf-8")
        assert isinstance(yaml.safe_load(text), dict), path
        for name in re.findall(r"\btests/[\w/.]+", text):
            assert (ROOT / name).exists(), name
