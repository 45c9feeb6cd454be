"""One file per run: found again under any name, and one clear line whatever happened to it."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.fingerprint import Fingerprint
from featkit.core.run_key import RunKey
from featkit.results import ByRun, Estimate, EvaluationSet, ProbeResult, ResultFolder, load_result
from featkit.results.evaluation_set import BrierTerms

PROBE = ProbeResult(
    target="magnification",
    column="magnification",
    patches="all patients",
    design="a sentence",
    regime="all",
    model="linear",
    classes=("40X", "100X"),
    n_patches=8,
    n_patients=4,
    n_dimensions=3,
    metrics={"auc": Estimate(0.1 + 0.2, 0.1, float("nan"))},
    chance={"auc": 0.5},
    null={"auc": np.array([0.4, 0.6])},
    p_value={"auc": 0.25},
    headline="auc",
    tested="auc",
    per_class={},
    seed=0,
    key=RunKey("grl", "100X", 0, variant=(("target", "magnification"),)),
    made_from=Fingerprint("probe 2", {"store": "abc"}, {"n_folds": 5}),
)
names = st.text(min_size=1, max_size=30).filter(lambda text: not any(0xD800 <= ord(c) <= 0xDFFF for c in text))


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=names, fold=names, seed=st.integers(0, 9))
def test_a_result_of_any_name_is_found_again(tmp_path, method, fold, seed):
    folder = ResultFolder(tmp_path)
    key = RunKey(method, fold, seed, "head", variant={"target": "site"})
    path = folder.save(dataclasses.replace(PROBE, key=key))
    assert path.parent == tmp_path / "probes"
    assert len(path.name.encode()) <= 255
    assert folder.get(ProbeResult, key).key == key
    assert key in folder.keys(ProbeResult)


def test_only_what_was_made_from_the_same_is_finished(tmp_path):
    folder = ResultFolder(tmp_path)
    assert folder.finished(ProbeResult, PROBE.key, PROBE.made_from) is None
    folder.save(PROBE)
    assert folder.finished(ProbeResult, PROBE.key, PROBE.made_from).to_dict() == PROBE.to_dict()
    for other in ({"estimator": "probe 3"}, {"inputs": {"store": "abd"}}, {"options": {"n_folds": 6}}):
        assert folder.finished(ProbeResult, PROBE.key, dataclasses.replace(PROBE.made_from, **other)) is None


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_one_line_that_names_the_file(tmp_path, data):
    folder = ResultFolder(tmp_path)
    path = folder.save(PROBE)
    whole = path.read_bytes()
    kind = data.draw(st.sampled_from(["byte", "cut", "version", "kind", "field", "value"]))
    if kind == "byte":
        place = data.draw(st.integers(0, len(whole) - 1))
        path.write_bytes(whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :])
    elif kind == "cut":
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        body = json.loads(whole)
        del body["sha256"]  # as somebody who edits the file by hand would have to
        anything = st.one_of(
            st.none(), st.integers(), st.text(), st.lists(st.integers()), st.dictionaries(names, names)
        )
        name = kind if kind in body else data.draw(st.sampled_from(sorted(body)))
        if kind == "field":
            del body[name]
        else:
            body[name] = data.draw(anything)
        path.write_text(json.dumps(body))
    try:
        found = folder.get(ProbeResult, PROBE.key)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
        assert folder.finished(ProbeResult, PROBE.key, PROBE.made_from) is None
    else:
        assert isinstance(found, ProbeResult)
    try:
        load_result(path)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017
    folder.keys(ProbeResult)
    path.unlink()


def test_a_file_of_another_run_is_refused(tmp_path):
    folder = ResultFolder(tmp_path)
    other = dataclasses.replace(PROBE.key, seed=1)
    folder.save(PROBE).rename(folder.path(ProbeResult, other))
    with pytest.raises(InputError, match=r"probes/.*seed=1.* must be of grl, 100X, seed 1"):
        folder.get(ProbeResult, other)


def test_runs_without_a_result_give_the_default():
    sizes = ByRun({RunKey("grl", "100X"): 12})
    assert sizes.get(RunKey("grl", "200X")) is None
    assert sizes.get(RunKey("grl", "100X")) == 12
    with pytest.raises(InputError, match="There are: grl, 100X"):
        sizes[RunKey("grl", "200X")]


def test_other_versions_say_what_to_do(tmp_path):
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(EvaluationSet(ByRun()).to_dict() | {"version": 1}))
    with pytest.raises(InputError, match=r"evaluation\.json: EvaluationSet must be of version 2, got 1\. Run"):
        load_result(path)
    assert BrierTerms.version == 1
