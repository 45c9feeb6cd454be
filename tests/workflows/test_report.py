"""Reports over several seeds, and what is said at their top when results no longer fit each other."""

import numpy as np
import pytest

from featkit import workflows
from featkit.core.errors import InputError
from featkit.core.options import (
    CompareOptions,
    PathOptions,
    ProbeOptions,
    Resampling,
    SignatureOptions,
    StabilityOptions,
)
from featkit.core.run_key import RunFilter
from featkit.results import EvaluationSet
from featkit.workflows import _report
from featkit.workflows.steps.sources import find_sources

FEW = Resampling(n_draws=50)


def fit(store=None, fold=None, **given):
    options = SignatureOptions(path=PathOptions(n_lambdas=15), stability=StabilityOptions(n_pairs=0))
    return workflows.signatures(store, runs=RunFilter(fold=fold), options=options, **given)


def gathered(store=None):
    return _report._gather(find_sources(store), None)


@pytest.fixture
def finished(make_store, planted, head, tmp_path):
    """A store with everything found of it."""
    store = make_store(probabilities=head)
    fit(store)
    workflows.evaluate(store, resampling=FEW)
    workflows.probe("magnification", store, options=ProbeOptions(n_permutations=9))
    return store


def test_every_seed_has_its_own_map_and_provenance(planted, workspace_of):
    runs = [(method, seed) for method in ("baseline", "grl") for seed in range(4)]
    workspace_of({run: planted[0] + k for k, run in enumerate(runs)})
    sources = find_sources(None)
    assert len({source.key for source in sources}) == 8
    (stores,) = [v for k, v in _report._provenance(sources).items() if k.startswith("Stores")]
    assert len(stores) == 8
    assert all(f"seed {seed}" in " ".join(stores) for seed in range(4))
    assert [(key.method, key.seed) for key in {source.key: 0 for source in sources}] == runs


def test_results_of_the_present_inputs_need_no_word(finished):
    assert gathered(finished).warnings == ()
    page = workflows.report(finished).read_text()
    assert "than the present ones" not in page


def test_results_of_other_embeddings_are_named_at_the_top(finished, planted):
    import shutil

    from featkit.store import write_store

    path = finished.path
    shutil.rmtree(path)
    store = write_store(path, planted[0] + np.float32(1), planted[1], {"encoder": "made", "weights_sha256": "1" * 64})
    warnings = gathered(store).warnings
    for what, command in (("Signatures", "signatures"), ("Probes", "probe"), ("Scores", "evaluate")):
        (one,) = [text for text in warnings if text.startswith(what)]
        assert "than the present ones" in one
        assert f"featkit {command}" in one
    page = workflows.report(store).read_text()
    assert page.index("than the present ones") < page.index("<h2")


def test_a_comparison_of_fewer_folds_than_are_scored_is_named(make_store, planted, head):
    other = np.clip(head[:, ::-1] * 0.3 + head * 0.7, 0.01, 0.99)
    a = make_store("a")
    b = make_store("b", planted[0] + 1, probabilities=other)
    for fold in ("100X", "200X"):
        fit(a, fold), fit(b, fold)
    workflows.compare(a, b, options=CompareOptions(resampling=FEW))
    workflows.evaluate(a, resampling=FEW)
    assert gathered(a).warnings == ()  # the other's store is not of this study
    fit(a, "400X")
    workflows.evaluate(a, resampling=FEW)
    (text,) = gathered(a).warnings
    assert text.startswith("Comparisons of other folds than are scored now (100X, 200X and 400X)")


def test_what_is_drawn_is_not_drawn_again(finished, monkeypatch):
    path = workflows.report(finished)
    monkeypatch.setattr(_report, "_draw", lambda *_: pytest.fail("drawn again"))
    assert workflows.report(finished) == path
    with pytest.raises(pytest.fail.Exception, match="drawn again"):
        workflows.report(finished, title="Another title")
    with pytest.raises(pytest.fail.Exception, match="drawn again"):
        workflows.report(finished, again=True)


def test_damaged_results_are_one_line_that_names_the_file(finished):
    (source,) = find_sources(finished)
    path = source.results.root / "evaluation.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"evaluation\.json must be"):
        workflows.report(finished)


def test_results_of_version_one_are_one_line_that_says_what_to_do(finished):
    (source,) = find_sources(finished)
    path = source.results.root / "evaluation.json"
    body = {k: v for k, v in EvaluationSet.load(path).to_dict().items() if k not in ("key", "made_from")}
    import json

    path.write_text(json.dumps(body | {"version": 1, "evaluations": {}}))
    with pytest.raises(InputError, match=r"evaluation\.json: EvaluationSet must be of version 2, got 1\. Run the"):
        workflows.report(finished)
    workflows.evaluate(finished, resampling=FEW)
    assert gathered(finished).evaluation is not None


def test_nothing_to_report_is_said(make_store):
    with pytest.raises(InputError, match="there must be results to report"):
        workflows.report(make_store())
