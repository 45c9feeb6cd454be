"""What is typed reaches the workflow as option objects; what cannot be is refused at once, in one line."""

import numpy as np
import pytest
from featkit_cli.main import run

from featkit import workflows
from featkit.core.run_key import RunFilter


class Called(Exception):
    pass


@pytest.fixture
def reached(monkeypatch, tmp_path):
    """Return what a command line calls its workflow with, without running it."""
    monkeypatch.chdir(tmp_path)

    def reached(line):
        name = line.split()[0]

        def workflow(*arguments, **named):
            raise Called(arguments, named)

        monkeypatch.setattr(workflows, name, workflow)
        with pytest.raises(Called) as caught:
            run(line.split())
        return caught.value.args

    return reached


def options_of(reached, line):
    return reached(line)[1]["options"]


@pytest.mark.parametrize("command", ["signatures", "evaluate", "probe site", "compare a b"])
def test_nothing_typed_is_all_runs_and_the_configured_design(reached, command):
    named = reached(command)[1]
    assert named["runs"] == RunFilter()
    assert named["split"] is None
    assert named["again"] is False
    assert named["output"] is None


@pytest.mark.parametrize("command", ["signatures", "evaluate", "probe site"])
def test_flags_of_runs_may_be_repeated(reached, command):
    named = reached(f"{command} --fold 40X --fold 100X --method grl --seed 0 --seed 2 --again -o out")[1]
    assert named["runs"] == RunFilter(("grl",), ("40X", "100X"), (0, 2))
    assert named["again"] is True
    assert str(named["output"]) == "out"


def test_flags_of_a_design(reached):
    named = reached("signatures --domain site --test-fraction 0.4")[1]
    assert (named["split"].domain, named["split"].test_fraction) == ("site", 0.4)


def test_flags_of_signatures(reached):
    found = options_of(reached, "signatures --rule C --value 0.5 --n-pairs 7 --q 9 --pfer 2 --positive a --deep")
    assert (found.penalty.rule, found.penalty.value) == ("C", 0.5)
    assert (found.stability.n_pairs, found.stability.q, found.stability.pfer) == (7, 9, 2.0)
    assert (found.positive, found.deep, found.measure) == ("a", True, "jaccard")


def test_two_typed_error_controls_replace_the_configured_third(reached, tmp_path):
    (tmp_path / "featkit.toml").write_text("[signatures.stability]\nq = 5\nthreshold = 0.9\n")
    (tmp_path / "manifest.parquet").touch()
    found = options_of(reached, "signatures --threshold 0.8 --pfer 1").stability
    assert (found.threshold, found.q, found.pfer) == (0.8, None, 1.0)
    assert options_of(reached, "signatures --threshold 0.8").stability.q == 5


def test_a_typed_rule_drops_the_configured_penalty(reached, tmp_path):
    (tmp_path / "featkit.toml").write_text("[signatures.penalty]\nrule = 'C'\nvalue = 0.5\n")
    (tmp_path / "manifest.parquet").touch()
    assert options_of(reached, "signatures").penalty.value == 0.5
    assert options_of(reached, "signatures --rule C").penalty.value == 0.5
    assert options_of(reached, "signatures --value 2").penalty.value == 2.0
    assert options_of(reached, "signatures --rule min").penalty.value is None


def test_flags_of_evaluate(reached):
    found = reached("evaluate --level 0.9 --n-draws 50")[1]["resampling"]
    assert (found.level, found.n_draws) == (0.9, 50)


def test_flags_of_probe(reached):
    arguments, named = reached("probe site x.zarr --regime held-out --model mlp --within label --n-permutations 9")
    found = named["options"]
    assert (arguments[0], str(arguments[1])) == ("site", "x.zarr")
    assert (found.regime, found.model, found.within, found.n_permutations) == ("held-out", "mlp", "label", 9)


def test_flags_of_compare(reached):
    arguments, named = reached("compare a b --seed 3 --fold 40X --metric auc --metric brier --margin 0.1")
    assert arguments == ("a", "b")
    assert named["runs"] == RunFilter(None, ("40X",), (3,))
    assert (named["options"].metrics, named["options"].margin) == (("auc", "brier"), 0.1)


