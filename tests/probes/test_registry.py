import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.probes import PROBES
from featkit.results import Result

# what each probe reads, so that it can be planted or left out
PLANTED = {"column": {"domain": 1.0}, "magnification": {"domain": 1.0}, "patient": {"patient": 1.5}}
FAST = {"n_permutations": 99, "n_draws": 300, "n_controls": 2}
DATA = ("X", "column", "groups", "label")


def test_every_probe_has_a_planted_signal_here():
    assert set(PLANTED) == set(PROBES)


@pytest.mark.parametrize("name", sorted(PLANTED))
class TestContract:
    def test_a_planted_signal_is_found(self, probed, cohort, name):
        found = probed(name, cohort(0, **PLANTED[name]), **FAST)
        shown = found.metrics[found.headline]
        assert shown.low > found.chance[found.headline]
        assert found.p_value[found.tested] == 1 / 100
        assert found.null[found.tested].shape == (99,)
        assert found.metrics[found.tested].value > found.null[found.tested].max()

    def test_an_absent_signal_is_covered_and_its_p_values_are_spread_out(self, probed, cohort, name):
        results = [probed(name, cohort(seed, label=0.5), seed=seed, **FAST) for seed in range(12)]
        p = np.array([r.p_value[r.tested] for r in results])
        guess = "{} within class" if name == "patient" else "{}"
        covered = [
            r.metrics[r.headline].low <= r.chance[guess.format(r.headline)] <= r.metrics[r.headline].high
            for r in results
        ]
        assert np.sum(covered) >= 9
        assert (p <= 0.05).sum() <= 2
        assert 0.3 < p.mean() < 0.7

    def test_the_same_seed_gives_the_same_result_and_the_order_of_names_does_not_matter(self, probed, cohort, name):
        data = cohort(1, **PLANTED[name])
        one, two = (probed(name, data, seed=5, **FAST).to_dict() for _ in range(2))
        assert one == two
        renamed = {**data, "groups": np.array([g.replace("case", "patient") for g in data["groups"]])}
        assert probed(name, renamed, seed=5, **FAST).to_dict() == one

    def test_the_result_is_saved_and_shown(self, probed, cohort, name, tmp_path):
        found = probed(name, cohort(2), **FAST)
        again = Result.load(found.save(tmp_path / "probe.json"))
        assert again.to_dict() == found.to_dict()
        frame = found.frame()
        assert frame["metric"].to_list() == list(found.metrics)
        assert frame.filter(metric=found.headline)["value"].item() == found.metrics[found.headline].value
        assert frame["regime"].unique().to_list() == ["all"]
        assert set(found.null) == set(found.p_value) <= set(found.metrics)

    def test_the_data_are_left_alone(self, probed, cohort, name):
        data = cohort(3)
        before = data["X"].copy()
        probed(name, data, **FAST)
        np.testing.assert_array_equal(data["X"], before)

    def test_bad_input_is_named(self, probed, cohort, name):
        data = cohort(4)

        def refused(message, **changed):
            with pytest.raises(InputError, match=message):
                probed(
                    name,
                    {**data, **{k: v for k, v in changed.items() if k in DATA}},
                    **FAST | {k: v for k, v in changed.items() if k not in DATA},
                )

        X = data["X"].copy()
        X[[7, 30], 2] = np.nan
        refused("2 rows with NaN or infinity, the first in row 7", X=X)
        refused("shape", X=X[0])
        refused("one value per row of X", column=data["column"][:-1])
        refused("one value per row of X", groups=data["groups"][1:])
        refused("groups must not be missing, got 1 missing", groups=np.array([None, *data["groups"][1:]], dtype=object))
        refused("at least two", column=np.full(len(X), "40X"))
        refused("level must be", level=95)
        refused("n_permutations must be between 0 and", n_permutations=-1)


def test_without_permutations_there_is_no_evidence(probed, cohort):
    found = probed("magnification", cohort(0), n_permutations=0, n_draws=10)
    assert found.p_value["ridge_balanced_accuracy"] == 1
    assert found.frame()["null_mean"].null_count() == len(found.metrics)


def test_an_unknown_probe_gets_a_suggestion():
    with pytest.raises(InputError, match="Did you mean 'patient'"):
        PROBES["patients"]
