import numpy as np

from featkit.sparse.solvers.path_record import PathRecord


def added(values):
    record = PathRecord()
    record.add(np.array([2, 5, 9]), values, 0.0, 0.5, 0.0, 1)
    record.add(np.array([1, 5, 9]), values[::-1], 0.0, 0.4, 0.0, 1)
    return record


def test_entrants_come_in_the_order_of_their_coefficients_and_once():
    assert added(np.array([0.1, -3.0, 2.0])).entrants == [5, 9, 2, 1]


def test_of_several_classes_the_norm_over_classes_counts():
    values = np.array([[0.1, -0.1], [3.0, -3.0], [0.0, 2.0]])
    assert added(values).entrants == [5, 9, 2, 1]


def test_an_empty_solution_adds_no_entrant():
    record = PathRecord()
    record.add(np.empty(0, np.int64), np.empty((0, 3)), np.zeros(3), 1.0, 0.0, 0)
    assert record.entrants == []
    assert record.values[0].shape == (0, 3)
