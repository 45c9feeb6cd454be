import pytest
from matplotlib.text import Text

from featkit import reporting
from featkit.core.run_key import RunKey


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_probe_below_chance_stays_below(make):
    figure = reporting.probe_bars({"p": make.probe(value=0.1, chance=0.25)})
    bar = next(p for p in figure.axes[0].patches if p.get_width() < 0)
    assert bar.get_x() + bar.get_width() == pytest.approx(0.1)
    assert bar.get_x() == pytest.approx(0.25)


def test_the_p_value_is_a_bound_and_names_tell_runs_apart(make):
    result = make.probe()
    probes = {RunKey("uni, large", seed=k, variant={"target": "site"}): result for k in range(2)}
    shown = texts(reporting.probe_bars(probes))
    assert any(text.endswith("p ≤ 0.005") for text in shown)
    assert {"uni, large, seed 0", "uni, large, seed 1"} <= set(shown)
