from matplotlib.text import Text

from featkit import reporting
from featkit.core.run_key import RunKey


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_areas_stand_beside_the_names(make):
    keys = [RunKey("grl", seed=k, model="head") for k in range(2)]
    areas = {"seedbank": {keys[0]: make.estimate(0.9)}}
    shown = texts(reporting.roc_curves({"seedbank": dict.fromkeys(keys, make.roc())}, auc=areas))
    assert {"grl, seed 0 0.900", "grl, seed 1"} <= set(shown)
