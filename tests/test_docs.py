"""The documentation says what the program does: links resolve, options are named, examples run."""

import dataclasses
import importlib
import inspect
import os
import re
import shlex
import typing
from pathlib import Path

import numpy as np
import pytest
import typer

import featkit
from featkit.core.config import Config

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
README = ROOT / "README.md"
FENCE = re.compile(r"(?P<mark><!-- run -->\n)?```(?P<kind>\w*)\n(?P<code>.*?)\n```", re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")


def name_of(path):
    return path.relative_to(DOCS).as_posix()


def blocks(page, kinds=("sh", "python")):
    """Return (kind, code) of the page's blocks that are marked to be run."""
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    return [(m["kind"], m["code"]) for m in found if m["mark"] and m["kind"] in kinds]


def prose(page):
    """Return the page without its code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page):
    """Return the anchors of the page's headings, as a reader of Markdown makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands():
    """Return every command that does something, by its full name: "train", "store info"."""
    from featkit_cli.main import app

    def walk(command, path):
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(path), command
        else:
            for name, child in inner.items():
                yield from walk(child, [*path, name])

    return dict(walk(typer.main.get_command(app), []))


COMMANDS = commands()


def options(command):
    """Return the long name of each option, and the option."""
    return {
        opt: param
        for param in command.params
        if param.param_type_name == "option"
        for opt in (*param.opts, *param.secondary_opts)
        if opt.startswith("--") and opt != "--help"
    }


def said_in_code(page):
    """Return every ``featkit ...`` line in the page's blocks and code spans."""
    text = page.read_text(encoding="utf-8")
    lines = [line for m in FENCE.finditer(text) if m["kind"] in ("sh", "") for line in m["code"].splitlines()]
    spans = re.findall(r"`(featkit [^`]+)`", prose(page))
    told = [line.strip().removeprefix("$ ").split(" # ")[0] for line in lines] + spans
    return [line for line in told if line.startswith("featkit ")]


def table_rows(text):
    """Return the cells of every table row; an escaped bar is no border."""
    rows = [re.split(r"(?<!\\)\|", line.strip())[1:-1] for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in rows]


@pytest.mark.parametrize("page", [*PAGES, README], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(prose(page)):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def test_the_index_leads_to_every_page():
    reached = {(DOCS / t.partition("#")[0]).resolve() for t in LINK.findall((DOCS / "index.md").read_text())}
    assert {page for page in PAGES if page.name != "index.md"} <= reached


def test_every_command_has_its_page_and_no_page_is_left_over():
    assert {name.split()[0] for name in COMMANDS} == {page.stem for page in (DOCS / "commands").glob("*.md")}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_named_on_its_page_with_its_default(name):
    text = (DOCS / "commands" / f"{name.split()[0]}.md").read_text(encoding="utf-8")
    if " " in name:  # a section of the group's page
        sections = re.split(r"^## ", text, flags=re.MULTILINE)
        text = next(part for part in sections if part.startswith(f"featkit {name}"))
    rows = {flag: row for row in table_rows(text) for flag in re.findall(r"`(--[\w-]+)", row[0])}
    known = options(COMMANDS[name])
    assert set(rows) == set(known)
    for flag, option in known.items():
        default = option.default
        if isinstance(default, str | int | float | Path) and not isinstance(default, bool) and default != "":
            assert f"`{default}`" in rows[flag][1], flag


@pytest.mark.parametrize("page", [*PAGES, README], ids=lambda page: page.name)
def test_no_command_or_option_is_made_up(page):
    for line in said_in_code(page):
        words = line.split()[1:]
        if not words or words[0] in ("--help", "-h") or not re.fullmatch(r"[a-z]+", words[0]):
            continue
        name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
        if name == "store" or words[1:2] == ["..."]:
            continue
        assert name in COMMANDS, line
        for flag in re.findall(r"(?<=\s)--[\w-]+", line):
            assert flag in options(COMMANDS[name]) or flag == "--help", line


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_python_function_of_each_command_is_shown_as_it_is(name):
    text = (DOCS / "commands" / f"{name.split()[0]}.md").read_text(encoding="utf-8")
    function = name.replace(" ", "_")
    signature = inspect.signature(getattr(featkit, function))
    parameters = [str(parameter).replace("'", "").replace('"', "") for parameter in signature.parameters.values()]
    shown = re.search(rf"^featkit\.{function}\((.*?)\) -> (.*?)$", text, re.DOTALL | re.MULTILINE)
    assert shown, function
    parts = [part.strip() for part in re.split(r",\s+(?![^(\[]*[)\]])", shown[1].strip().strip(","))]
    assert [part.replace('"', "") for part in parts if part != "*"] == parameters
    assert shown[2] == str(signature.return_annotation).strip("'")


def test_every_option_mentioned_anywhere_exists():
    known = {flag for command in COMMANDS.values() for flag in options(command)} | {"--help"}
    for page in (*(DOCS / "commands").glob("*.md"), DOCS / "quickstart.md"):
        assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", page.read_text(encoding="utf-8"))) <= known, page.name


def as_toml(value):
    """Return a default as the tables write it."""

    def text(value):
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            return f'"{value}"'
        if isinstance(value, tuple):
            return "[" + ", ".join(map(text, value)) + "]"
        return "{}" if isinstance(value, dict) else str(value)

    return "left out" if value is None else f"`{text(value)}`"


def plain(hint):
    """Return a type without None."""
    return next((a for a in typing.get_args(hint) if a is not type(None)), hint) if is_optional(hint) else hint


def is_optional(hint):
    return type(None) in typing.get_args(hint)


def option_tables():
    """Return the option object of every table of featkit.toml, those inside others after them."""

    def walk(name, options):
        yield name, options
        for field in dataclasses.fields(options):
            inner = getattr(options, field.name)
            if dataclasses.is_dataclass(inner):
                yield from walk(f"{name}.{field.name}", inner)

    config = Config()
    for field in dataclasses.fields(config):
        yield from walk(field.name, getattr(config, field.name))


def test_the_keys_of_a_workspace_are_the_program_s():
    kinds = {str: "text", int: "whole number", float: "number", bool: "true or false", tuple: "list", dict: "table"}
    kinds[typing.Literal] = "choice"
    text = (DOCS / "workspace.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### \[([\w.]+)\]\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE))
    tables = dict(option_tables())
    assert list(sections) == list(tables)
    for table, body in sections.items():
        said = {row[0].strip("`"): row[1:] for row in table_rows(body) if row[0].startswith("`")}
        hints = {name: plain(hint) for name, hint in typing.get_type_hints(type(tables[table])).items()}
        values = {field.name: getattr(tables[table], field.name) for field in dataclasses.fields(tables[table])}
        values.pop("method_options", None)  # written as [train.grl], described in prose
        values = {name: value for name, value in values.items() if not dataclasses.is_dataclass(value)}
        assert list(said) == list(values)
        for name, value in values.items():
            kind = typing.get_origin(hints[name]) or hints[name]
            assert said[name][:2] == [kinds[kind], as_toml(value)], name
            if kind is typing.Literal:
                assert {f"`{choice}`" for choice in typing.get_args(hints[name])} <= set(
                    re.findall("`[^`]+`", said[name][2])
                ), name


def test_the_keys_that_moved_are_the_program_s():
    from featkit.core.config import _MOVED

    text = (DOCS / "workspace.md").read_text(encoding="utf-8").split("| key of 0.1 |")[1].split("\n\n")[0]
    assert {row[0].strip("`"): row[1].strip("`") for row in table_rows(text) if row[0].startswith("`")} == _MOVED


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    """A folder of generated tissue in BreaKHis's layout, and a table of made-up embeddings."""
    import polars as pl

    from featkit.tissue import generate_cohort

    folder = tmp_path_factory.mktemp("docs")
    generate_cohort(folder / "breakhis", n_patients=14, patches_per_magnification=2, seed=3, n_jobs=1)
    random = np.random.default_rng(0)
    patient = np.repeat(np.arange(20), 24)
    label, magnification = patient % 2, np.tile(np.repeat(np.arange(4), 6), 20)
    X = random.normal(size=(len(patient), 32)) + random.normal(size=(20, 32))[patient]
    X[:, :6] += 1.5 * label[:, None]
    X[:, 6:9] += magnification[:, None]
    described = {
        "patch_id": [f"patch-{i:03d}" for i in range(len(X))],
        "label": np.array(["benign", "malignant"])[label],
        "patient": [f"P{i:02d}" for i in patient],
        "magnification": np.array(["40X", "100X", "200X", "400X"])[magnification],
    }
    dimensions = {f"d{j}": X[:, j].astype(np.float32) for j in range(X.shape[1])}
    pl.DataFrame({**described, **dimensions}).write_parquet(folder / "embeddings.parquet")
    return folder


def run_shell(code):
    """Run a block of featkit lines in this process, as the shell would."""
    from featkit_cli.main import run

    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["cd"]:
            os.chdir(words[1])
        elif words:
            assert words[0] == "featkit", line
            assert run(words[1:]) == 0, line


@pytest.mark.filterwarnings("default::featkit.core.errors.FeatkitWarning")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name_of)
def test_the_examples_run(page, cohort, tmp_path, monkeypatch):
    found = blocks(page)
    if re.search(r"featkit (train|extract)|featkit\.(encoders|training)", "\n".join(code for _, code in found)):
        pytest.importorskip("torch", reason="the extra [torch] is not installed")
    for name in ("breakhis", "embeddings.parquet"):
        (tmp_path / name).symlink_to(cohort / name)
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "docs"}
    for kind, code in found:
        if kind == "sh":
            run_shell(code)
        else:
            exec(compile(code, f"{name_of(page)}", "exec"), namespace)


def resolves(name):
    """Return whether a dotted name below featkit is a module or an attribute of one."""
    value, path = featkit, "featkit"
    for part in name.split(".")[1:]:
        path = f"{path}.{part}"
        try:
            value = getattr(value, part)
        except AttributeError:
            try:
                value = importlib.import_module(path)
            except ModuleNotFoundError:
                return False
    return True


@pytest.mark.parametrize("page", [*PAGES, README], ids=lambda page: page.name)
def test_names_and_files_that_pages_mention_exist(page):
    spans = re.findall(r"`([^`\n]+)`", prose(page).split("## From version 0.1")[0])
    names = {m[0] for span in spans for m in [re.match(r"featkit(\.[A-Za-z_]\w*)+", span)] if m}
    names -= {name for name in names if name in ("featkit.toml",) or name.startswith("featkit.workflows.train")}
    if any(name.startswith(("featkit.encoders", "featkit.training")) for name in names):
        pytest.importorskip("torch", reason="the extra [torch] is not installed")
    groups = {"methods", "adapters", "selection_rules", "recalibrations"}  # entry points, not modules
    assert [name for name in names if not resolves(name) and name.split(".")[1] not in groups] == []
    files = {span for span in spans if re.fullmatch(r"(featkit|tests|docs)/[\w/]+\.py", span)}
    assert [file for file in files if not (ROOT / file).is_file() and file != "featkit/training/smooth.py"] == []


def test_the_floors_are_those_that_are_enforced():
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = [layer.replace("featkit.", "") for layer in contracts["contracts"][0]["layers"]]
    block = (DOCS / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    shown = [re.split(r" \(|  +", line)[0].replace("featkit.", "") for line in block.strip().splitlines()]
    assert shown == layers


def test_the_registries_are_the_program_s():
    from featkit.core.registry import Registry

    text = (DOCS / "architecture.md").read_text(encoding="utf-8").split("## Registries")[1].split("### ")[0]
    rows = [row for row in table_rows(text) if row[0].startswith("`")]
    for name, file, _ in rows:
        module = file.strip("`").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        assert isinstance(getattr(importlib.import_module(module), name.strip("`")), Registry)


def test_the_python_of_the_readme_runs(cohort, tmp_path, monkeypatch):
    from featkit.store import import_table

    monkeypatch.chdir(tmp_path)
    import_table(cohort / "embeddings.parquet", "uni.zarr")
    found = [code for _, code in blocks(README, kinds=("python",))]
    assert found
    for code in found:
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


NOT_PLAIN = re.compile(
    r"one row (a|each) |row a (run|signature|patch|fold)|section a question|\bpart(ed|s the patients)\b|\bmend(ed|s)?\b"
    r"|at hand|first guess|first five guesses|no matter|by its head alone|how often each was said|said to be positive"
    r"|the whole story|still moving|value of the rule|classes are called together|generated tissue\b.{0,20}\bstory"
    r"|has not met|a signature, |bits a |per cent a |what is no matter",
    re.IGNORECASE,
)


def reader_texts():
    """Return everything a reader meets without running anything: pages, changes, help texts, docstrings."""
    texts = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in [*PAGES, README]}
    for folder in ("changes",):
        texts |= {str(page.name): page.read_text(encoding="utf-8") for page in (ROOT / folder).glob("*.md")}
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        texts[name] = (ROOT / name).read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        helps = [command.help or "", *(getattr(param, "help", None) or "" for param in command.params)]
        texts[f"featkit {name} --help"] = "\n".join(helps)
    return texts


def test_texts_are_plain_english():
    found = {name: match[0] for name, text in reader_texts().items() if (match := NOT_PLAIN.search(text))}
    assert not found


def test_the_pages_speak_of_the_product_alone():
    forbidden = re.compile(r"\b(todo|fixme)\b|issue #\d|/(home|root|tmp|opt)/", re.IGNORECASE)
    for page in PAGES:
        assert not forbidden.search(page.read_text(encoding="utf-8")), page.name
