import numpy as np
import pytest
from matplotlib.text import Text

from featkit import reporting


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_of_several_classes_the_path_shows_norms_over_classes(make):
    path = make.multinomial_path()
    top = reporting.regularisation_path(path).axes[0]
    drawn = np.concatenate([line[:, 1] for one in top.collections for line in one.get_segments()])
    assert drawn.min() == 0
    assert drawn.max() == pytest.approx(np.linalg.norm(path.values, axis=1).max())
    assert top.get_ylabel() == "norm over classes"


def test_frequencies_of_a_result_of_its_own_say_the_bound(stability):
    assert any("at most 1 false expected (unimodal)" in t for t in texts(reporting.selection_frequencies(stability)))
