import numpy as np
from sklearn.metrics import log_loss, mutual_info_score

from featkit.probes.information import information_bits


def once(y, P, patient, part):
    found = information_bits(y, P, patient, part, np.ones((1, patient.max() + 1)))
    return found["cross_entropy_bits"][0], found["information_bits"][0]


def test_it_is_the_entropy_less_the_log_loss():
    random = np.random.default_rng(0)
    y, P, patient = random.integers(0, 3, 200), random.dirichlet([1, 1, 1], 200), random.integers(0, 9, 200)
    cross, bits = once(y, P, patient, np.zeros(200, dtype=int))
    share = np.bincount(y) / 200
    assert np.isclose(cross, log_loss(y, P) / np.log(2))
    assert np.isclose(bits, -(share * np.log2(share)).sum() - cross)


def test_a_probe_that_knows_the_conditional_shares_finds_the_mutual_information():
    random = np.random.default_rng(1)
    z = random.integers(0, 4, 500)
    y = np.where(random.random(500) < 0.6, z % 3, random.integers(0, 3, 500))
    table = np.array([np.bincount(y[z == v], minlength=3) / (z == v).sum() for v in range(4)])
    _, bits = once(y, table[z], z, np.zeros(500, dtype=int))
    assert np.isclose(bits, mutual_info_score(y, z) / np.log(2))
    by_part = [np.bincount(y[z == v], minlength=3) / (z == v).sum() for v in range(4)]
    _, conditional = once(y, np.array(by_part)[z], np.zeros(500, dtype=int), z)
    assert np.isclose(conditional, 0)  # nothing is left to find once the part is known


def test_a_draw_counts_a_patient_as_often_as_it_was_drawn():
    random = np.random.default_rng(2)
    y, P, patient = random.integers(0, 2, 60), random.dirichlet([1, 1], 60), random.integers(0, 5, 60)
    counts = np.array([[2, 0, 1, 3, 0]])
    rows = np.repeat(np.arange(60), counts[0][patient])
    found = information_bits(y, P, patient, np.zeros(60, dtype=int), counts)
    assert np.isclose(found["cross_entropy_bits"][0], -np.log2(P[rows, y[rows]]).mean())
