import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from featkit.core.errors import FeatkitWarning
from featkit.core.options import StabilityOptions
from featkit.sparse import StabilitySelector, stability_selection
from featkit.stats.labelled_rows import LabelledRows


@parametrize_with_checks([StabilitySelector(n_pairs=5, n_lambdas=10)])
@pytest.mark.filterwarnings("ignore::featkit.core.errors.FeatkitWarning")
def test_follows_scikit_learn(estimator, check):
    check(estimator)


def planted(seed=0, n_patients=40, rows=6, d=30):
    random = np.random.default_rng(seed)
    label = np.arange(n_patients) % 2
    patient = np.repeat(np.arange(n_patients), rows)
    X = random.standard_normal((n_patients * rows, d)) + random.standard_normal((n_patients, d))[patient] * 0.5
    X[:, :3] += 2.0 * (label[patient, None] - 0.5)
    return X, label[patient], patient


def test_is_the_function_with_the_same_seed():
    X, y, patient = planted()
    selector = StabilitySelector(q=6, threshold=0.8, n_pairs=10, random_state=4).fit(X, y, groups=patient)
    result = stability_selection(
        LabelledRows(X, y, patient), stability=StabilityOptions(q=6, threshold=0.8, n_pairs=10), seed=4
    )
    np.testing.assert_array_equal(selector.selection_frequency_, result.selection_frequency)
    np.testing.assert_array_equal(selector.get_support(indices=True), result.stable_support)
    assert set(result.stable_support) == {0, 1, 2}


def test_labels_may_be_words_and_it_works_in_a_pipeline():
    X, y, _ = planted()
    words = np.where(y == 1, "malignant", "benign")
    pipe = make_pipeline(StandardScaler(), StabilitySelector(q=6, threshold=0.8, n_pairs=5))
    kept = pipe.fit_transform(X, words)
    assert kept.shape == (len(X), pipe[-1].get_support().sum())
    assert list(pipe[-1].classes_) == ["benign", "malignant"]


def test_three_classes_share_their_dimensions():
    X, _, patient = planted(n_patients=42)
    y = patient % 3
    X[:, :3] += 2.0 * (y[:, None] == np.arange(3))
    words = np.array(["ductal", "adenosis", "lobular"])[y]
    selector = StabilitySelector(q=6, threshold=0.8, n_pairs=5).fit(X, words, groups=patient)
    result = stability_selection(
        LabelledRows(X, words, patient), stability=StabilityOptions(q=6, threshold=0.8, n_pairs=5)
    )
    np.testing.assert_array_equal(selector.selection_frequency_, result.selection_frequency)
    assert set(result.stable_support.tolist()) >= {0, 1, 2}
    assert list(selector.classes_) == ["adenosis", "ductal", "lobular"]


def test_numbers_that_are_no_classes_are_refused():
    X, y, _ = planted()
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        StabilitySelector().fit(X, y + 0.1 * np.arange(len(y)))


def test_nothing_stable_is_said():
    random = np.random.default_rng(0)
    X = random.standard_normal((60, 40))
    y = np.arange(60) % 2
    selector = StabilitySelector(threshold=1.0, q=1, n_pairs=10).fit(X, y)
    assert not selector.get_support().any()
    with pytest.warns(FeatkitWarning, match="no dimension is stable"):
        assert selector.transform(X).shape == (60, 0)
