import numpy as np
import pytest

from featkit import workflows
from featkit.core.errors import InputError
from featkit.results.probe import ProbeResult
from featkit.workflows._probe import saved_probes
from featkit.workflows.steps.sources import find_sources


@pytest.fixture
def study(planted, workspace_of):
    """One encoder that carries magnification and one from which it was taken out."""
    flat = planted[0].copy()
    flat[:, [5, 19]] = np.random.default_rng(0).normal(size=(400, 2))
    return workspace_of({("baseline", 0): planted[0], ("erased", 0): flat})


def test_planted_magnification_is_read_and_its_absence_is_not(study):
    found = workflows.probe("magnification").items
    assert list(found) == ["baseline/100X", "erased/100X"]
    there, gone = found["baseline/100X"], found["erased/100X"]
    assert there.metrics["balanced_accuracy"].value > 0.45
    assert there.p_value[there.tested] < 0.05
    assert gone.p_value[gone.tested] > 0.05
    assert there.chance["balanced_accuracy"] == 0.25


def test_only_patients_the_encoder_never_saw_are_probed(study):
    found = workflows.probe("magnification", method="baseline").items["baseline/100X"]
    split = find_sources(None, method="baseline")[0].split("100X")
    unseen = set(split.patients.tolist()) - set(split.patients[split.rows("train")].tolist())
    assert found.n_patients == len(unseen)
    assert found.n_patches == 20 * len(unseen)


def test_regimes_choose_what_is_told_apart(study):
    training = workflows.probe("magnification", method="baseline", regime="training").items["baseline/100X"]
    assert training.classes == ("200X", "400X", "40X")
    assert training.n_patches == 15 * training.n_patients
    shift = workflows.probe("magnification", method="baseline", regime="held-out").items["baseline/100X"]
    assert set(shift.classes) == {"100X", "rest"}
    assert shift.chance["balanced_accuracy"] == 0.5
    source = find_sources(None, method="baseline")[0]
    assert list(saved_probes(source, "magnification")) == ["held-out", "training"]


def test_kinds_of_probes_are_kept_apart(study):
    workflows.probe("magnification", method="baseline")
    workflows.probe("magnification", method="baseline", within="label")
    saved = saved_probes(find_sources(None, method="baseline")[0], "magnification")
    assert list(saved) == ["", "within label"]
    assert saved[""].to_dict() != saved["within label"].to_dict()
    assert all(isinstance(result, ProbeResult) for result in saved.values())


def test_a_frozen_encoder_needs_to_be_told_what_is_held_out(make_store):
    store = make_store()
    with pytest.raises(InputError, match="the regime 'training' must have a held-out magnification"):
        workflows.probe("magnification", store, regime="training")
    found = workflows.probe("magnification", store, regime="held-out", fold="400X")
    assert list(found.items) == ["planted/400X"]
    result = found["planted/400X"]
    assert result.n_patients == 20
    assert result.metrics["balanced_accuracy"].value > 0.7


def test_patients_are_found_again_across_magnifications(make_store):
    result = workflows.probe("patient", make_store())["planted"]
    assert result.metrics["top1"].value > result.chance["top1"]
    assert set(result.classes) == {"40X", "100X", "200X", "400X"}


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("magnifcation", {}, "Did you mean 'magnification'"),
        ("magnification", {"regime": "trainig"}, "Did you mean 'training'"),
        ("patient", {"regime": "training"}, "the patient probe must be left as it is"),
        ("patient", {"model": "mlp"}, "the patient probe must be left as it is"),
    ],
)
def test_mistakes_are_named(make_store, target, options, message):
    with pytest.raises(InputError, match=message):
        workflows.probe(target, make_store(), **options)
