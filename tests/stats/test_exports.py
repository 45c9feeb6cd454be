"""The names ``featkit.stats`` offers."""

import importlib
import pkgutil
import subprocess
import sys
import types

import featkit.stats


def test_every_name_is_there_and_no_module_hides_one():
    modules = {m.name for m in pkgutil.iter_modules(featkit.stats.__path__)}
    for module in modules:
        importlib.import_module(f"featkit.stats.{module}")
    assert not modules & set(featkit.stats.__all__)
    for name in featkit.stats.__all__:
        assert not isinstance(getattr(featkit.stats, name), types.ModuleType)


def test_importing_the_floor_imports_nothing_heavy():
    heavy = "{'scipy', 'sklearn', 'numba', 'polars', 'statsmodels'}"
    code = f"import featkit.stats, sys; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
