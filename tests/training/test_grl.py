import dataclasses
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import nn  # noqa: E402

from featkit.core.errors import InputError  # noqa: E402
from featkit.core.options import TrainOptions  # noqa: E402
from featkit.encoders import load_encoder  # noqa: E402
from featkit.training import METHODS, Batch, LearningTask, train  # noqa: E402
from featkit.training.grl import GradientReversalOptions, reversal_strength, reverse_gradient  # noqa: E402


@pytest.mark.parametrize(
    ("progress", "strength"),
    [(0.0, 0.0), (0.1, math.tanh(0.5)), (0.25, math.tanh(1.25)), (0.5, math.tanh(2.5)), (1.0, math.tanh(5.0))],
)
def test_schedule_is_ganins(progress, strength):
    """2 / (1 + exp(-x)) - 1 is tanh(x / 2)."""
    assert reversal_strength(progress) == pytest.approx(strength, abs=1e-12)


def test_schedule_at_the_end_is_what_gamma_says():
    assert reversal_strength(1.0) == pytest.approx(0.9999092, abs=1e-7)
    assert reversal_strength(1.0, gamma=1.0) == pytest.approx(0.4621172, abs=1e-7)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 50), st.floats(0, 5))
def test_schedule_rises_to_its_limit(first, second, gamma, limit):
    low, high = sorted((first, second))
    assert 0 <= reversal_strength(low, gamma, limit) <= reversal_strength(high, gamma, limit) <= limit


def test_reversal_leaves_values_and_turns_gradients():
    """Loss w.z / 2 with z = a x: dL/dx is a w without, -lambda a w with the reversal between; dL/dw stays z."""
    x = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64, requires_grad=True)
    w = torch.tensor([0.5, 0.25, -1.0], dtype=torch.float64, requires_grad=True)
    z = 2 * x
    turned = reverse_gradient(z, 0.7)
    assert torch.equal(turned, z)
    (turned @ w).backward()
    assert torch.allclose(x.grad, -0.7 * 2 * w.detach())
    assert torch.allclose(w.grad, 2 * x.detach())


def _learner(max_lambda=1.0):
    method = METHODS["grl"]
    torch.manual_seed(0)
    options = {"max_lambda": max_lambda, "max_grad_norm": 0.0, "n_hidden": 16}
    return method(load_encoder("tiny"), LearningTask((6, 6), 3), method.parse(options))


def _batch():
    generator = torch.Generator().manual_seed(1)
    labels, domains = torch.arange(12) % 2, torch.arange(12) % 3
    return Batch(torch.randn(12, 3, 96, 96, generator=generator), labels, domains)


def test_one_update_has_the_gradients_of_the_two_losses():
    """Encoder: class minus lambda times domain gradient. Head: class. Discriminator: domain at the full rate."""
    learner, batch = _learner(), _batch()
    learner.eval()  # the same statistics in every pass
    learner.progress = 0.2
    strength = reversal_strength(0.2)
    groups = {name: list(network.parameters()) for name, network in learner.networks().items()}
    flat = [p for group in groups.values() for p in group]
    embeddings = learner.encoder(batch.images)
    class_loss = learner.classification_loss(learner.head(embeddings), batch)
    domain_loss = nn.functional.cross_entropy(learner.discriminator(embeddings), batch.domains)
    from_class, from_domain = (
        torch.autograd.grad(loss, flat, retain_graph=True, allow_unused=True) for loss in (class_loss, domain_loss)
    )
    reported = learner.update(batch)
    factors = {"encoder": (1.0, -strength), "head": (1.0, 0.0), "discriminator": (0.0, 1.0)}
    position = 0
    for name, group in groups.items():
        for parameter in group:
            parts = (from_class[position], from_domain[position])
            expected = sum(f * g for f, g in zip(factors[name], parts, strict=True) if g is not None)
            torch.testing.assert_close(parameter.grad, expected, rtol=1e-4, atol=1e-6)
            position += 1
    assert reported["class_loss"] == pytest.approx(class_loss.item(), rel=1e-5)
    assert reported["domain_loss"] == pytest.approx(domain_loss.item(), rel=1e-5)
    assert reported["domain_chance"] == math.log(3)
    assert reported["lambda"] == strength


def test_without_reversal_the_discriminator_reads_the_domain(data, encoder):
    """Brightness tells the domain: only watched, it is read; with the reversal it is at chance and the class is not."""
    options = TrainOptions(n_epochs=12, batch_size=30, patience=0, augmentation="none")
    last = {}
    for max_lambda in (0.0, 1.0):
        own = {"grl": {"max_lambda": max_lambda}}
        found = train(data, encoder, "grl", options=dataclasses.replace(options, method_options=own))
        last[max_lambda] = found.meta["history"][-1]
    assert last[0.0]["domain_loss"] < 0.6 * math.log(3)
    assert last[1.0]["domain_loss"] > 0.85 * math.log(3)
    assert last[1.0]["val_accuracy"] > 0.9


def test_one_domain_leaves_nothing_to_forget():
    method = METHODS["grl"]
    with pytest.raises(InputError, match="two training domains"):
        method(load_encoder("tiny"), LearningTask((5, 5), 1), method.parse({}))


@pytest.mark.parametrize("options", [{"gamma": 0.0}, {"max_lambda": -0.1}, {"n_hidden": 0}])
def test_refuses_options_out_of_range(options):
    with pytest.raises(InputError, match=next(iter(options))):
        GradientReversalOptions(**options)


def test_options_come_from_a_table():
    assert METHODS["grl"].parse({"max_lambda": 1, "learning_rate": 0.01}) == GradientReversalOptions(
        learning_rate=0.01, max_lambda=1.0
    )
    assert np.isclose(METHODS["grl"].parse(None).gamma, 10)
