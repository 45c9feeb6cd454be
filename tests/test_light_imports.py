"""``import featkit`` and every ``--help`` stay light; torch is imported by its own floors only."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "timm", "sklearn", "polars", "zarr", "anndata", "numba", "scipy", "matplotlib", "pandas", "cattrs"}
ANALYSIS = ("featkit.stats", "featkit.sparse", "featkit.store", "featkit.probes", "featkit.data", "featkit.reporting")
TORCH = ("featkit.encoders", "featkit.training")
USE_EVERYTHING = """
import importlib
for name in {names!r}:
    package = importlib.import_module(name)
    for export in package.__all__:
        getattr(package, export)
"""


def modules_after(code):
    script = f"{code}\nimport sys, json\nprint('\\n' + json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.strip().splitlines()[-1]))


@pytest.mark.parametrize("module", ["featkit", "featkit.workflows", "featkit.core", *ANALYSIS, *TORCH])
def test_packages_import_nothing_heavy(module):
    assert not modules_after(f"import {module}") & HEAVY


def test_help_imports_nothing_heavy():
    from featkit_cli.main import app

    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    for name in [*names, "store info"]:
        code = f"from featkit_cli.main import run\nassert run({[*name.split(), '--help']!r}) == 0"
        assert not modules_after(code) & HEAVY, name


def seconds(code, before="pass"):
    """Return the least processor time of three runs of the code, each in a new process."""
    script = f"import time\n{before}\nstart = time.process_time()\n{code}\nspent = time.process_time() - start\n"
    script += "import sys\nprint(spent, file=sys.stderr)"
    runs = (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(3)
    )
    return min(float(done.stderr.splitlines()[-1]) for done in runs)


def test_the_import_takes_no_time():
    assert seconds("import featkit") < 0.2


def test_help_takes_no_time_beside_what_its_library_takes():
    code = "from featkit_cli.main import run\nassert run(['signatures', '--help']) == 0"
    assert seconds(code, before="import typer") < 0.2


def test_the_analysis_half_does_not_import_torch():
    assert not modules_after(USE_EVERYTHING.format(names=ANALYSIS)) & {"torch", "timm"}


def test_the_torch_half_does_not_import_polars():
    pytest.importorskip("torch", reason="torch is not installed: the analysis half alone")
    assert "polars" not in modules_after(USE_EVERYTHING.format(names=TORCH))
