from matplotlib.text import Text

from featkit import reporting
from featkit.core.run_key import RunKey


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_panels_are_named_by_what_differs(make):
    keys = [RunKey(m, model="head") for m in ("grl", "baseline")]
    shown = texts(reporting.reliability_diagram({key: make.reliability() for key in keys}))
    assert {"grl", "baseline", "share of\npatches"} <= set(shown)
