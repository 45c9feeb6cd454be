import numpy as np
import pytest

from featkit.probes.permutations import permuted_within
from featkit.probes.reidentify import METRICS, search, standardised_within


@pytest.fixture
def patches():
    """Patients of different sizes, some of them missing at a domain."""
    random = np.random.default_rng(0)
    n_patients, n_domains = 14, 3
    cells = [(p, t) for p in range(n_patients) for t in range(n_domains) if not (p < 4 and t == 2)]
    who, place = np.array([c for c in cells for _ in range(random.integers(1, 6))]).T
    X = random.normal(size=(len(who), 7)) + random.normal(size=(n_patients, 7))[who]
    return standardised_within(X, place)(np.arange(len(X))), who, place, n_patients, n_domains


def test_a_relabelling_is_what_renaming_the_patches_gives(patches):
    Z, who, place, n_patients, n_domains = patches
    present = np.array([[np.any((who == p) & (place == t)) for t in range(n_domains)] for p in range(n_patients)])
    stratum = np.unique(present, axis=0, return_inverse=True)[1].ravel()
    taken_for = np.stack(
        [permuted_within(np.arange(n_patients), stratum, 6, seed) for seed in range(n_domains)], axis=1
    )
    itself = np.tile(np.arange(n_patients), (n_domains, 1))
    for names in taken_for:
        renamed = names[place, who]
        for t in range(n_domains):
            relabelled = search(Z.__getitem__, who, place, t, 3)
            again = search(Z.__getitem__, renamed, place, t, 3)
            for metric, values in relabelled.found(names).items():
                where = np.searchsorted(again.here, names[t, relabelled.here])
                np.testing.assert_allclose(values, again.found(itself)[metric][where], atol=1e-12)


def test_neighbours_and_guesses_are_counted_as_by_hand(patches):
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import NearestNeighbors

    Z, who, place, n_patients, n_domains = patches
    part = search(Z.__getitem__, who, place, 0, 3)
    found = part.found(np.tile(np.arange(n_patients), (n_domains, 1)))
    here, known = place == 0, place != 0
    nearest = NearestNeighbors(n_neighbors=3, metric="cosine").fit(Z[known]).kneighbors(Z[here])[1]
    same = who[known][nearest] == who[here][:, None]
    cell = who[known] * n_domains + place[known]
    w = 1 / np.bincount(cell)[cell]
    mean = np.average(Z[known], axis=0, weights=w)
    deviation = np.sqrt(np.average((Z[known] - mean) ** 2, axis=0, weights=w))
    oracle = Ridge(alpha=7).fit(
        (Z[known] - mean) / deviation, np.eye(n_patients)[who[known]], sample_weight=w / w.mean()
    )
    rank = np.argsort(np.argsort(-oracle.predict((Z[here] - mean) / deviation), axis=1), axis=1)
    own_rank = rank[np.arange(here.sum()), who[here]]
    for p in range(n_patients):
        mine = who[here] == p
        assert found["retrieval"][p] == pytest.approx(same[mine].mean())
        assert found["top1"][p] == pytest.approx((own_rank[mine] < 1).mean())
        assert found["top5"][p] == pytest.approx((own_rank[mine] < 5).mean())
    np.testing.assert_array_equal(part.n_known, np.bincount(who[known]))


def test_embeddings_that_say_nothing_reach_chance_exactly(patches):
    _, who, place, n_patients, n_domains = patches
    keep = who >= 4
    part = search(np.zeros((keep.sum(), 5)).__getitem__, who[keep], place[keep], 1, 5)
    found = part.found(np.tile(np.arange(n_patients), (n_domains, 1)))
    assert np.allclose(found["top1"], 1 / 10)
    assert np.allclose(found["top5"], 5 / 10)
    assert set(found) == set(METRICS)


def test_each_domain_is_standardised_on_its_own():
    random = np.random.default_rng(1)
    place = np.repeat([0, 2], 50)
    X = random.normal(size=(100, 3)) * np.where(place, 5, 1)[:, None] + 10 * place[:, None]
    X[:50, 1] = 4
    Z = standardised_within(X.astype(np.float32), place)(np.arange(100))
    for t in (0, 2):
        np.testing.assert_allclose(Z[place == t].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(Z[place == 2].std(axis=0), 1)
    assert (Z[:50, 1] == 0).all()
