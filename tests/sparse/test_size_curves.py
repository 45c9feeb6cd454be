"""Sizes against an independent solver, along tolerances, penalties and thresholds."""

import numpy as np
import pytest
from scipy.optimize import minimize

from featkit.core.errors import InputError
from featkit.core.options import PathOptions
from featkit.results.size import SizeCurve
from featkit.sparse import multinomial_path
from featkit.sparse.size_curves import size_curve
from featkit.stats.labelled_rows import LabelledRows


def _data(seed=0, n=150, d=12):
    generator = np.random.default_rng(seed)
    latent = generator.normal(size=(n, 4))
    X = latent @ generator.normal(size=(4, d)) + 0.5 * generator.normal(size=(n, d))
    y = (latent[:, 0] + generator.normal(size=n) > 0).astype(int)
    return X.astype(np.float32), y


def _oracle_size(X, y, lambda_):
    """Minimise with positive and negative parts as bounded variables: a smooth problem, solved by L-BFGS-B."""
    z = (X - X.mean(axis=0, dtype=np.float64)) / X.std(axis=0, dtype=np.float64)
    signs, d = 2 * y - 1, X.shape[1]

    def objective(v):
        margin = signs * (z @ (v[:d] - v[d : 2 * d]) + v[-1])
        slope = -signs * np.exp(-np.logaddexp(0, margin)) / len(y)
        gradient = z.T @ slope
        value = np.mean(np.logaddexp(0, -margin)) + lambda_ * v[:-1].sum()
        return value, np.concatenate([gradient + lambda_, lambda_ - gradient, [slope.sum()]])

    bounds = [(0, None)] * (2 * d) + [(None, None)]
    options = {"maxiter": 20_000, "maxfun": 100_000, "ftol": 1e-16, "gtol": 1e-11}
    solution = minimize(objective, np.zeros(2 * d + 1), jac=True, bounds=bounds, method="L-BFGS-B", options=options).x
    return int(np.sum(np.abs(solution[:d] - solution[d : 2 * d]) > 1e-7))


def test_sizes_at_the_tightest_tolerance_equal_an_independent_solver():
    X, y = _data()
    result = size_curve(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=12))
    assert result.sizes[-1].tolist() == [_oracle_size(X, y, lambda_) for lambda_ in result.lambdas]


def test_gaps_meet_their_tolerance_or_are_said_not_to():
    X, y = _data(1)
    result = size_curve(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=10))
    np.testing.assert_array_equal(result.gaps <= result.tolerances[:, None], result.is_converged)
    assert result.is_converged[:4].all()
    np.testing.assert_array_equal(result.agreement[-1], 1.0)
    assert result.sizes[:, 0].max() == 0


def test_settled_tolerance_is_where_supports_stop_changing():
    X, y = _data(2, d=40)
    result = size_curve(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=15))
    for k, settled in enumerate(result.settled_tolerance):
        is_same = result.agreement[:, k] == 1
        if np.isnan(settled):
            assert not is_same[-2]
        else:
            assert is_same[result.tolerances <= settled].all()
            assert not is_same[result.tolerances > settled][-1:].any()


def test_named_penalties_and_fixed_c_are_solved_exactly_there():
    X, y = _data(3)
    result = size_curve(
        LabelledRows(X, y, "patches"), PathOptions(n_lambdas=8), chosen={"1se": 0.0437, "C=0.1": 1 / (0.1 * 150)}
    )
    assert list(result.chosen) == ["1se", "C=0.1"]
    for name, value in result.chosen.items():
        assert value in result.lambdas
        assert result.chosen_sizes[name][-1] == _oracle_size(X, y, value)


def test_given_penalties_are_sorted_and_kept():
    X, y = _data(4)
    result = size_curve(LabelledRows(X, y, "patches"), PathOptions(lambdas=[0.01, 0.1, 0.05]), tolerances=[1e-6, 1e-3])
    assert result.lambdas.tolist() == [0.1, 0.05, 0.01]
    assert result.tolerances.tolist() == [1e-3, 1e-6]
    assert result.sizes.shape == (2, 3)


def test_threshold_sizes_count_frequencies_at_or_above_each_threshold():
    X, y = _data(5)
    frequency = np.array([0.5, 0.6, 0.6, 0.95, 1.0, 0, 0, 0, 0, 0, 0, 0.49])
    result = size_curve(
        LabelledRows(X, y, "patches"), PathOptions(n_lambdas=3), tolerances=[1e-3], selection_frequency=frequency
    )
    by_level = dict(zip(result.thresholds.tolist(), result.threshold_sizes.tolist()))
    assert (by_level[0.5], by_level[0.6], by_level[0.65], by_level[0.95], by_level[1.0]) == (5, 4, 2, 2, 1)


def test_one_tolerance_confirms_nothing():
    X, y = _data(6)
    assert np.isnan(
        size_curve(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=3), tolerances=[1e-3]).settled_tolerance
    ).all()


def test_result_survives_json_and_has_a_row_a_tolerance_and_penalty(tmp_path):
    X, y = _data(7)
    result = size_curve(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=4), chosen={"min": 0.02})
    again = SizeCurve.load(result.save(tmp_path / "sizes.json"))
    np.testing.assert_array_equal(again.chosen_sizes["min"], result.chosen_sizes["min"])
    assert again.frame().height == 7 * 5
    assert again.frame().equals(result.frame())


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"tolerances": []}, "tolerances must lie"),
        ({"tolerances": [0.0]}, "tolerances must lie"),
        ({"chosen": {"min": -1.0}}, "named penalties must be positive, got min=-1"),
    ],
)
def test_bad_options_are_refused(options, match):
    X, y = _data(8)
    with pytest.raises(InputError, match=match):
        size_curve(LabelledRows(X, y, "patches"), **options)


def test_sizes_of_several_classes_count_a_dimension_once():
    X, y = _data(3, n=240)
    y = y + (X[:, 1] > 1.0)
    result = size_curve(
        LabelledRows(X, y, "patches"),
        PathOptions(n_lambdas=6, lambda_min_ratio=0.1),
        tolerances=(1e-2, 1e-4, 1e-6),
        chosen={"C=0.2": 1 / (0.2 * len(y))},
    )
    for k, lambda_ in enumerate(result.lambdas):
        path = multinomial_path(
            LabelledRows(X, y, "patches"), PathOptions(lambdas=[lambda_], standardize=True, tolerance=1e-6)
        )
        assert result.sizes[-1, k] == path.sizes[0]
    assert result.is_converged.all()
    assert result.chosen_sizes["C=0.2"][-1] <= X.shape[1]
