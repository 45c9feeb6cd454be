"""Matching recovers a planted permutation, and leaves dead dimensions alone."""

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.results.matching import MatchingResult
from featkit.stats.matching import match_dimensions, reseeding_null


def _twin(X, seed, noise=0.3):
    generator = np.random.default_rng(seed)
    order = generator.permutation(X.shape[1])
    signs = generator.choice([-1.0, 1.0], X.shape[1])
    return X[:, order] * signs + noise * generator.normal(size=X.shape), np.argsort(order), signs


def _embedding(seed=0, n=300, d=40):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_a_permuted_and_flipped_encoder_is_recovered():
    X = _embedding()
    other, place, signs = _twin(X, 1)
    support = np.arange(12)
    result = match_dimensions(X, other, support_a=support, support_b=place[support])
    np.testing.assert_array_equal(result.matched, place)
    np.testing.assert_array_equal(np.sign(result.matched_correlation), signs[place])
    assert np.abs(result.matched_correlation).min() > 0.9
    assert np.nanmax(np.abs(np.delete(result.same_index_correlation, np.flatnonzero(place == np.arange(40))))) < 0.3
    assert result.overlap_before.observed[0, 1] < 0.5
    assert result.overlap_after.observed[0, 1] == 1
    assert result.overlap_after.p_value[0, 1] < 1e-8
    assert result.cka > 0.8


def test_unrelated_encoders_match_poorly_and_random_supports_stay_at_chance():
    generator = np.random.default_rng(3)
    corrected = []
    for seed in range(30):
        a, b = _embedding(seed, d=30), _embedding(seed + 100, d=30)
        picks = [generator.choice(30, 10, replace=False) for _ in range(2)]
        result = match_dimensions(a, b, support_a=picks[0], support_b=picks[1])
        corrected.append(result.overlap_after.corrected[0, 1])
        assert np.median(np.abs(result.matched_correlation)) < 0.25
        assert abs(result.cka) < 0.1
    assert abs(np.mean(corrected)) < 4 * np.std(corrected) / np.sqrt(30)


def test_dead_dimensions_are_matched_to_nothing_and_counted():
    X = _embedding(4)
    other, place, _ = _twin(X, 5)
    X[:, [3, 8]] = 0
    other[:, 0] = 1
    result = match_dimensions(X, other, support_a=[1, 2, 3], support_b=[5, 6])
    assert result.n_dead == (2, 1)
    assert result.matched[[3, 8]].tolist() == [-1, -1]
    assert 0 not in result.matched
    assert np.isnan(result.matched_correlation[3])
    assert np.isnan(result.same_index_correlation[[0, 3, 8]]).all()
    assert result.overlap_after.sizes.tolist() == [2, 2]
    assert any("1 selected dimensions of first have no match" in note for note in result.notes)
    alive = [j for j in range(40) if j not in (3, 8) and place[j] != 0]
    assert np.mean(result.matched[alive] == place[alive]) > 0.9


def test_encoders_of_different_width_are_compared_after_matching_only():
    X = _embedding(6)
    other, place, _ = _twin(X, 7)
    result = match_dimensions(X[:, :25], other, support_a=np.arange(8), support_b=place[:8])
    assert result.n_dimensions == (25, 40)
    assert result.overlap_before is None
    assert result.overlap_after.observed[0, 1] == 1
    assert result.overlap_after.n_candidates.tolist() == [25, 40]
    assert "overlap by index has no meaning" in result.notes[0]
    back = match_dimensions(other, X[:, :25])
    assert (back.matched >= 0).sum() == 25
    assert back.overlap_after is None


def test_result_survives_json_and_has_a_row_a_dimension(tmp_path):
    X = _embedding(8)
    result = match_dimensions(X, _twin(X, 9)[0], support_a=[1], support_b=[2])
    again = MatchingResult.load(result.save(tmp_path / "matching.json"))
    np.testing.assert_array_equal(again.matched, result.matched)
    assert again.overlap_after.names == ("first", "second")
    assert result.frame().height == 40


def test_reseeding_null_lists_every_pair_of_seeds():
    X = _embedding(10)
    twins = [_twin(X, seed) for seed in (11, 12, 13)]
    null = reseeding_null([t[0] for t in twins], [t[1][:10] for t in twins])
    assert null.n_seeds == 3
    assert null.frame().select("first", "second").rows() == [(0, 1), (0, 2), (1, 2)]
    np.testing.assert_allclose(null.overlap_after, 1.0)
    np.testing.assert_allclose(null.corrected_after, 1.0)
    assert (null.overlap_before < 0.6).all()
    assert (null.cka > 0.7).all()


def test_one_seed_or_one_support_is_refused():
    X = _embedding(14, n=20, d=4)
    with pytest.raises(InputError, match="at least two seeds"):
        reseeding_null([X], [[0]])
    with pytest.raises(InputError, match="one embedding and one support"):
        reseeding_null([X, X], [[0]])
    with pytest.raises(InputError, match="both encoders or for neither"):
        match_dimensions(X, X, support_a=[0])
