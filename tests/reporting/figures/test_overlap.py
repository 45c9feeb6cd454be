from matplotlib.text import Text

from featkit import reporting
from featkit.core.run_key import RunKey


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_pairs_without_a_value_are_counted(make):
    names = tuple(RunKey("grl", fold) for fold in make.FOLDS)
    shown = texts(reporting.overlap_heatmap(make.overlap(names, is_empty=True)))
    assert any("undefined, 3 of 6 pairs" in text for text in shown)
    assert "40X" in shown  # the method, the same for all, is in the caption
    assert not any("undefined" in text for text in texts(reporting.overlap_heatmap(make.overlap(names))))
