import warnings

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

from featkit.core.errors import FeatkitWarning, InputError
from featkit.stats.run_variance import mean_over_seeds, reml, variance_components


def balanced(n_seeds, n_splits, n_patients, sds, seed):
    rng = np.random.default_rng(seed)
    s, k, p = (a.ravel() for a in np.indices((n_seeds, n_splits, n_patients)))
    effects = [rng.normal(0, sd, size) for sd, size in zip(sds, (n_seeds, n_splits, n_patients))]
    y = 0.9 + effects[0][s] + effects[1][k] + effects[2][p] + rng.normal(0, sds[3], s.size)
    return y, {"seed": s, "split": k, "patient": p}


def anova(y, shape):
    """Expected mean squares of the balanced crossed design solved for the components (REML equals it inside)."""
    a, b, c = shape
    cube, mean = y.reshape(shape), y.mean()
    one = [cube.mean(axis=(1, 2)), cube.mean(axis=(0, 2)), cube.mean(axis=(0, 1))]
    fitted = one[0][:, None, None] + one[1][None, :, None] + one[2][None, None, :] - 2 * mean
    residual = ((cube - fitted) ** 2).sum() / (y.size - a - b - c + 2)
    squares = [y.size / n * ((m - mean) ** 2).sum() / (n - 1) for n, m in zip(shape, one)]
    components = [(s - residual) / (y.size / n) for n, s in zip(shape, squares)]
    variance_of_mean = (sum(squares) - 2 * residual) / y.size
    return [*components, residual], variance_of_mean


@pytest.mark.parametrize("shape", [(5, 5, 23), (6, 8, 40)])
def test_balanced_design_agrees_with_the_closed_form(shape):
    y, sources = balanced(*shape, (0.04, 0.05, 0.1, 0.03), seed=1)
    found = variance_components(y, sources, quantity="auc")
    expected, variance_of_mean = anova(y, shape)
    np.testing.assert_allclose(list(found.components.values()), expected, rtol=0.01)
    assert list(found.components) == ["seed", "split", "patient", "residual"]
    assert sum(found.shares.values()) == pytest.approx(1)
    half = stats.t.isf(0.025, min(shape) - 1) * np.sqrt(variance_of_mean)
    assert found.mean.value == pytest.approx(y.mean(), abs=1e-9)
    assert found.mean.high - found.mean.value == pytest.approx(half, rel=0.01)
    assert (found.mean.unit, found.mean.n_units) == ("seed", shape[0])
    assert found.is_converged


def test_planted_components_are_recovered_over_repeats():
    sds = (0.05, 0.02, 0.08, 0.03)
    found = []
    for repeat in range(8):
        y, sources = balanced(8, 6, 12, sds, seed=repeat)
        found.append(list(variance_components(y, sources).components.values()))
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - np.square(sds)) < 3.5 * error).all()


def test_unit_scales_the_components():
    y, sources = balanced(6, 5, 10, (0.04, 0.05, 0.1, 0.03), seed=3)
    fraction, percent = variance_components(y, sources), variance_components(100 * y + 7, sources)
    for source, variance in fraction.components.items():
        assert percent.components[source] == pytest.approx(1e4 * variance, rel=1e-3)


def test_a_source_without_effect_is_said_to_be_zero():
    y, sources = balanced(6, 5, 12, (0.0, 0.0, 0.1, 0.02), seed=11)
    y -= np.array([y[sources["seed"] == k].mean() for k in range(6)])[sources["seed"]]
    found = variance_components(y, sources)
    assert found.components["seed"] == 0.0
    assert any("seed is estimated as zero" in note for note in found.notes)


def test_constant_values_have_no_variance_and_no_nan_interval():
    _, sources = balanced(3, 3, 4, (0, 0, 0, 0), seed=0)
    found = variance_components(np.full(36, 0.7), sources)
    assert set(found.components.values()) == {0.0}
    assert (found.mean.low, found.mean.value, found.mean.high) == (0.7, 0.7, 0.7)
    assert np.isnan(found.shares["seed"])


