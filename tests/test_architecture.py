"""What docs/architecture.md says of the code is so."""

import ast
import importlib
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def imports(path, *, in_functions=True):
    """Return the packages a file imports when it runs, without those for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {id(n) for block in ast.walk(tree) if is_for_types(block) for n in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) not in for_types and isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif id(node) not in for_types and isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def is_for_types(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def section(title):
    return re.split(r"^## ", TEXT.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


def test_the_floors_are_those_that_are_enforced():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    enforced = [set(layer.replace("featkit.", "").split(" | ")) for layer in contracts[0]["layers"]]
    block = re.search(r"```\n(.*?)```", section("Floors"), re.DOTALL)[1]
    names = [re.match(r"\S+(?: \| \w+)?", line)[0] for line in block.splitlines()]
    assert [set(name.replace("featkit.", "").split(" | ")) for name in names] == enforced


def test_torch_is_imported_where_it_is_said():
    users = {
        path.relative_to(ROOT / "featkit").with_suffix("").as_posix()
        for path in (ROOT / "featkit").rglob("*.py")
        if {"torch", "timm", "torchvision", "safetensors"} & set(imports(path))
    }
    others = {user for user in users if user.split("/")[0] not in ("encoders", "training")}
    assert others == {"sparse/solvers/torch_batch"}
    assert "`featkit.sparse.solvers.torch_batch`" in section("Floors")


def test_modules_that_are_named_exist():
    groups = set(re.findall(r"`(featkit\.\w+)`", re.search(r"The groups are(.*?);", TEXT, re.DOTALL)[1]))
    for name in set(re.findall(r"`(featkit(?:\.\w+)+)`", TEXT)) - groups - {"featkit.toml"}:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute) or importlib.util.find_spec(name), name


def test_files_that_are_named_exist():
    for name in set(re.findall(r"`((?:featkit|tests)/[\w/]+\.py)`", TEXT)):
        if name != "featkit/training/smooth.py":  # the example's own
            assert (ROOT / name).is_file(), name


def test_registries_are_where_the_table_says():
    rows = re.findall(r"^\| `([A-Z_]+)` \| `featkit/([\w/]+)\.py` \|", TEXT, re.MULTILINE)
    assert len(rows) >= 6
    for name, path in rows:
        if path.startswith(("encoders", "training")):
            pytest.importorskip("torch", reason="the extra [torch] is not installed")
        module = importlib.import_module("featkit." + path.removesuffix("/__init__").replace("/", "."))
        assert len(getattr(module, name)) > 0


def test_a_penalty_level_is_solved_inside_compiled_code():
    from numba.core.dispatcher import Dispatcher

    from featkit.sparse.solvers import newton, proximal_newton

    modules = (newton, proximal_newton)
    compiled = [v for m in modules for v in vars(m).values() if isinstance(v, Dispatcher)]
    plain = [k for k, v in vars(proximal_newton).items() if callable(v) and v.__class__.__name__ == "function"
             and v.__module__ == proximal_newton.__name__]  # fmt: skip
    assert newton.solve_free in compiled
    assert not plain


def test_the_default_interval_is_on_the_logit_scale():
    from featkit.core.options import Resampling

    assert Resampling().method == "logit-t"


def test_a_key_is_never_parsed_back_from_words():
    from featkit.core.run_key import RunKey

    assert not [name for name in vars(RunKey) if "parse" in name or "from_label" in name]


def test_no_option_has_two_words_for_unset():
    import dataclasses

    from featkit.core import options

    for name in options.__all__:
        for field in dataclasses.fields(getattr(options, name)):
            assert field.default != "", (name, field.name)
