import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

from featkit.encoders import load_encoder  # noqa: E402
from featkit.training import METHODS, Batch, LearningTask  # noqa: E402
from featkit.training.method import rate_factor  # noqa: E402


def _learner(counts=(3, 9), options=None, **task):
    method = METHODS["baseline"]
    return method(load_encoder("tiny"), LearningTask(counts, 2, **task), method.parse(options))


def _batch(labels, domains):
    return Batch(torch.zeros(len(labels), 3, 4, 4), torch.tensor(labels), torch.tensor(domains))


def test_loss_is_the_mean_over_domains_of_the_mean_within():
    batch = _batch([0, 1, 1, 0], [0, 0, 0, 1])
    logits = torch.tensor([[1.0, 0.0], [0.5, 0.2], [0.0, 3.0], [-1.0, 1.0]])
    losses = -np.log([torch.softmax(row, 0)[c].item() for row, c in zip(logits, batch.labels, strict=True)])
    expected = (losses[:3].mean() + losses[3]) / 2
    assert _learner().classification_loss(logits, batch).item() == pytest.approx(expected, rel=1e-6)


def test_balanced_class_weights_count_each_class_alike():
    learner = _learner(counts=(3, 9), options={"class_weights": "balanced"})
    labels = [0] * 3 + [1] * 9
    logits = torch.randn(12, 2, generator=torch.Generator().manual_seed(0))
    losses = torch.nn.functional.cross_entropy(logits, torch.tensor(labels), reduction="none")
    found = learner.classification_loss(logits, _batch(labels, [0] * 12))
    assert found.item() == pytest.approx(((losses[:3].mean() + losses[3:].mean()) / 2).item(), rel=1e-5)


def test_a_class_without_patches_keeps_weights_finite():
    learner = _learner(counts=(4, 0, 8), options={"class_weights": "balanced"})
    batch = _batch([0, 2, 2], [0, 0, 0])
    assert math.isfinite(learner.classification_loss(torch.zeros(3, 3), batch).item())


def test_learning_rate_follows_progress():
    learner = _learner(options={"learning_rate": 0.5})
    group = learner.optimisers["all"].param_groups[0]
    rates = []
    for progress in (0.0, 0.025, 0.05, 0.525, 1.0):
        learner.progress = progress
        learner.minimise(learner.head.weight.square().sum() + learner.head.bias.sum(), "all")
        rates.append(group["lr"] / 0.5)
    assert rates == pytest.approx([0.1, 0.55, 1.0, 0.505, 0.01])
    assert all(0.01 <= rate_factor(p) <= 1 for p in np.linspace(0, 1, 101))


def test_pretrained_weights_are_changed_more_gently(tmp_path):
    from featkit.encoders import restore_encoder, save_encoder

    method = METHODS["baseline"]
    encoder = load_encoder("tiny")
    assert method(encoder, LearningTask((1, 1), 1), method.parse({})).learning_rate == 1e-3
    encoder.weights = "trained (baseline)"
    again = restore_encoder(save_encoder(encoder, tmp_path / "encoder.safetensors"))
    assert method(again, LearningTask((1, 1), 1), method.parse({})).learning_rate == 1e-4


def test_gradients_are_held_to_the_norm():
    learner = _learner(options={"max_grad_norm": 0.5})
    learner.minimise(1e6 * learner.head.weight.square().sum(), "all")
    norm = torch.stack([p.grad.norm() for p in learner.head.parameters() if p.grad is not None]).norm()
    assert norm.item() <= 0.5 + 1e-5


def test_batch_splits_by_domain():
    batch = Batch(torch.arange(5.0).view(5, 1, 1, 1), torch.tensor([0, 1, 0, 1, 0]), torch.tensor([2, 0, 2, 0, 0]))
    parts = dict(batch.by_domain())
    assert list(parts) == [0, 2]
    assert parts[2].images.flatten().tolist() == [0.0, 2.0]
    assert parts[0].labels.tolist() == [1, 1, 0]
