"""Overlap matrices between named supports: chance among candidates, notes and edges."""

import numpy as np
import polars as pl
import pytest

from featkit.core.errors import InputError
from featkit.core.options.resampling import Resampling
from featkit.results.overlap import OverlapResult
from featkit.stats.overlap_chance import overlap_chance
from featkit.stats.overlap_measures import OVERLAP_MEASURES
from featkit.stats.overlap_pairs import overlap

SUPPORTS = {"40X": [0, 1, 2, 3], "100X": [2, 3, 4, 5], "200X": [0, 1, 2, 3], "400X": [7, 8]}


@pytest.mark.parametrize("measure", sorted(OVERLAP_MEASURES))
def test_every_pair_equals_the_pairwise_functions(measure):
    result = overlap(SUPPORTS, 20, measure=measure)
    sets = {name: set(s) for name, s in SUPPORTS.items()}
    for i, first in enumerate(SUPPORTS):
        for j, second in enumerate(SUPPORTS):
            shared = len(sets[first] & sets[second])
            expected = overlap_chance(shared, len(sets[first]), len(sets[second]), 20, measure=measure)
            assert result.intersection[i, j] == shared
            np.testing.assert_allclose(result.observed[i, j], expected.observed)
            np.testing.assert_allclose(result.chance[i, j], expected.expected)
            np.testing.assert_allclose(result.corrected[i, j], expected.corrected)
            if i != j:
                np.testing.assert_allclose(result.p_value[i, j], expected.p_value)


def test_the_diagonal_is_a_set_with_itself_and_has_no_p_value():
    result = overlap(SUPPORTS, 20)
    np.testing.assert_array_equal(np.diag(result.observed), 1)
    np.testing.assert_allclose(np.diag(result.corrected), 1)
    assert np.isnan(np.diag(result.p_value)).all()


def test_frame_has_one_row_a_pair():
    frame = overlap(SUPPORTS, 20).frame()
    assert frame.height == 6
    row = frame.filter((pl.col("first") == "40X") & (pl.col("second") == "200X")).row(0, named=True)
    assert (row["intersection"], row["observed"]) == (4, 1.0)


def test_frame_of_one_support_is_empty_with_the_same_columns():
    frame = overlap({"40X": [1, 2]}, 20).frame()
    assert frame.height == 0
    assert frame.schema == overlap(SUPPORTS, 20).frame().schema


def test_result_survives_json(tmp_path):
    result = overlap(SUPPORTS, 20)
    again = OverlapResult.load(result.save(tmp_path / "overlap.json"))
    np.testing.assert_array_equal(again.p_value, result.p_value)
    assert again.names == result.names
    assert again.stability is not None
    assert again.stability.value == result.stability.value


def test_sets_limited_by_the_same_dead_dimensions_are_seen_through():
    generator = np.random.default_rng(0)
    alive = np.arange(1100)
    supports = {name: generator.choice(alive, 1074, replace=False) for name in ("100X", "200X")}
    naive, among_alive = overlap(supports, 2048), overlap(supports, 2048, candidates=alive)
    assert naive.observed[0, 1] > 0.9
    assert naive.p_value[0, 1] < 1e-100
    assert abs(among_alive.corrected[0, 1]) < 0.2
    assert among_alive.p_value[0, 1] > 0.01
    assert "among 1100 candidates" in " ".join(among_alive.notes)
    assert among_alive.stability.n_dimensions == 1100


def test_candidates_by_support_use_the_exact_mixture():
    pools = {"a": np.arange(0, 60), "b": np.arange(40, 100)}
    supports = {"a": np.arange(30, 60), "b": np.arange(40, 50)}
    result = overlap(supports, 100, candidates=pools)
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(4000):
        a = set(generator.choice(pools["a"], 30, replace=False).tolist())
        b = set(generator.choice(pools["b"], 10, replace=False).tolist())
        drawn.append((len(a & b) / len(a | b), len(a & b)))
    drawn = np.array(drawn)
    assert result.chance[0, 1] == pytest.approx(drawn[:, 0].mean(), abs=4 * drawn[:, 0].std() / np.sqrt(4000))
    assert result.p_value[0, 1] == pytest.approx(np.mean(drawn[:, 1] >= 10), abs=0.01)
    assert result.stability.n_dimensions == 20


def test_a_support_outside_its_candidates_is_refused():
    with pytest.raises(InputError, match=r"support 100X must hold candidates only, got 1 others, the first 5"):
        overlap(SUPPORTS, 20, candidates=[0, 1, 2, 3, 4, 7, 8])
    with pytest.raises(InputError, match="given for every support, got none for 400X"):
        overlap(SUPPORTS, 20, candidates={"40X": range(20), "100X": range(20), "200X": range(20)})


