"""Registries: explicit tables, and what other packages add to them."""

import sys

import pytest

from featkit.core.errors import InputError
from featkit.core.registry import Registry
from featkit.data.adapters import ADAPTERS
from featkit.probes import PROBES, probe_of
from featkit.stats import RECALIBRATIONS


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Another package on the path, with entry points of every kind, one of them broken."""
    (tmp_path / "stainkit.py").write_text("def probe_stain(rows, options, resampling, key):\n    return 'read'\n")
    info = tmp_path / "stainkit-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stainkit\nVersion: 1.0\n")
    points = "".join(
        f"[featkit.{group}]\nstain = stainkit:probe_stain\nbroken = stainkit:absent\npatient = stainkit:probe_stain\n"
        for group in ("probes", "methods", "encoders", "adapters", "recalibrations")
    )
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("stainkit", None)


@pytest.mark.parametrize("registry", [PROBES, ADAPTERS, RECALIBRATIONS], ids=lambda r: r.kind)
def test_another_package_adds_entries_that_are_imported_when_asked_for(installed, registry):
    fresh = Registry(registry.kind, registry._table, entry_points=registry.group)
    assert "stain" in fresh
    assert list(fresh)[: len(registry._table)] == list(registry._table)
    assert {"stain", "broken"} < set(fresh)
    assert len(fresh) == len(set(fresh))
    assert "stainkit" not in sys.modules
    assert fresh["stain"](None, None, None, None) == "read"


def test_a_name_of_the_table_wins(installed):
    fresh = Registry("probe", PROBES._table, entry_points="featkit.probes")
    assert fresh["patient"] is PROBES["patient"]


def test_a_broken_entry_names_its_package(installed):
    fresh = Registry("probe", {}, entry_points="featkit.probes")
    with pytest.raises(InputError, match="the probe broken of stainkit must be importable"):
        fresh["broken"]


def test_an_unknown_name_gets_a_suggestion_from_both(installed):
    fresh = Registry("probe", {"colour": "math:pi"}, entry_points="featkit.probes")
    with pytest.raises(InputError, match="Did you mean 'stain'"):
        fresh["stian"]


def test_installed_packages_are_not_searched_for_a_name_of_the_table(monkeypatch):
    def refuse(**_):
        raise AssertionError("searched")

    monkeypatch.setattr("importlib.metadata.entry_points", refuse)
    fresh = Registry("function", {"sqrt": "math:sqrt"}, entry_points="featkit.functions")
    assert "sqrt" in fresh
    assert fresh["sqrt"](9) == 3


def test_any_column_has_a_probe():
    assert probe_of("scanner") is PROBES["column"]
    assert probe_of("patient") is PROBES["patient"]
