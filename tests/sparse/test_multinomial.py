import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from featkit.core.errors import InputError
from featkit.core.options import PathOptions
from featkit.results.path import PathResult
from featkit.sparse import logistic_path, multinomial_path, one_vs_rest_paths
from featkit.stats.labelled_rows import LabelledRows


def draw(seed=0, n=200, d=25, n_classes=4):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d)).astype(np.float32)
    B = np.zeros((d, n_classes))
    B[:4] = 1.5 * random.standard_normal((4, n_classes))
    return X, (X @ B + random.gumbel(size=(n, n_classes))).argmax(axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_optimality_conditions_of_the_group_lasso(seed):
    X, y = draw(seed)
    w = np.random.default_rng(seed).uniform(0.2, 2, len(y))
    path = multinomial_path(
        LabelledRows(X, y, "patches"),
        PathOptions(n_lambdas=8, lambda_min_ratio=0.05, tolerance=1e-7, standardize=False),
        sample_weight=w,
    )
    assert path.is_converged.all()
    for k in range(1, 8):
        P = path.predict_proba(X, k)
        R = (w / w.sum())[:, None] * ((np.arange(4) == y[:, None]) - P)
        G = X.T.astype(float) @ R
        norms, B, support = np.linalg.norm(G, axis=1), path.coefficients(k), path.support(k)
        assert np.abs(R.sum(axis=0)).max() < 1e-10
        assert norms.max() <= path.lambdas[k] * (1 + 1e-3)
        unit = B[support] / np.linalg.norm(B[support], axis=1, keepdims=True)
        np.testing.assert_allclose(G[support], path.lambdas[k] * unit, atol=2e-3 * path.lambdas[k])
        np.testing.assert_allclose(B.sum(axis=1), 0, atol=1e-4)


def test_two_classes_are_the_binary_path():
    X, y = draw(1, n_classes=2)
    binary = logistic_path(
        LabelledRows(X, y, "patches"), PathOptions(n_lambdas=6, lambda_min_ratio=0.1, tolerance=1e-8, standardize=False)
    )
    # the row (-b/2, b/2) has norm |b| / sqrt(2)
    grouped = multinomial_path(
        LabelledRows(X, y, "patches"),
        PathOptions(lambdas=binary.lambdas * np.sqrt(2), tolerance=1e-7, standardize=False),
    )
    for k in range(6):
        B = grouped.coefficients(k)
        twin = logistic_path(
            LabelledRows(X, y, "patches"),
            PathOptions(lambdas=[grouped.lambdas[k] * np.sqrt(1 / 2)], tolerance=1e-8, standardize=False),
        )
        np.testing.assert_allclose(B[:, 1] - B[:, 0], twin.coefficients(0), atol=2e-3)


def test_the_gap_bounds_the_distance_to_the_minimum():
    X, y = draw(2, n=80, d=40)
    exact = multinomial_path(
        LabelledRows(X, y, "patches"), PathOptions(n_lambdas=6, lambda_min_ratio=0.1, tolerance=1e-7, standardize=False)
    )
    rough = multinomial_path(
        LabelledRows(X, y, "patches"), PathOptions(lambdas=exact.lambdas, tolerance=1e-2, standardize=False)
    )

    def objective(path, k):
        return path.losses[k] + path.lambdas[k] * np.linalg.norm(path.coefficients(k), axis=1).sum()

    for k in range(6):
        assert -2e-7 <= objective(rough, k) - objective(exact, k) <= rough.gaps[k] + 1e-9


def test_standardising_and_json(tmp_path):
    X, y = draw(3)
    X *= np.exp(np.linspace(-2, 2, X.shape[1])).astype(np.float32)
    Z = (X - X.astype(float).mean(0)) / X.astype(float).std(0)
    outside = multinomial_path(
        LabelledRows(Z, y, "patches"), PathOptions(n_lambdas=5, lambda_min_ratio=0.1, tolerance=1e-7, standardize=False)
    )
    inside = multinomial_path(
        LabelledRows(X, y, "patches"), PathOptions(lambdas=outside.lambdas, standardize=True, tolerance=1e-7)
    )
    np.testing.assert_allclose(inside.predict_proba(X, 4), outside.predict_proba(Z, 4), atol=1e-3)
    again = PathResult.load(inside.save(tmp_path / "path.json"))
    np.testing.assert_array_equal(again.coefficients(4), inside.coefficients(4))
    assert again.frame().height == 5


def test_one_versus_rest_is_one_binary_path_a_class():
    X, y = draw(4)
    paths = one_vs_rest_paths(
        LabelledRows(X, y, "patches"), PathOptions(n_lambdas=6, lambda_min_ratio=0.1, tolerance=1e-7, standardize=False)
    )
    assert list(paths) == ["0", "1", "2", "3"]
    for c, path in paths.items():
        model = LogisticRegression(C=path.C[5], l1_ratio=1.0, solver="saga", tol=1e-8, max_iter=20000)
        model.fit(X.astype(float), y == int(c))
        np.testing.assert_allclose(path.coefficients(5), model.coef_[0], atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(200)}, "at least two classes"),
        ({"y": np.zeros(3)}, "one label for each"),
        ({"penalty_weights": np.zeros(25)}, "must be above 0"),
        ({"penalty_weights": np.full(25, np.inf)}, "must not be excluded"),
    ],
)
def test_mistakes_are_named(change, message):
    X, y = draw()
    arguments = {"y": y, **change}
    with pytest.raises(InputError, match=message):
        multinomial_path(LabelledRows(X, arguments.pop("y"), "patches"), **arguments)