def test_notes_warn_of_folds_and_few_levels():
    y, sources = balanced(3, 6, 8, (0.1, 0.1, 0.1, 0.1), seed=4)
    notes = variance_components(y, sources).notes
    assert any("never independent replicates" in note for note in notes)
    assert any(note.startswith("seed has 3 levels") for note in notes)
    assert not any(note.startswith("split has") for note in notes)


def test_mean_over_seeds_averages_folds_first():
    seeds = np.repeat([13, 42, 2025], 4)
    values = np.array([0.9, 0.8, 0.7, 0.6, 0.95, 0.85, 0.75, 0.65, 0.85, 0.8, 0.7, 0.65])
    found = mean_over_seeds(values, seeds)
    means = [0.75, 0.80, 0.75]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(means), scale=stats.sem(means))
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(means), low, high))
    assert (found.unit, found.n_units) == ("seed", 3)
    repeated = mean_over_seeds(np.repeat(values, 5), np.repeat(seeds, 5))
    assert repeated.low == pytest.approx(found.low)


def test_one_seed_has_a_mean_and_no_interval():
    found = mean_over_seeds([0.7, 0.9], [1, 1])
    assert found.value == pytest.approx(0.8)
    assert np.isnan(found.low)


def test_frame_and_round_trip():
    y, sources = balanced(5, 5, 6, (0.1, 0.1, 0.1, 0.1), seed=5)
    found = variance_components(y, sources)
    frame = found.frame()
    assert frame["source"].to_list() == ["seed", "split", "patient", "residual"]
    assert frame["n_levels"].to_list() == [5, 5, 6, None]
    again = type(found).from_dict(found.to_dict())
    assert again.to_dict() == found.to_dict()


def test_no_convergence_is_a_warning_and_a_field(monkeypatch):
    import featkit.stats.run_variance as module

    monkeypatch.setattr(module, "_fit", lambda y, codes: ({"seed": 1.0, "residual": 1.0}, 0.0, 1.0, False))
    with pytest.warns(FeatkitWarning, match="did not converge"):
        found = variance_components([1.0, 2.0, 3.0, 4.0], {"seed": [0, 0, 1, 1]})
    assert not found.is_converged
    assert any("did not converge" in note for note in found.notes)


@pytest.mark.parametrize(
    ("values", "sources", "message"),
    [
        ([1.0, np.nan, 2.0], {"seed": [0, 1, 1]}, "finite"),
        ([1.0, 2.0, 3.0], {}, "at least one source"),
        ([1.0, 2.0, 3.0], {"seed": [0, 0, 0]}, "two levels"),
        ([1.0, 2.0, 3.0], {"seed": [0, 1, 2]}, "repeat"),
        ([1.0, 2.0, 3.0], {"seed": [0, 1]}, "one label a value"),
    ],
)
def test_mistakes_are_named(values, sources, message):
    with pytest.raises(InputError, match=message):
        variance_components(values, sources)


@pytest.mark.parametrize(
    ("values", "seeds", "message"), [([1.0], [0, 1], "one a value"), ([np.inf, 1.0], [0, 1], "finite")]
)
def test_mistakes_in_seed_means_are_named(values, seeds, message):
    with pytest.raises(InputError, match=message):
        mean_over_seeds(values, seeds)


def test_sources_without_effect_in_a_tiny_study_are_zero_and_no_crash():
    values = [0.8740740740740741, 0.8962962962962964, 0.94, 0.88]
    found = variance_components(values, {"seed": [0, 0, 1, 1], "fold": ["100X", "200X", "100X", "200X"]})
    assert found.components["seed"] == found.components["fold"] == 0.0
    assert found.components["residual"] == pytest.approx(np.var(values, ddof=1), rel=1e-6)
    assert found.mean.value == pytest.approx(np.mean(values), abs=1e-9)
    half = stats.t.isf(0.025, 1) * np.std(values, ddof=1) / 2
    assert found.mean.high - found.mean.value == pytest.approx(half, rel=1e-6)


