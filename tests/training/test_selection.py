import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss

pytest.importorskip("torch", reason="the extra [torch] is not installed")

from featkit.core.errors import InputError
from featkit.training import SELECTION_RULES
from featkit.training.selection import balanced_accuracy, balanced_cross_entropy


@pytest.fixture
def predictions():
    random = np.random.default_rng(0)
    labels, domains = random.integers(0, 3, 200), random.integers(0, 2, 200)
    return labels, random.dirichlet(np.ones(3), 200), domains


def test_agrees_with_scikit_learn_within_each_domain(predictions):
    labels, shares, domains = predictions
    accuracies, entropies = [], []
    for domain in (0, 1):
        inside = domains == domain
        weights = 1 / np.bincount(labels[inside])[labels[inside]]
        accuracies.append(balanced_accuracy_score(labels[inside], shares[inside].argmax(axis=1)))
        entropies.append(log_loss(labels[inside], shares[inside], sample_weight=weights))
    assert balanced_accuracy(labels, shares, domains) == pytest.approx(np.mean(accuracies), rel=1e-12)
    assert balanced_cross_entropy(labels, shares, domains) == pytest.approx(np.mean(entropies), rel=1e-9)


def test_a_sure_mistake_costs_much_but_not_everything():
    found = balanced_cross_entropy(np.array([0]), np.array([[0.0, 1.0]]), np.array([0]))
    assert found == pytest.approx(7 * np.log(10))


@pytest.mark.parametrize("name", sorted(SELECTION_RULES))
def test_rules_know_which_way_is_better(name, predictions):
    rule = SELECTION_RULES[name]
    assert rule.name == name
    labels, shares, domains = predictions
    if rule.measure is None:
        assert rule.improves(float("nan"), 0.1)
        return
    perfect = rule.measure(labels, np.eye(3)[labels], domains)
    poor = rule.measure(labels, shares, domains)
    assert rule.improves(poor, None)
    assert rule.improves(perfect, poor)
    assert not rule.improves(poor, perfect)
    assert not rule.improves(poor, poor)


def test_unknown_rule():
    with pytest.raises(InputError, match="Did you mean"):
        SELECTION_RULES["source-val-balanced-acuracy"]
