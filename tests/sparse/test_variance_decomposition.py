"""Variance shares against statsmodels' nested models, planted truth and chance."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import f_oneway
from statsmodels.stats.anova import anova_lm

from featkit.core.errors import InputError
from featkit.results.variance_decomposition import VarianceDecomposition
from featkit.sparse.variance_decomposition import decompose_variance


def _unbalanced(seed=0, n=120, d=5):
    generator = np.random.default_rng(seed)
    patient = generator.integers(0, 9, n)
    label = (patient % 3 == 0).astype(int)
    domain = np.array(["40X", "100X", "200X"])[generator.choice(3, n, p=[0.5, 0.3, 0.2])]
    X = generator.normal(size=(n, d)) + generator.normal(size=(9, d))[patient] + label[:, None] * [0, 1, 2, 0, 0]
    return X + (domain == "40X")[:, None] * [0, 0, 0, 1.5, 0], label, patient, domain


def test_sums_of_squares_equal_statsmodels_nested_models():
    X, label, patient, domain = _unbalanced()
    result = decompose_variance(X, label, patient, domain)
    for j in range(X.shape[1]):
        frame = pd.DataFrame({"x": X[:, j], "label": label, "patient": patient, "domain": domain})
        frame["cell"] = frame["patient"].astype(str) + frame["domain"]
        formulas = ["x ~ 1", "x ~ C(label)", "x ~ C(patient)", "x ~ C(patient) + C(domain)", "x ~ C(cell)"]
        fits = [smf.ols(formula, frame).fit() for formula in formulas]
        table = anova_lm(*fits)
        total = fits[0].ssr
        expected = np.append(table["ss_diff"].to_numpy()[1:], fits[-1].ssr) / total
        np.testing.assert_allclose(result.shares[j], expected, rtol=1e-9, atol=1e-12)
        freedom = np.append(table["df_diff"].to_numpy()[1:], fits[-1].df_resid)
        np.testing.assert_array_equal(result.degrees_of_freedom, freedom)
        alone = smf.ols("x ~ C(domain)", frame).fit().rsquared
        assert result.domain_alone[j] == pytest.approx(alone, rel=1e-9)


def test_shares_add_to_one_and_lie_between_zero_and_one():
    X, label, patient, domain = _unbalanced(1)
    for columns in ((label, patient, domain), (label, patient)):
        shares = decompose_variance(X, *columns).shares
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)
        assert (shares >= 0).all()


def test_planted_carriers_are_told_apart():
    generator = np.random.default_rng(2)
    patient = np.repeat(np.arange(20), 12)
    label, domain = (patient >= 10).astype(int), np.tile(np.repeat([0, 1, 2, 3], 3), 20)
    noise = 0.3 * generator.normal(size=(240, 4))
    X = noise + np.column_stack([label * 3, generator.normal(size=20)[patient], domain, np.zeros(240)])
    result = decompose_variance(X, label, patient, domain)
    assert [result.sources[i] for i in result.shares.argmax(axis=1)] == ["label", "patient", "domain", "residual"]
    assert result.label_p_value[0] < 1e-10
    assert result.domain_p_value[2] < 1e-10
    assert min(result.label_p_value[1], result.domain_p_value[3]) > 0.001


def test_chance_is_the_mean_share_of_exchangeable_rows():
    _, label, patient, domain = _unbalanced(3)
    X = np.random.default_rng(4).normal(size=(len(label), 600))
    result = decompose_variance(X, label, patient, domain)
    spread = result.shares.std(axis=0) / np.sqrt(600)
    assert (np.abs(result.shares.mean(axis=0) - result.chance) < 5 * spread).all()


def test_label_p_value_takes_patients_as_the_unit():
    generator = np.random.default_rng(5)
    patient = np.repeat(np.arange(12), 10)
    label = (patient >= 6).astype(int)
    X = generator.normal(size=(12, 500))[patient] + 0.1 * generator.normal(size=(120, 500))
    result = decompose_variance(X, label, patient)
    means = X.reshape(12, 10, 500).mean(axis=1)
    for j in range(5):  # balanced: the F test on patient means
        assert result.label_p_value[j] == pytest.approx(f_oneway(means[:6, j], means[6:, j]).pvalue, rel=1e-8)
    assert np.mean(result.label_p_value < 0.1) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 500))
    as_patches = [f_oneway(X[:60, j], X[60:, j]).pvalue for j in range(500)]
    assert np.mean(np.array(as_patches) < 0.1) > 0.4  # what taking patches as the unit would claim


def test_domain_p_values_are_uniform_without_a_domain_effect():
    generator = np.random.default_rng(6)
    patient, domain = np.repeat(np.arange(10), 8), np.tile(np.repeat([0, 1], 4), 10)
    cells = generator.normal(size=(10, 2, 400))[patient, domain]
    X = cells + generator.normal(size=(10, 400))[patient] + 0.2 * generator.normal(size=(80, 400))
    result = decompose_variance(X, patient % 2, patient, domain)
    assert np.mean(result.domain_p_value < 0.1) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 400))


def test_selected_dimensions_keep_their_names_and_their_coefficients(tmp_path):
    X, label, patient, domain = _unbalanced(7)
    frequency = np.linspace(0, 1, 5)
    everything = decompose_variance(X, label, patient, domain)
    result = decompose_variance(
        X, label, patient, domain, dimensions=[3, 1], coefficient=[0.5, -2.0], selection_frequency=frequency
    )
    np.testing.assert_allclose(result.shares, everything.shares[[3, 1]])
    frame = VarianceDecomposition.load(result.save(tmp_path / "variance.json")).frame()
    assert frame["dimension"].to_list() == [3, 1]
    assert frame["coefficient"].to_list() == [0.5, -2.0]
    assert frame["selection_frequency"].to_list() == frequency[[3, 1]].tolist()
    assert {"share_label", "share_domain_by_patient", "domain_alone"} <= set(frame.columns)
    assert "domain_alone" not in decompose_variance(X, label, patient).frame().columns


def test_no_dimension_gives_an_empty_frame():
    X, label, patient, domain = _unbalanced(8)
    assert decompose_variance(X, label, patient, domain, dimensions=np.array([], dtype=int)).frame().height == 0


def test_constant_dimensions_have_no_shares():
    X, label, patient, domain = _unbalanced(9)
    X[:, 2] = 0.1
    result = decompose_variance(X.astype(np.float32), label, patient, domain)
    assert np.isnan(result.shares[2]).all()
    assert np.isnan(result.domain_alone[2])
    assert np.isnan(result.label_p_value[2])
    assert "1 dimensions are constant" in result.notes[0]


def test_shifting_and_scaling_a_dimension_changes_nothing():
    X, label, patient, domain = _unbalanced(10)
    moved = decompose_variance(X * 1e-3 + 1e4, label, patient, domain)
    np.testing.assert_allclose(moved.shares, decompose_variance(X, label, patient, domain).shares, atol=1e-6)


def test_confounded_designs_are_noted():
    generator = np.random.default_rng(11)
    X, patient = generator.normal(size=(12, 2)), np.repeat([0, 1], 6)
    one_each = decompose_variance(X, patient, patient)
    assert np.isnan(one_each.label_p_value).all()
    assert any("Each label has one patient" in note for note in one_each.notes)
    one_domain = decompose_variance(X, np.zeros(12), patient, patient)
    assert np.isnan(one_domain.domain_p_value).all()
    assert any("Each patient has one domain" in note for note in one_domain.notes)
    crossing = decompose_variance(X, np.arange(12) % 2, patient)
    assert any("2 patients have patches of more than one label" in note for note in crossing.notes)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda X, y, g: (X[0], y, g), "must be a matrix"),
        (lambda X, y, g: (X, y[1:], g), "label must have one value for each of 120 patches"),
        (lambda X, y, g: (X, y, np.zeros(120)), "at least two patients"),
    ],
)
def test_bad_input_is_refused(change, match):
    X, label, patient, _ = _unbalanced(12)
    with pytest.raises(InputError, match=match):
        decompose_variance(*change(X, label, patient))
    with pytest.raises(InputError, match="coefficient must have 5 values"):
        decompose_variance(X, label, patient, coefficient=[1.0])


@pytest.mark.skipif("FEATKIT_TEST_DATA" not in os.environ, reason="FEATKIT_TEST_DATA is not set")
def test_real_texture_features_carry_the_patient_far_above_chance():
    with np.load(Path(os.environ["FEATKIT_TEST_DATA"]) / "breakhis" / "features_40x.npz") as table:
        X, files = table["X"], [Path(str(name)).name for name in table["filename"]]
    label = np.array([name.split("_")[1] for name in files])
    case = np.array(["-".join(name.split("-")[1:3]).rstrip("ABCDEFG") for name in files])
    result = decompose_variance(X, label, case)
    shares = dict(zip(result.sources, np.nanmean(result.shares, axis=0)))
    assert result.n_patients == 70
    assert shares["patient"] > 5 * result.chance[1]
    assert shares["patient"] > shares["label"]
