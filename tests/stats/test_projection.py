import numpy as np
import pytest
from sklearn.decomposition import PCA

from featkit.core.errors import InputError
from featkit.stats.projection import principal_components


@pytest.mark.parametrize("shape", [(50, 7), (7, 50)])
def test_agrees_with_scikit_learn_up_to_sign(shape):
    X = np.random.default_rng(0).normal(size=shape) * np.linspace(1, 3, shape[1])
    scores, shares = principal_components(X)
    expected = PCA(2, svd_solver="full").fit(X)
    np.testing.assert_allclose(np.abs(scores), np.abs(expected.transform(X)), atol=1e-10)
    np.testing.assert_allclose(shares, expected.explained_variance_ratio_, atol=1e-12)


def test_sign_does_not_depend_on_the_order_of_rows():
    X = np.random.default_rng(1).normal(size=(40, 5))
    order = np.random.default_rng(2).permutation(40)
    np.testing.assert_allclose(principal_components(X[order])[0], principal_components(X)[0][order], atol=1e-9)


def test_constant_embeddings_have_no_variance_to_share():
    scores, shares = principal_components(np.ones((5, 3)))
    assert not scores.any()
    assert not shares.any()


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match="at least 2"):
        principal_components(np.ones((1, 3)))