@pytest.mark.parametrize("shape", [(5, 5, 23), (4, 6, 9)])
def test_the_fit_agrees_with_the_closed_form(shape):
    y, sources = balanced(*shape, (0.04, 0.05, 0.1, 0.03), seed=2)
    designs = [np.eye(int(c.max()) + 1)[c] for c in sources.values()]
    components, mean, error, is_converged = reml(10 * y, designs)
    expected, variance_of_mean = anova(10 * y, shape)
    np.testing.assert_allclose(components, expected, rtol=0.01)
    assert mean == pytest.approx(10 * y.mean(), abs=1e-8)
    assert error == pytest.approx(np.sqrt(variance_of_mean), rel=0.01)
    assert is_converged


@pytest.mark.parametrize("seed", range(4))
def test_unbalanced_designs_agree_with_statsmodels(seed):
    rng = np.random.default_rng(seed)
    codes = [np.unique(rng.integers(0, size, 90), return_inverse=True)[1] for size in (4, 15)]
    designs = [np.eye(int(c.max()) + 1)[c] for c in codes]
    y = rng.normal(size=90) + sum(sd * rng.normal(size=c.max() + 1)[c] for sd, c in zip((1.0, 2.0), codes, strict=True))
    y = (y - y.mean()) / y.std()
    names = [[f"{k}[{j}]" for j in range(d.shape[1])] for k, d in enumerate(designs)]
    spec = VCSpec(["seed", "patient"], [[n] for n in names], [[d] for d in designs])
    model = MixedLM(y, np.ones((90, 1)), groups=np.zeros(90), exog_vc=spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statsmodels on its own names
        expected = model.fit(reml=True, method=["powell"], xtol=1e-8, ftol=1e-10)
    components, mean, error, is_converged = reml(y, designs)
    np.testing.assert_allclose(components, [*expected.vcomp, expected.scale], rtol=1e-3)
    assert mean == pytest.approx(expected.fe_params[0], abs=1e-5)
    assert error == pytest.approx(expected.bse_fe[0], rel=1e-3)
    assert is_converged


def test_nothing_on_a_grid_is_more_likely_where_there_are_two_minima():
    first = [4, 2, 0, 1, 4, 2, 4, 4, 0, 3, 1, 0, 1, 2, 0, 2, 1, 4, 4, 2, 1, 1, 0]
    second = [4, 3, 2, 0, 0, 3, 2, 4, 0, 1, 3, 0, 1, 2, 0, 2, 2, 3, 4, 2, 2, 2, 0]
    y = [0.64, 1.77, -1.12, -0.2, -0.17, 1.69, -1.07, 0.7, -0.16, 0.03, 1.75, -0.15, 0.35, -1.07, -0.05, -1.04, -1.06,
         1.76, 0.72, -1.01, -1.12, -1.09, -0.1]  # fmt: skip
    y, designs = np.array(y), [np.eye(5)[first], np.eye(5)[second]]

    def criterion(components):
        V = components[-1] * np.eye(y.size) + sum(c * d @ d.T for c, d in zip(components, designs))
        W = np.linalg.inv(V)
        left = y - (W @ y).sum() / W.sum()
        return np.linalg.slogdet(V)[1] + left @ W @ left + np.log(W.sum())

    components, *_ = reml(y, designs)
    grid = np.concatenate([[0.0], np.geomspace(1e-3, 10, 9)])
    others = [criterion([a, b, c]) for a in grid for b in grid for c in grid[1:]]
    assert criterion(components) < min(others)
    assert components[0] > 0.01  # the other minimum is at zero
    assert criterion([0, 1.07, 0.013]) > criterion(components) + 1


def test_effects_that_leave_no_residual_are_said_to_be_rough():
    y, sources = balanced(3, 3, 12, (0.1, 0.1, 0.1, 0.0), seed=0)
    with pytest.warns(FeatkitWarning, match="did not converge"):
        found = variance_components(y, sources)
    assert not found.is_converged
    assert any("read the components as rough" in note for note in found.notes)