def test_flags_of_report(reached):
    named = reached("report --title Mine --again -o page.html --domain site")[1]
    assert (named["title"], named["again"], str(named["output"])) == ("Mine", True, "page.html")
    assert named["split"].domain == "site"


@pytest.fixture
def refused(capsys):
    def refused(line):
        code = run(line.split())
        out, err = capsys.readouterr()
        (said,) = err.splitlines()
        assert (code, out) == (2, "")
        assert said.startswith("featkit: ")
        return said

    return refused


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("bare")
    rng, patients = np.random.default_rng(0), np.repeat([f"p{k}" for k in range(8)], 4)
    labels, sites = np.tile(np.repeat(["a", "b"], 4), 4), np.array(list("xyxy") * 8)
    X = rng.normal(size=(32, 3)).astype(np.float32)
    np.savez(path / "t.npz", X=X, patient=patients, label=labels, site=sites)
    assert run(["store", "import", str(path / "t.npz"), "-o", str(path / "x.zarr"), "--domain", "site"]) == 0
    return path / "x.zarr"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("signatures --threshold 2", "threshold must be in (0.5, 1], got 2.0. Use 0.75"),
        ("signatures --rule 1sd", "Did you mean '1se'"),
        ("signatures --value 0.5", "value must be a positive penalty with rule lambda or C, and left out otherwise"),
        ("signatures --threshold 0.8 --q 3 --pfer 1", "Leave one out"),
        ("signatures --seed -1", "a seed must be a whole number of at least 0, got -1"),
        ("evaluate --level 95", "level must be strictly between 0 and 1, got 95.0"),
        ("evaluate --test-fraction 1", "test_fraction must be strictly between 0 and 1"),
        ("probe site --regime trainig", "Did you mean 'training'"),
        ("probe site --n-permutations -1", "n_permutations must be between 0 and 1,000,000, got -1"),
        ("compare grl baseline --model heads", "Did you mean 'head'"),
        ("compare grl baseline --margin -1", "margin must be positive and finite, got -1.0"),
        ("compare grl grl", "two different methods or stores, got grl twice"),
        ("train --device gpu", "device must be auto, cpu or cuda, got 'gpu'. Use 'cuda' for a GPU"),
        ("train --epochs 0", "n_epochs must be at least 1 and at most 1,000,000, got 0"),
        ("extract --device gpu", "device must be auto, cpu or cuda, got 'gpu'. Use 'cuda' for a GPU"),
        ("extract --dtype float8", "dtype must be one of float32, float16, got 'float8'. Did you mean 'float32'"),
        ("store import t.npz -o y.zarr --dtype float8", "dtype must be one of float32, float16, got 'float8'"),
        ("demo d --fold 300X", "a fold of the demo must be one of its magnifications, got '300X'"),
        ("compare grl baseline --seed 0 --seed 1", "'--seed': given 2 times, and it takes one value"),
        ("demo d --seed 1 --seed=2", "'--seed': given 2 times, and it takes one value"),
        ("evaluate --level 0.9 --level 0.95", "'--level': given 2 times, and it takes one value"),
        ("store import a -o b -o c", "'--output' / '-o': given 2 times, and it takes one value"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_touched(refused, tmp_path, monkeypatch, line, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused(line)
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_is_not_known_gets_the_nearest_name(refused, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="the extra [torch] is not installed")
    monkeypatch.chdir(tmp_path)
    assert "got 'tyni'. Did you mean 'tiny'" in refused("init t.csv --encoder tyni")


@pytest.mark.parametrize("command", ["signatures", "evaluate", "probe site"])
def test_a_bare_store_has_no_methods_to_choose_among(refused, store, command):
    said = refused(f"{command} {store} --method grl")
    assert "a single store is one run, got method grl. Leave them out." in said


def test_a_column_that_is_not_there_gets_the_nearest_name_once(refused, store):
    said = refused(f"probe sitee {store}")
    assert "Did you mean 'site'" in said
    known = said.partition("Known: ")[2].rstrip(".").split(", ")
    assert len(known) == len(set(known))
