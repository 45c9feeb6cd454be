import numpy as np
import pytest

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import ComputeOptions, PathOptions, PenaltyOptions, SignatureOptions, StabilityOptions
from featkit.core.progress import reporting_to
from featkit.sparse import fit_signature, logistic_path, select_lambda, stability_selection
from featkit.sparse.memory import memory_budget, rows_that_fit
from featkit.stats.labelled_rows import LabelledRows


class OnDisk:
    """Rows that can only be read in slices, as from zarr; remembers the most asked for at once."""

    def __init__(self, X):
        self._X, self.shape, self.most = X, X.shape, 0

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        self.most = max(self.most, rows.stop - rows.start)
        return self._X[rows]


class Notes:
    def __init__(self):
        self.said = []

    def start(self, description, total):
        return 0

    def advance(self, task, steps): ...

    def finish(self, task): ...

    def note(self, message):
        self.said.append(message)


def draw(n_patients=20, rows=50, d=10):
    random = np.random.default_rng(0)
    sizes = random.integers(2, 2 * rows, n_patients)
    patient = np.repeat(np.arange(n_patients), sizes)
    label = (np.arange(n_patients) % 2)[patient]
    X = random.standard_normal((patient.size, d)).astype(np.float32)
    X[:, 0] += label
    return X, label, patient


def test_what_fits_is_not_touched():
    X, y, patient = draw()
    same, rows, message = rows_that_fit(LabelledRows(X, y, patient), 16 * X.size, 0)
    assert same.X is X
    assert rows is None
    assert message == ""
    assert memory_budget() > 1 << 20


def test_every_patient_stays_and_small_ones_whole():
    X, y, patient = draw()
    budget = 16 * 10 * 300
    with pytest.warns(FeatkitWarning, match="every patient is there"):
        kept, rows, _ = rows_that_fit(LabelledRows(OnDisk(X), y, patient), budget, 0)
    np.testing.assert_array_equal(kept.X, X[rows])
    assert 280 <= rows.size <= 300
    before, after = np.bincount(patient), np.bincount(patient[rows])
    cap = after.max()
    np.testing.assert_array_equal(after, np.minimum(before, cap))
    assert np.all(np.diff(rows) > 0)


def test_reading_is_in_blocks(monkeypatch):
    monkeypatch.setattr("featkit.sparse.memory._READ_BYTES", 8 * 10 * 64)
    X, y, patient = draw()
    disk = OnDisk(X)
    with pytest.warns(FeatkitWarning):
        kept, rows, _ = rows_that_fit(LabelledRows(disk, y, patient), 16 * 10 * 300, 0)
    assert disk.most <= 64
    np.testing.assert_array_equal(kept.X, X[rows])


def test_a_small_budget_is_noted_and_in_the_result():
    X, y, patient = draw()
    notes = Notes()
    budget = 16 * 10 * 200
    with reporting_to(notes), pytest.warns(FeatkitWarning, match="to stay within"):
        path = logistic_path(
            LabelledRows(OnDisk(X), y, patient),
            PathOptions(n_lambdas=5, standardize=False),
            compute=ComputeOptions(max_bytes=budget),
        )
    assert path.n_rows <= 200
    assert "patches are used" in path.notes[0]
    assert notes.said == [path.notes[0]]
    with pytest.warns(FeatkitWarning, match="to stay within"):
        stable = stability_selection(
            LabelledRows(OnDisk(X), y, patient),
            stability=StabilityOptions(n_pairs=2),
            compute=ComputeOptions(max_bytes=budget),
        )
    assert stable.n_patients == 20
    assert "patches are used" in stable.notes[0]
    with pytest.warns(FeatkitWarning, match="to stay within"):
        signature = fit_signature(
            LabelledRows(OnDisk(X), y, patient),
            options=SignatureOptions(stability=StabilityOptions(n_pairs=2)),
            compute=ComputeOptions(max_bytes=budget),
        )
    assert signature.n_patches <= 200
    assert "patches are used" in signature.notes[0]
    with pytest.warns(FeatkitWarning, match="to stay within"):
        choice = select_lambda(
            LabelledRows(OnDisk(X), y, patient),
            penalty=PenaltyOptions(rule="min"),
            compute=ComputeOptions(max_bytes=budget),
        )
    assert choice.path.n_rows <= 200
    assert "patches are used" in choice.notes[0]


def test_without_patients_classes_keep_their_shares():
    X, y, _ = draw()
    with pytest.warns(FeatkitWarning, match="every class is there"):
        _, rows, _ = rows_that_fit(LabelledRows(X, y, "patches"), 16 * 10 * 300, 0)
    assert y[rows].mean() == pytest.approx(y.mean(), abs=0.01)


def test_too_little_memory_is_refused():
    X, y, patient = draw()
    with pytest.raises(InputError, match="memory must hold 2 patches of each of 20 patients"):
        rows_that_fit(LabelledRows(X, y, patient), 16 * 10 * 30, 0)
