import numpy as np
import pytest

from featkit import workflows
from featkit.core.errors import InputError
from featkit.core.options import ProbeOptions
from featkit.core.run_key import RunFilter
from featkit.results import ProbeResult, ResultFolder
from featkit.workflows.steps.sources import find_sources


def read(target="magnification", store=None, *, method=None, fold=None, again=False, output=None, **chosen):
    options = ProbeOptions(n_permutations=39, **chosen)
    runs = RunFilter(method=method, fold=fold)
    return workflows.probe(target, store, runs=runs, options=options, again=again, output=output).probes


@pytest.fixture
def study(planted, workspace_of):
    """One encoder that carries magnification and one from which it was taken out."""
    flat = planted[0].copy()
    flat[:, [5, 19]] = np.random.default_rng(0).normal(size=(400, 2))
    return workspace_of({("baseline", 0): planted[0], ("erased", 0): flat})


def test_planted_magnification_is_read_and_its_absence_is_not(study):
    found = read()
    assert [(key.method, key.fold, key.seed) for key in found] == [("baseline", "100X", 0), ("erased", "100X", 0)]
    there, gone = found.one(method="baseline"), found.one(method="erased")
    assert there.metrics["balanced_accuracy"].value > 0.45
    assert there.p_value[there.tested] < 0.05
    assert gone.p_value[gone.tested] > 0.05
    assert there.chance["balanced_accuracy"] == 0.25


def test_only_patients_the_encoder_never_saw_are_probed(study):
    found = read(method="baseline").one()
    (source,) = find_sources(None, RunFilter(method="baseline"))
    split = source.split("100X")
    unseen = set(split.patients.tolist()) - set(split.patients[split.rows("train")].tolist())
    assert found.n_patients == len(unseen)
    assert found.n_patches == 20 * len(unseen)


def test_regimes_choose_what_is_told_apart(study):
    training = read(method="baseline", regime="training").one()
    assert set(training.classes) == {"200X", "400X", "40X"}
    assert training.n_patches == 15 * training.n_patients
    shift = read(method="baseline", regime="held-out").one()
    assert set(shift.classes) == {"100X", "rest"}
    assert shift.chance["balanced_accuracy"] == 0.5


def test_kinds_of_probes_are_kept_apart(study):
    made = [read(method="baseline", **kind) for kind in ({}, {"within": "label"}, {"regime": "training"})]
    saved = ResultFolder(study / "results").every(ProbeResult)
    assert {key: one.to_dict() for key, one in saved.items()} == {
        key: one.to_dict() for found in made for key, one in found.items()
    }
    assert len(saved) == 3


def test_a_frozen_encoder_needs_to_be_told_what_is_held_out(make_store):
    store = make_store()
    with pytest.raises(InputError, match="the regime 'training' must have a held-out magnification"):
        read(store=store, regime="training")
    found = read(store=store, regime="held-out", fold="400X")
    assert [key.fold for key in found] == ["400X"]
    assert found.one().n_patients == 20
    assert found.one().metrics["balanced_accuracy"].value > 0.7


def test_patients_are_found_again_across_magnifications(make_store):
    result = read("patient", make_store()).one()
    assert result.metrics["top1"].value > result.chance["top1"]
    assert set(result.classes) == {"40X", "100X", "200X", "400X"}


@pytest.mark.parametrize("name", ["a, seed 1", "H,E=x", "seedbank"])
def test_a_store_whose_name_holds_a_comma_keeps_its_probes(make_store, name):
    store = make_store(name)
    found = read(store=store)
    (source,) = find_sources(store)
    assert [key.method for key in source.results.every(ProbeResult)] == [name]
    assert source.results.every(ProbeResult).one().to_dict() == found.one().to_dict()


def test_what_is_finished_is_not_done_again(study, monkeypatch):
    from featkit.workflows import _probe

    made, calls = _probe._probe_one, []
    monkeypatch.setattr(_probe, "_probe_one", lambda *given: calls.append(1) or made(*given))
    first = read(method="baseline")
    assert read(method="baseline").one().to_dict() == first.one().to_dict()
    assert len(calls) == 1
    assert len(read()) == 2
    assert len(calls) == 2
    read(method="baseline", again=True)
    read(method="baseline", n_folds=4)
    assert len(calls) == 4


def test_probes_of_other_embeddings_are_made_anew(make_store, planted, tmp_path):
    (tmp_path / "moved").mkdir()
    one = read(store=make_store(), output=tmp_path / "out").one()
    two = read(store=make_store("moved/planted", planted[0][:, ::-1] + 1), output=tmp_path / "out").one()
    assert one.made_from != two.made_from
    assert ResultFolder(tmp_path / "out").every(ProbeResult).one().made_from == two.made_from


@pytest.mark.parametrize(
    ("target", "chosen", "message"),
    [
        ("magnifcation", {}, "Did you mean 'magnification'"),
        ("magnification", {"regime": "trainig"}, "Did you mean 'training'"),
        ("patient", {"regime": "training"}, "the patient probe must be left as it is"),
        ("patient", {"model": "mlp"}, "the patient probe must be left as it is"),
        ("magnification", {"method": "grl"}, "method and seed choose among the runs of a workspace"),
    ],
)
def test_mistakes_are_named(make_store, target, chosen, message):
    with pytest.raises(InputError, match=message):
        read(target, make_store(), **chosen)