def test_empty_and_full_supports_are_reported_not_hidden():
    result = overlap({"none": [], "some": [1, 2], "all": range(6)}, 6)
    assert result.observed[0, 1] == 0
    assert np.isnan(result.corrected[0]).all()
    assert np.isnan(result.observed[0, 0])
    assert np.isnan(result.corrected[1, 2])
    text = " ".join(result.notes)
    assert "No dimension was selected in 1 of" in text
    assert "Every candidate was selected in all" in text


def test_kuncheva_leaves_out_pairs_of_unequal_size_with_a_note():
    result = overlap(SUPPORTS, 20, measure="kuncheva")
    assert np.isnan(result.observed[0, 3])
    assert result.observed[0, 2] == 1
    assert any("equal size only" in note for note in result.notes)


def test_sizes_that_differ_twofold_are_noted():
    assert any("Sizes run from 2 to 4" in note for note in overlap(SUPPORTS, 20).notes)


def test_folds_get_no_interval_for_the_stability_index_but_replicates_do():
    folds, replicates = overlap(SUPPORTS, 20), overlap(SUPPORTS, 20, are_replicates=True)
    assert np.isnan(folds.stability.low)
    assert any("folds share training patients" in note for note in folds.stability.notes)
    assert replicates.stability.low < replicates.stability.value < replicates.stability.high
    assert folds.stability.value == replicates.stability.value


def test_unknown_measure_and_missing_similarity_are_told_apart():
    with pytest.raises(InputError, match="Did you mean 'jaccard'"):
        overlap(SUPPORTS, 20, measure="jacard")
    with pytest.raises(InputError, match="'yu' without similarity"):
        overlap(SUPPORTS, 20, measure="yu")
    with pytest.raises(InputError, match="'jaccard' with similarity"):
        overlap(SUPPORTS, 20, similarity=np.eye(20))
    with pytest.raises(InputError, match="at least one support"):
        overlap({}, 20)


def test_collinear_twins_overlap_when_similarity_is_counted():
    similarity = np.eye(40)
    for j in range(20):
        similarity[j, j + 20] = similarity[j + 20, j] = 0.97
    supports = {"a": range(0, 8), "b": range(20, 28)}
    plain = overlap(supports, 40)
    adjusted = overlap(
        supports, 40, measure="intersection_matching", similarity=similarity, resampling=Resampling(n_draws=200)
    )
    assert plain.observed[0, 1] == 0
    assert adjusted.observed[0, 1] == 1
    assert adjusted.corrected[0, 1] == pytest.approx(1)
    assert adjusted.p_value[0, 1] == pytest.approx(1 / 201)
    assert adjusted.p_method == "permutation"
    assert np.isnan(np.diag(adjusted.chance)).all()
    assert np.diag(adjusted.observed).tolist() == [1, 1]


def test_permutation_p_values_under_the_null_are_not_too_small():
    generator = np.random.default_rng(3)
    latent = generator.normal(size=(200, 10))
    x = latent[:, np.arange(60) % 10] + 0.3 * generator.normal(size=(200, 60))
    similarity = np.abs(np.corrcoef(x.T))
    p = []
    for repeat in range(50):
        supports = {name: generator.choice(60, 15, replace=False) for name in "ab"}
        p.append(
            overlap(
                supports, 60, measure="yu", similarity=similarity, resampling=Resampling(n_draws=99, seed=repeat)
            ).p_value[0, 1]
        )
    assert np.mean(np.array(p) <= 0.1) <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 50)
    assert 0.35 < np.mean(p) < 0.75


def test_pairs_that_are_undefined_are_counted_and_never_averaged_away():
    supports = {"a": [1, 2, 3], "b": [1, 2, 3], "c": [], "d": [], "e": []}
    found = overlap(supports, 40)
    assert (found.n_pairs, found.n_undefined) == (10, 9)
    assert found.empty == ("c", "d", "e")
    assert found.mean_of_pairs()["corrected"] == 1
    assert "over 1 of 10 pairs, 3 of 5 supports empty" in repr(found)
    assert found.frame()["state"].to_list().count("empty") == 9
    assert any("3 of 5 (c, d, e)" in note for note in found.notes)


def test_nothing_selected_anywhere_is_a_state_of_its_own():
    found = overlap({"a": [], "b": []}, 40)
    assert found.states == ("empty",)
    assert np.isnan(found.mean_of_pairs()["corrected"])
    assert "undefined, over 0 of 1 pairs, 2 of 2 supports empty" in found.summary()


def test_sizes_that_leave_a_measure_undefined_are_told_from_empty_supports():
    found = overlap({"a": [1, 2], "b": [1, 2, 3], "c": []}, 10, measure="kuncheva")
    assert found.states == ("undefined", "empty", "empty")
