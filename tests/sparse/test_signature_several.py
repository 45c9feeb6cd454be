import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import ComputeOptions, PathOptions, PenaltyOptions, SignatureOptions, StabilityOptions
from featkit.core.run_key import RunKey
from featkit.results.signature import Signature
from featkit.sparse import fit_signature, multinomial_path, stability_selection
from featkit.stats.labelled_rows import LabelledRows
from featkit.stats.patient_folds import patient_folds

CLASSES = ("adenosis", "ductal", "lobular")
PLANTED = {2, 7, 13}


def clustered(seed=0, n_patients=30, rows=8, d=24, effect=1.8):
    """Patients of three classes; one dimension speaks for each class, dimension 20 is constant."""
    random = np.random.default_rng(seed)
    label = np.arange(n_patients) % 3
    patient = np.repeat(np.arange(n_patients), rows)
    X = 0.6 * random.standard_normal((n_patients, d))[patient] + random.standard_normal((patient.size, d))
    y = label[patient]
    for k, dimension in enumerate(sorted(PLANTED)):
        X[:, dimension] += effect * (y == k)
    X = X * 3 + 1
    X[:, 20] = 4.0
    return X.astype(np.float32), y, patient


def softmax(eta):
    odds = np.exp(eta - eta.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def test_planted_dimensions_are_kept_and_constant_ones_left_out():
    X, y, patient = clustered()
    signature = fit_signature(
        LabelledRows(X, y, patient),
        options=SignatureOptions(stability=StabilityOptions(n_pairs=0)),
        classes=CLASSES,
        key=RunKey("grl", "100X"),
    )
    assert set(signature.support.tolist()) >= PLANTED
    strongest = signature.support[np.argsort(-signature.strength)[:3]]
    assert set(strongest.tolist()) == PLANTED
    assert (signature.n_dead, signature.n_dimensions, signature.n_patients) == (1, 24, 30)
    for k, dimension in enumerate(sorted(PLANTED)):  # each speaks for its class
        row = signature.coefficients[signature.support.tolist().index(dimension)]
        assert int(np.argmax(row)) == k
    assert (signature.classes, signature.key) == (CLASSES, RunKey("grl", "100X"))
    assert signature.is_converged
    assert signature.selection_frequency.size == 0
    assert np.mean(signature.predict_proba(X).argmax(axis=1) == y) > 0.7


def test_it_is_the_optimum_of_its_penalty():
    """The conditions a minimum must meet, on dimensions standardised here."""
    X, y, patient = clustered()
    signature = fit_signature(
        LabelledRows(X, y, patient),
        options=SignatureOptions(
            path=PathOptions(tolerance=1e-7),
            penalty=PenaltyOptions(rule="lambda", value=0.05),
            stability=StabilityOptions(n_pairs=0),
        ),
    )
    assert signature.lambda_ == 0.05
    wide = X.astype(np.float64)
    scale = np.where(np.ptp(wide, axis=0) > 0, wide.std(axis=0), 1.0)
    Z = (wide - wide.mean(axis=0)) / scale
    P = softmax(Z[:, signature.support] @ signature.coefficients + signature.intercept)
    residual = (np.eye(3)[y] - P) / len(y)
    slope = Z.T @ residual
    np.testing.assert_allclose(residual.sum(axis=0), 0, atol=1e-5)  # free intercepts
    norms = np.linalg.norm(slope, axis=1)
    direction = signature.coefficients / signature.strength[:, None]
    np.testing.assert_allclose(slope[signature.support], 0.05 * direction, atol=1e-3)
    assert np.delete(norms, signature.support).max() <= 0.05 + 1e-3
    np.testing.assert_allclose(signature.predict_proba(X), P, atol=1e-9)
    np.testing.assert_allclose(signature.coefficients.sum(axis=1), 0, atol=1e-4)


def test_folds_are_scored_by_the_log_loss_of_their_patients():
    X, y, patient = clustered()
    grid = [0.1, 0.05, 0.02]
    found = fit_signature(
        LabelledRows(X, y, patient),
        options=SignatureOptions(
            path=PathOptions(lambdas=grid, tolerance=1e-6),
            penalty=PenaltyOptions(n_folds=4, rule="min"),
            stability=StabilityOptions(n_pairs=0),
        ),
        seed=3,
    )
    Z = (X - X.mean(axis=0, dtype=np.float64)) / np.where(np.ptp(X, axis=0) > 0, X.std(axis=0, dtype=np.float64), 1)
    fold = patient_folds(y, patient, 4, seed=3)
    scores = np.empty((4, 3))
    for k in range(4):
        path = multinomial_path(
            LabelledRows(Z[fold != k], y[fold != k], "patches"),
            PathOptions(lambdas=grid, tolerance=1e-6, standardize=False),
        )
        scores[k] = [log_loss(y[fold == k], path.predict_proba(Z[fold == k], j)) for j in range(3)]
    np.testing.assert_allclose(found.cv_mean, scores.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(found.cv_se, scores.std(axis=0, ddof=1) / 2, atol=1e-3)


def test_rules_choose_from_the_same_scores():
    X, y, patient = clustered(effect=1.0)

    def fitted(**penalty):
        asked = SignatureOptions(
            path=PathOptions(n_lambdas=15), penalty=PenaltyOptions(**penalty), stability=StabilityOptions(n_pairs=0)
        )
        return fit_signature(LabelledRows(X, y, patient), options=asked, seed=1)

    least = fitted(rule="min")
    sparse = fitted(rule="1se")
    np.testing.assert_array_equal(least.cv_mean, sparse.cv_mean)
    best = int(np.argmin(least.cv_mean))
    assert least.lambda_ == least.path_lambdas[best]
    within = sparse.cv_mean <= sparse.cv_mean[best] + sparse.cv_se[best]
    assert sparse.lambda_ == sparse.path_lambdas[np.flatnonzero(within)[0]]
    assert sparse.size <= least.size
    given = fitted(rule="C", value=0.2)
    assert given.lambda_ == pytest.approx(1 / (0.2 * len(y)), rel=1e-12)
    assert given.cv_mean.size == 0


def test_its_stable_set_is_that_of_stability_selection():
    X, y, patient = clustered()
    signature = fit_signature(
        LabelledRows(X, y, patient),
        options=SignatureOptions(path=PathOptions(n_lambdas=12), stability=StabilityOptions(n_pairs=6)),
        seed=4,
        classes=CLASSES,
    )
    alone = stability_selection(
        LabelledRows(X, y, patient), PathOptions(lambdas=signature.path_lambdas), StabilityOptions(n_pairs=6), seed=4
    )
    np.testing.assert_array_equal(signature.selection_frequency, alone.selection_frequency)
    np.testing.assert_array_equal(signature.stable_support, alone.stable_support)
    assert (signature.q, signature.pfer, signature.bound) == (alone.q, alone.pfer, "unimodal")
    assert set(signature.stable_support.tolist()) >= PLANTED
    assert signature.frame().filter(signature.frame()["is_stable"])["dimension"].to_list() == [
        j for j in signature.support.tolist() if j in signature.stable_support
    ]


def test_an_empty_signature_forecasts_the_prevalence_and_survives_json(tmp_path):
    X, y, patient = clustered()
    empty = fit_signature(
        LabelledRows(X, y, patient),
        options=SignatureOptions(
            penalty=PenaltyOptions(rule="lambda", value=10.0), stability=StabilityOptions(n_pairs=0)
        ),
        classes=CLASSES,
    )
    again = Signature.load(empty.save(tmp_path / "empty.json"))
    assert (again.size, again.coefficients.shape) == (0, (0, 3))
    np.testing.assert_allclose(again.predict_proba(X)[0], np.bincount(y) / len(y), atol=1e-6)
    assert again.frame().columns == [
        "dimension", "name", *(f"coefficient_{name}" for name in CLASSES), "selection_frequency", "is_stable",
    ]  # fmt: skip


def test_json_gives_the_same_signature_back(tmp_path):
    X, y, patient = clustered()
    signature = fit_signature(
        LabelledRows(X, y, patient),
        options=SignatureOptions(
            penalty=PenaltyOptions(rule="lambda", value=0.05), stability=StabilityOptions(n_pairs=0)
        ),
        classes=CLASSES,
    )
    again = Signature.load(signature.save(tmp_path / "signature.json"))
    assert again.to_dict() == signature.to_dict()
    np.testing.assert_array_equal(again.predict_proba(X), signature.predict_proba(X))
    frame = again.frame()
    np.testing.assert_array_equal(frame["coefficient_ductal"], signature.coefficients[:, 1])
    assert frame["is_stable"].is_null().all()


def test_few_patients_of_a_class_give_fewer_folds():
    X, y, patient = clustered()
    kept = (y != 1) | (patient < 9)  # three patients of class 1
    with pytest.warns(FeatkitWarning, match="3 folds instead of 5: class ductal has only 3 patients"):
        signature = fit_signature(
            LabelledRows(X[kept], y[kept], patient[kept]),
            options=SignatureOptions(path=PathOptions(n_lambdas=5), stability=StabilityOptions(n_pairs=0)),
            classes=CLASSES,
        )
    assert "3 folds instead of 5" in signature.notes[0]


def test_labels_may_be_names_and_patients_of_two_classes_count_for_the_commoner():
    X, y, patient = clustered()
    y = y.copy()
    y[:3] = 1  # three of the eight patches of a patient of class 0
    words = np.array(CLASSES)[y]
    by_name = fit_signature(
        LabelledRows(X, words, patient),
        options=SignatureOptions(path=PathOptions(n_lambdas=6), stability=StabilityOptions(n_pairs=0)),
        seed=2,
    )
    by_index = fit_signature(
        LabelledRows(X, y, patient),
        options=SignatureOptions(path=PathOptions(n_lambdas=6), stability=StabilityOptions(n_pairs=0)),
        seed=2,
        classes=CLASSES,
    )
    assert by_name.to_dict() == by_index.to_dict()


def test_designs_beyond_memory_keep_every_patient():
    X, y, patient = clustered()
    room = 16 * 24 * 120
    with pytest.warns(FeatkitWarning, match="120 of 240 patches are used"):
        signature = fit_signature(
            LabelledRows(X, y, patient),
            options=SignatureOptions(path=PathOptions(n_lambdas=5), stability=StabilityOptions(n_pairs=0)),
            compute=ComputeOptions(max_bytes=room),
        )
    assert (signature.n_patches, signature.n_patients) == (120, 30)
    assert "120 of 240" in signature.notes[0]


@settings(max_examples=5, deadline=None)
@given(order=st.permutations(range(3)))
def test_the_order_of_classes_moves_columns_alone(order):
    X, y, patient = clustered(n_patients=12)
    options = SignatureOptions(
        path=PathOptions(tolerance=1e-8),
        penalty=PenaltyOptions(rule="lambda", value=0.05),
        stability=StabilityOptions(n_pairs=0),
    )
    plain = fit_signature(LabelledRows(X, y, patient), classes=CLASSES, options=options)
    renamed = LabelledRows(X, np.argsort(order)[y], patient)
    moved = fit_signature(renamed, classes=[CLASSES[k] for k in order], options=options)
    np.testing.assert_array_equal(moved.support, plain.support)
    np.testing.assert_allclose(moved.coefficients, plain.coefficients[:, order], atol=1e-3)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"classes": ("a", "b")}, "labels must be 0 or 1, got 0, 1, 2"),
        (
            {},
            {"classes": (*CLASSES, "papillary")},
            "every class must occur among the training patches, got none of pap",
        ),
        ({"rarest": 1}, {"classes": CLASSES}, "2 training patients to choose the penalty, got 1 of class ductal"),
        ({"classes": 1}, {"classes": CLASSES}, "at least two classes must occur"),
        ({}, {"path": PathOptions(l1_ratio=0.5)}, "l1_ratio must be 1 with more than two classes"),
        ({}, {"stability": StabilityOptions(n_pairs=3), "device": "cpu"}, "two classes to solve with torch"),
    ],
)
def test_mistakes_are_named(change, options, message):
    X, y, patient = clustered()
    kept = np.ones(len(y), dtype=bool)
    if "rarest" in change:
        kept = (y != 1) | (patient == 1)
    if "classes" in change:
        kept = y == 0
    given = {name: options[name] for name in ("path", "stability") if name in options}
    with pytest.raises(InputError, match=message):
        fit_signature(
            LabelledRows(X[kept], y[kept], patient[kept]),
            options=SignatureOptions(**({"stability": StabilityOptions(n_pairs=0)} | given)),
            compute=ComputeOptions(device=options.get("device")),
            classes=options.get("classes", ()),
        )


def test_classes_must_name_the_columns():
    X, y, patient = clustered()
    signature = fit_signature(
        LabelledRows(X, y, patient),
        options=SignatureOptions(
            penalty=PenaltyOptions(rule="lambda", value=0.05), stability=StabilityOptions(n_pairs=0)
        ),
    )
    with pytest.raises(InputError, match="classes must name 3 classes"):
        dataclasses.replace(signature, classes=("a", "b"))


def test_stability_selection_needs_two_patients_of_each_class():
    X, y, patient = clustered()
    kept = (y != 1) | (patient == 1)
    with pytest.raises(InputError, match=r"for stability selection, got 1 of class ductal\. Merge it .* n_pairs 0"):
        fit_signature(
            LabelledRows(X[kept], y[kept], patient[kept]),
            options=SignatureOptions(penalty=PenaltyOptions(rule="C", value=0.1)),
            classes=CLASSES,
        )
