"""The table "which change does what again" of docs/workspace.md, row by row."""

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from featkit.core.config import Config
from featkit.core.fingerprint import Fingerprint, options_of
from featkit.core.options import SplitOptions
from featkit.core.run_key import RunKey
from featkit.workflows._signatures import signature_fingerprint
from featkit.workflows.steps.dense_reference import dense_fingerprint
from featkit.workflows.steps.forecasts import evaluation_fingerprint, forecast_inputs
from featkit.workflows.steps.signature_detail import detail_fingerprint
from featkit.workflows.steps.sources import find_sources

DOCS = Path(__file__).parents[2] / "docs" / "workspace.md"
TABLE = DOCS.read_text(encoding="utf-8").split("| change | does again |\n|---|---|\n")[1].split("\n\n")[0]
ROWS = [tuple(cell.strip(" `") for cell in line.strip("|").split("|")) for line in TABLE.splitlines()]
OTHER = {"n_lambdas": 7, "rule": "min", "n_pairs": 3, "measure": "phi", "n_draws": 99, "level": 0.8}
OTHER |= {"n_permutations": 9, "dense": False, "allow_mismatch": True}


def fingerprints(store, config, design=None):
    """Return the fingerprint of each kind of result of one fold."""
    from featkit.workflows._probe import _ESTIMATOR

    (source,) = find_sources(store, split=design)
    split = source.split("100X")
    made_from = signature_fingerprint(source, split, config.signatures)
    signature = SimpleNamespace(made_from=made_from, key=RunKey(model="signature"))  # nothing else of it is asked
    probe_options = {**options_of(config.probe), **options_of(config.evaluate), "domain": source.domain}
    return {
        "signatures": made_from,
        "dense": dense_fingerprint(source, split, config.signatures.positive),
        "evaluations": evaluation_fingerprint(forecast_inputs(source, split, signature), config.evaluate),
        "details": detail_fingerprint(source, signature, config.evaluate),
        "probes": Fingerprint(_ESTIMATOR, source.inputs(split), probe_options),
    }


def changed(options, path):
    name, *below = path
    value = changed(getattr(options, name), below) if below else OTHER[name]
    return dataclasses.replace(options, **{name: value})


@pytest.mark.parametrize(("change", "again"), ROWS)
def test_a_change_does_again_what_the_docs_say(make_store, planted, tmp_path, change, again):
    store, config, design = make_store(), Config(), None
    before = fingerprints(store, config)
    if change == "embeddings":
        (tmp_path / "other").mkdir()
        store = make_store("other/planted", planted[0] + 1)
    elif change == "split":
        design = SplitOptions(seed=3)
    else:
        config = changed(config, change.split("."))
    now = fingerprints(store, config, design)
    found = [kind for kind in before if before[kind] != now[kind]]
    expected = [kind for kind in before if re.search(rf"\b{kind}\b", again)]
    assert found == expected
