"""What tools and readers see of the public names: types, subpackages, errors, short results."""

import importlib
import pkgutil
import re
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import numpy as np
import pytest

import featkit


def in_a_new_process(code):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def every_module():
    return [found.name for found in pkgutil.walk_packages(featkit.__path__, "featkit.")]


@pytest.fixture(scope="module")
def revealed(tmp_path_factory):
    """What mypy says of each public name in a script outside the package."""
    pytest.importorskip("mypy", reason="mypy is not installed")
    folder = tmp_path_factory.mktemp("user")
    names = sorted(set(featkit.__all__) - {"__version__"})
    script = folder / "script.py"
    script.write_text("import featkit\n\n" + "".join(f"reveal_type(featkit.{name})\n" for name in names))
    cache = f"--cache-dir={folder / 'cache'}"
    here = Path(featkit.__file__).parents[1]
    is_installed = "site-packages" in here.parts  # where the checker finds it by itself, and wants no path
    checkout = {} if is_installed else {"MYPYPATH": f"{here}:{here / 'cli'}"}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", cache, "--config-file=", str(script)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "MYPY_FORCE_COLOR": "0", **checkout},
    )
    said = re.findall(r"script\.py:(\d+): note: Revealed type is \"(.+)\"", done.stdout)
    assert len(said) == len(names), done.stdout + done.stderr
    return {names[int(line) - 3]: kind for line, kind in said}


def test_a_type_checker_knows_every_public_name(revealed):
    for name, kind in revealed.items():
        assert kind not in ("Any", "builtins.object"), name
        assert not kind.startswith("def (*Any"), name


def test_commands_return_results_with_a_type(revealed):
    for name in ("signatures", "evaluate", "compare", "probe", "open_store", "load_result"):
        returned = revealed[name].rpartition("->")[2].strip()
        assert returned.startswith("featkit."), (name, returned)


def test_subpackages_and_errors_are_there_after_the_import():
    code = """
        import featkit
        for name in ("sparse", "stats", "results", "store", "data", "probes", "reporting", "tissue"):
            assert getattr(featkit, name).__name__ == "featkit." + name
        assert issubclass(featkit.InputError, featkit.FeatkitError)
        assert issubclass(featkit.FeatkitWarning, Warning)
    """
    in_a_new_process(code)


def test_importing_every_name_shadows_no_builtin():
    code = "import builtins\nbefore = set(dir(builtins))\nfrom featkit import *\nprint(sorted(before & set(globals())))"
    shadowed = set(eval(in_a_new_process(code)))
    assert shadowed <= {"__doc__", "__loader__", "__name__", "__package__", "__spec__"}


def test_public_functions_stay_functions_after_every_module_was_imported():
    names = every_module()
    if importlib.util.find_spec("torch") is None:
        names = [name for name in names if not name.startswith(("featkit.encoders", "featkit.training"))]
        names.remove("featkit.sparse.solvers.torch_batch")
    code = f"""
        import importlib, types
        import featkit
        for name in {names!r}:
            importlib.import_module(name)
        packages = {{name for name in {names!r} if name.count(".") == 1}}
        for package in (featkit, *map(importlib.import_module, packages)):
            for name in getattr(package, "__all__", ()):
                value = getattr(package, name)
                meant = f"{{package.__name__}}.{{name}}" in packages
                assert isinstance(value, types.ModuleType) == meant, (package.__name__, name)
    """
    in_a_new_process(code)


def test_no_module_bears_the_name_of_a_function_of_its_package():
    for module in every_module():
        package, _, name = module.rpartition(".")
        exported = getattr(sys.modules.get(package) or importlib.import_module(package), "__all__", ())
        if name in exported and not isinstance(getattr(sys.modules[package], name), types.ModuleType):
            raise AssertionError(f"{package} exports {name}, which is also a module")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"{}", b'{"kind": "Signature"}', b'{"kind": "Nothing", "version": 1}'],
)
def test_files_that_hold_no_result_are_refused_in_one_line(tmp_path, content):
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(featkit.InputError) as caught:
        featkit.load_result(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(featkit.InputError):
        featkit.load_result(tmp_path / "none.json")
    with pytest.raises(featkit.InputError):
        featkit.load_result(tmp_path)


@pytest.fixture(scope="module")
def found():
    """Results of an analysis of made-up embeddings: an evaluation, a signature and its path."""
    from featkit.sparse import fit_signature
    from featkit.stats import Forecasts, evaluate
    from featkit.stats.labelled_rows import LabelledRows

    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 5)
    y = groups % 2
    X = random.normal(size=(200, 30))
    X[:, :3] += 1.5 * y[:, None]
    patients = np.array([f"P{g}" for g in groups])
    signature = fit_signature(LabelledRows(X, y, patients))
    return [signature, evaluate(Forecasts(y, signature.predict_proba(X), patients))]


def test_results_are_short_in_a_notebook_and_long_on_request(found):
    for result in found:
        assert len(repr(result)) < 300
        assert type(result).__name__ in repr(result)
        assert "<table" in result._repr_html_()
        assert result.summary()


def test_results_become_pandas_frames_without_pyarrow(found, tmp_path):
    pytest.importorskip("pandas", reason="pandas is not installed")
    path = found[1].save(tmp_path / "r.json")
    code = f"""
        import sys
        sys.modules["pyarrow"] = None
        import featkit
        frame = featkit.load_result({str(path)!r}).to_pandas()
        assert len(frame) and type(frame).__module__.startswith("pandas")
    """
    in_a_new_process(code)
