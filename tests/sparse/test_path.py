import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import PathOptions
from featkit.results.path import PathResult
from featkit.sparse import logistic_path
from featkit.stats.labelled_rows import LabelledRows


def draw(seed, n=80, d=20, kind="plain"):
    """A random problem of a kind that breaks solvers: float32 X, labels with both classes."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    if kind == "collinear":
        X = X[:, : d // 4] @ random.standard_normal((d // 4, d)) + 0.05 * X
        X[:, 1] = X[:, 0]
    if kind == "constant":
        X[:, ::3] = random.standard_normal(X[:, ::3].shape[1])
    if kind == "scaled":
        X *= np.exp(random.uniform(-3, 3, d))
    signal = X[:, :4] @ random.standard_normal(4) / (X[:, :4].std() + 1e-9)
    shift = 2.5 if kind == "imbalanced" else 0.0
    noise = 0.0 if kind == "separable" else 1.0
    y = (signal + noise * random.logistic(size=n) > shift).astype(int)
    y[:2] = 0, 1
    return X.astype(np.float32), y


def objective(X, y, b, b0, lambda_, l1_ratio=1.0, w=None, p=None):
    """The head of `logistic_path`, term by term, in float64."""
    X = X.astype(np.float64)
    w = np.ones(len(y)) if w is None else w
    p = np.ones(X.shape[1]) if p is None else p
    loss = np.sum(w * np.logaddexp(0.0, np.where(y > 0, -1.0, 1.0) * (X @ b + b0))) / np.sum(w)
    kept = b != 0
    penalty = np.sum((p * (l1_ratio * np.abs(b) + (1 - l1_ratio) * b**2 / 2))[kept])
    return loss + lambda_ * penalty


def kkt_violation(X, y, path, k, w=None, p=None):
    """Largest violation of the optimality conditions, relative to the penalty."""
    n, d = X.shape
    w = np.full(n, 1.0 / n) if w is None else w / w.sum()
    p = np.ones(d) if p is None else p
    b, lambda_, a = path.coefficients(k), path.lambdas[k], path.l1_ratio
    eta = X.astype(np.float64) @ b + path.intercepts[k]
    g = X.T.astype(np.float64) @ (w * (y - 1 / (1 + np.exp(-eta))))
    live = np.isfinite(p)
    limit = lambda_ * a * p[live]
    inner = g[live] - lambda_ * (1 - a) * p[live] * b[live]
    off = np.where(b[live] != 0, np.abs(inner - limit * np.sign(b[live])), np.maximum(np.abs(inner) - limit, 0))
    return off.max() / lambda_


KINDS = ["plain", "collinear", "constant", "separable", "imbalanced", "scaled"]
SHAPES = [(80, 20), (40, 120), (12, 6), (300, 8)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_optimality_conditions_hold_on_hundreds_of_problems(kind, shape):
    for seed in range(10):
        X, y = draw(seed, *shape, kind)
        l1_ratio = (1.0, 0.7)[seed % 2]
        path = logistic_path(
            LabelledRows(X, y, "patches"),
            PathOptions(n_lambdas=12, l1_ratio=l1_ratio, tolerance=1e-8, standardize=False),
        )
        assert path.is_converged.all()
        assert path.sizes[0] <= 1
        for k in (3, 7, 11):
            assert kkt_violation(X, y, path, k) < 2e-3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_objective_and_support_are_those_of_scikit_learn(kind, shape):
    for seed in range(4):
        X, y = draw(100 + seed, *shape, kind)
        path = logistic_path(
            LabelledRows(X, y, "patches"),
            PathOptions(n_lambdas=8, lambda_min_ratio=0.05, tolerance=1e-9, standardize=False),
        )
        for k in (3, 6):
            model = LogisticRegression(
                C=path.C[k], l1_ratio=1.0, solver="liblinear", tol=1e-9, max_iter=3000, intercept_scaling=1e4
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(X.astype(np.float64), y)
            theirs = objective(X, y, model.coef_[0], model.intercept_[0], path.lambdas[k])
            ours = objective(X, y, path.coefficients(k), path.intercepts[k], path.lambdas[k])
            assert ours <= theirs + 1e-9
            # no coefficients are better by more than the gap
            assert theirs >= ours - path.gaps[k] - 1e-12
            if kind in ("plain", "imbalanced") and theirs - ours < 1e-9 and shape[0] > shape[1]:
                strong = np.abs(model.coef_[0]) > 1e-4
                assert set(np.flatnonzero(strong)) <= set(path.support(k))
                np.testing.assert_allclose(path.coefficients(k), model.coef_[0], atol=1e-3)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-4, 1e-6])
def test_the_gap_is_never_below_the_true_suboptimality(tolerance, l1_ratio):
    for seed in range(12):
        X, y = draw(seed, 60, 40, KINDS[seed % 6])
        exact = logistic_path(
            LabelledRows(X, y, "patches"),
            PathOptions(n_lambdas=10, l1_ratio=l1_ratio, tolerance=1e-10, standardize=False),
        )
        rough = logistic_path(
            LabelledRows(X, y, "patches"),
            PathOptions(lambdas=exact.lambdas, l1_ratio=l1_ratio, tolerance=tolerance, standardize=False),
        )
        for k in range(10):
            values = [
                objective(X, y, path.coefficients(k), path.intercepts[k], exact.lambdas[k], l1_ratio)
                for path in (rough, exact)
            ]
            assert rough.gaps[k] >= values[0] - values[1] - 1e-10
            assert values[0] - values[1] <= tolerance * rough.null_loss + 1e-10


def test_sample_weights_penalty_weights_and_exclusion():
    for seed in range(8):
        X, y = draw(seed, 90, 15)
        random = np.random.default_rng(seed)
        w = random.uniform(0, 3, 90)
        w[:2] = 1.0
        p = random.uniform(0.3, 2, 15)
        p[3], p[7] = 0.0, np.inf
        path = logistic_path(
            LabelledRows(X, y, "patches"),
            PathOptions(n_lambdas=10, tolerance=1e-9, standardize=False),
            sample_weight=w,
            penalty_weights=p,
        )
        assert path.is_converged.all()
        for k in (2, 9):
            assert kkt_violation(X, y, path, k, w, p) < 2e-3
            assert 3 in path.support(k)
            assert 7 not in path.support(k)


def test_without_an_intercept():
    X, y = draw(3)
    path = logistic_path(
        LabelledRows(X, y, "patches"), PathOptions(n_lambdas=10, fit_intercept=False, tolerance=1e-9, standardize=False)
    )
    assert np.all(path.intercepts == 0)
    assert kkt_violation(X, y, path, 9) < 1e-4


def test_standardising_is_fitting_the_standardised_design():
    X, y = draw(5, kind="scaled")
    scaled = (X - X.astype(float).mean(0)) / X.astype(float).std(0)
    outside = logistic_path(
        LabelledRows(scaled, y, "patches"), PathOptions(n_lambdas=10, tolerance=1e-9, standardize=False)
    )
    inside = logistic_path(
        LabelledRows(X, y, "patches"), PathOptions(lambdas=outside.lambdas, standardize=True, tolerance=1e-9)
    )
    for k in range(inside.lambdas.size):
        eta = inside.decision_function(X.astype(float), k)
        np.testing.assert_allclose(eta, outside.decision_function(scaled, k), atol=1e-3)
    np.testing.assert_array_equal(inside.sizes, outside.sizes)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.1, 10), data=st.data())
def test_permuting_and_scaling(seed, factor, data):
    X, y = draw(seed, 50, 12)
    order = np.random.default_rng(seed).permutation(12)
    path = logistic_path(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=6, tolerance=1e-8, standardize=False))
    moved = logistic_path(
        LabelledRows(X[:, order], y, "patches"), PathOptions(lambdas=path.lambdas, tolerance=1e-8, standardize=False)
    )
    larger = logistic_path(
        LabelledRows(X * np.float32(factor), y, "patches"),
        PathOptions(lambdas=path.lambdas * np.float32(factor), tolerance=1e-8, standardize=False),
    )
    flipped = logistic_path(
        LabelledRows(X, 1 - y, "patches"), PathOptions(lambdas=path.lambdas, tolerance=1e-8, standardize=False)
    )
    k = data.draw(st.integers(1, 5))
    np.testing.assert_allclose(moved.coefficients(k), path.coefficients(k)[order], atol=2e-3)
    np.testing.assert_allclose(larger.coefficients(k) * np.float32(factor), path.coefficients(k), atol=2e-3)
    np.testing.assert_allclose(flipped.coefficients(k), -path.coefficients(k), atol=2e-3)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_row_twice_is_a_row_of_weight_two(seed):
    X, y = draw(seed, 40, 10)
    times = np.random.default_rng(seed).integers(0, 4, 40)
    times[:2] = 1
    repeated = logistic_path(
        LabelledRows(np.repeat(X, times, axis=0), np.repeat(y, times), "patches"),
        PathOptions(n_lambdas=6, tolerance=1e-8, standardize=False),
    )
    weighted = logistic_path(
        LabelledRows(X, y, "patches"),
        PathOptions(lambdas=repeated.lambdas, tolerance=1e-8, standardize=False),
        sample_weight=times,
    )
    assert weighted.total_weight == repeated.total_weight
    np.testing.assert_allclose(weighted.coefficients(5), repeated.coefficients(5), atol=2e-3)


def test_deep_into_separation_it_stays_finite_and_certified():
    X, y = draw(0, 60, 30, "separable")
    path = logistic_path(
        LabelledRows(X, y, "patches"),
        PathOptions(n_lambdas=40, lambda_min_ratio=1e-5, tolerance=1e-6, standardize=False),
    )
    assert path.is_converged.all()
    assert np.isfinite(path.values).all()
    assert np.all(np.diff(path.losses) < 1e-6)
    assert path.losses[-1] < 1e-3


def test_stopping_at_the_first_entrants():
    X, y = draw(1, 200, 60)
    full = logistic_path(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=30, standardize=False))
    short = logistic_path(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=30, standardize=False), max_entrants=5)
    assert short.is_stopped
    assert not full.is_stopped
    assert len(short.entrants) >= 5
    np.testing.assert_array_equal(short.sizes, full.sizes[: len(short.lambdas)])
    np.testing.assert_array_equal(full.entrants[: len(short.entrants)], short.entrants)


def test_unconverged_is_said_and_marked(monkeypatch):
    monkeypatch.setattr("featkit.sparse.solvers.path_solver._ROUNDS", 1)
    monkeypatch.setattr("featkit.sparse.solvers.path_solver._WORKING_SHARE", 1e6)
    X, y = draw(2, 80, 60, "collinear")
    with pytest.warns(FeatkitWarning, match="did not reach a relative duality gap"):
        path = logistic_path(
            LabelledRows(X, y, "patches"), PathOptions(n_lambdas=10, tolerance=1e-8, standardize=False)
        )
    assert not path.is_converged.all()
    assert "did not reach" in path.notes[0]


def test_survives_json(tmp_path):
    X, y = draw(4)
    path = logistic_path(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=5, standardize=False))
    again = PathResult.load(path.save(tmp_path / "path.json"))
    np.testing.assert_array_equal(again.values, path.values)
    np.testing.assert_array_equal(again.coefficients(-1), path.coefficients(-1))
    assert again.frame().equals(path.frame())
    np.testing.assert_allclose(again.decision_function(X, 2), X @ path.coefficients(2) + path.intercepts[2], rtol=1e-5)


def test_a_float32_design_in_column_order_is_not_copied():
    from featkit.sparse.solvers.design import make_design

    X = np.asfortranarray(np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32))
    assert np.shares_memory(make_design(X, standardize=False).columns, X)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(80)}, "both classes must occur, got 1 class, 0, alone"),
        ({"y": np.arange(80)}, "labels must name classes, got 80 different numbers"),
        ({"y": np.arange(80) % 3}, "labels must be 0 or 1, got 0, 1, 2"),
        ({"y": np.zeros(3)}, "one label for each of the 80 rows"),
        ({"X": np.full((80, 3), np.nan)}, "80 rows with NaN or infinity, the first in row 0, dimension 0"),
        ({"X": np.zeros(80)}, "shape"),
        ({"X": np.full((80, 2), "a")}, "embeddings must be numbers"),
        ({"X": np.full((80, 2), 1e300)}, "fit in float32"),
        ({"sample_weight": -np.ones(80)}, "not negative"),
        ({"penalty_weights": np.full(20, np.inf)}, "at least one dimension"),
        ({"penalty_weights": np.ones(3)}, "one value for each of the 20 dimensions"),
        ({"l1_ratio": 0.0}, "l1_ratio must be in"),
        ({"tolerance": 0.0}, "tolerance must be strictly between"),
        ({"lambdas": [0.1, -1.0]}, "lambdas must be positive numbers"),
        ({"lambda_min_ratio": 1.0}, "lambda_min_ratio"),
        ({"max_entrants": 0}, "max_entrants"),
    ],
)
def test_mistakes_are_named(change, message):
    X, y = draw(0)
    arguments = {"X": X, "y": y, **change}
    path = {name: arguments.pop(name) for name in list(arguments) if name in PathOptions.__dataclass_fields__}
    with pytest.raises(InputError, match=message):
        logistic_path(
            LabelledRows(arguments.pop("X"), arguments.pop("y"), "patches"),
            PathOptions(**path, standardize=False),
            **arguments,
        )


@pytest.mark.parametrize("noise", [1e-2, 1e-3, 1e-5])
def test_nearly_singular_designs_reach_the_gap(noise):
    random = np.random.default_rng(8)
    Z = random.standard_normal((300, 8))
    X = Z @ random.standard_normal((8, 120)) + noise * random.standard_normal((300, 120))
    y = (Z[:, 0] + 0.7 * random.standard_normal(300) > 0).astype(int)
    path = logistic_path(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=30, standardize=True, tolerance=1e-6))
    assert path.is_converged.all()
    assert path.n_iter.max() <= 30


def test_the_embeddings_given_are_never_written():
    X = np.asfortranarray(np.random.default_rng(0).standard_normal((60, 8)) * 3 + 5)
    before = X.copy()
    logistic_path(LabelledRows(X, np.arange(60) % 2, "patches"), PathOptions(standardize=True, n_lambdas=3))
    np.testing.assert_array_equal(X, before)
