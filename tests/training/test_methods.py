"""What every training method promises."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

from featkit.core.errors import InputError  # noqa: E402
from featkit.core.options import TrainOptions  # noqa: E402
from featkit.encoders import load_encoder  # noqa: E402
from featkit.training import METHODS, Batch, LearningTask, Method, load_checkpoint, train  # noqa: E402


@pytest.fixture(params=sorted(METHODS))
def name(request):
    return request.param


def _learner(name, options=None, seed=0):
    torch.manual_seed(seed)
    return METHODS[name](
        load_encoder("tiny"), LearningTask(class_counts=(15, 15), n_domains=3), METHODS[name].parse(options)
    )


@pytest.fixture(scope="module")
def batch(planted):
    images, labels, domains = planted(30)
    pixels = load_encoder("tiny").transform.normalise(torch.from_numpy(images))
    return Batch(pixels, torch.from_numpy(labels), torch.from_numpy(domains))


def test_registered_under_its_own_name(name):
    assert issubclass(METHODS[name], Method)
    assert METHODS[name].name == name


def test_three_updates_are_finite_and_move_every_network(name, batch):
    learner = _learner(name)
    before = {k: [p.clone() for p in network.parameters()] for k, network in learner.networks().items()}
    learner.train()
    for step in range(3):
        learner.progress = step / 3
        reported = learner.update(batch)
        assert "loss" in reported
        assert all(math.isfinite(value) for value in reported.values())
    for k, network in learner.networks().items():
        assert any(not torch.equal(p, q) for p, q in zip(network.parameters(), before[k], strict=True)), k


def test_loss_falls_and_classes_are_learnt_on_planted_data(name, data, encoder):
    found = train(data, encoder, name, options=TrainOptions(n_epochs=6, batch_size=15, patience=0))
    history = found.meta["history"]
    key = "class_loss" if "class_loss" in history[0] else "loss"
    assert history[-1][key] < 0.5 * history[0][key]
    assert max(row["val_accuracy"] for row in history) > 0.9


def test_same_seed_same_weights(name, data, encoder):
    runs = [
        train(data, encoder, name, seed=seed, options=TrainOptions(n_epochs=2, batch_size=30)) for seed in (4, 4, 5)
    ]
    hashes = [run.encoder.weights_sha256 for run in runs]
    assert hashes[0] == hashes[1] != hashes[2]
    assert torch.equal(runs[0].head.weight, runs[1].head.weight)


def test_saved_and_loaded_it_gives_the_same_embeddings(name, data, encoder, batch, tmp_path):
    found = train(data, encoder, name, options=TrainOptions(n_epochs=1, batch_size=30), folder=tmp_path)
    again, head, meta = load_checkpoint(tmp_path)
    assert torch.equal(found.encoder.embed(batch.images), again.embed(batch.images))
    assert torch.equal(head.weight, found.head.weight)
    assert meta["method"] == name


def test_state_goes_on_as_if_never_stopped(name, batch):
    straight, stopped = _learner(name), _learner(name)
    other = _learner(name, seed=1)
    for learner in (straight, stopped):
        learner.train()
        for _ in range(2):
            learner.update(batch)
    other.load_state_dict(stopped.state_dict())
    other.train()
    straight.progress = other.progress = 0.5
    assert straight.update(batch) == other.update(batch)
    for k, network in straight.networks().items():
        for p, q in zip(network.parameters(), other.networks()[k].parameters(), strict=True):
            assert torch.equal(p, q)


def test_predictions_are_probabilities(name, batch):
    learner = _learner(name)
    learner.eval()
    found = learner.predict(batch.images)
    assert found.shape == (30, 2)
    np.testing.assert_allclose(found.sum(dim=1), 1, atol=1e-6)
    assert not any(part.training for network in learner.networks().values() for part in network.modules())


def test_unknown_and_mistyped_options_are_named(name):
    with pytest.raises(InputError, match="learning_rate"):
        METHODS[name].parse({"lerning_rate": 0.1})
    with pytest.raises(InputError, match="learning_rate"):
        METHODS[name].parse({"learning_rate": "fast"})
    for options in ({"learning_rate": 0.0}, {"weight_decay": -1.0}, {"class_weights": "some"}):
        with pytest.raises(InputError, match=next(iter(options))):
            METHODS[name].parse(options)
