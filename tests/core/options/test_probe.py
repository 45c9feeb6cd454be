"""Probes: ranges, and what sets two of them apart."""

import pytest

from featkit.core.errors import InputError
from featkit.core.options import ProbeOptions


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"regime": "trainig"},
            "regime must be one of all, training, held-out, got 'trainig'. Did you mean 'training'",
        ),
        ({"model": "lineer"}, "Did you mean 'linear'"),
        ({"within": "class"}, "within must be one of label, got 'class'"),
        ({"n_permutations": -1}, "n_permutations must be between 0 and 1,000,000, got -1"),
        ({"n_controls": -1}, "n_controls must be between 0 and 10,000, got -1"),
        ({"n_folds": 1}, "n_folds must be at least 2, got 1"),
        ({"n_neighbors": 0}, "n_neighbors must be at least 1, got 0"),
        ({"n_folds": 2.5}, "n_folds must be a whole number, got 2.5"),
    ],
)
def test_what_is_refused_is_one_line(given, said):
    with pytest.raises(InputError) as caught:
        ProbeOptions(**given)
    assert said in str(caught.value)


def test_only_what_changes_the_question_sets_probes_apart():
    assert ProbeOptions(n_permutations=5, n_folds=3).variant("site") == {"target": "site"}
    asked = ProbeOptions(regime="held-out", model="mlp", within="label").variant("site")
    assert asked == {"target": "site", "regime": "held-out", "model": "mlp", "within": "label"}
