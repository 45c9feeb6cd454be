import pytest
from matplotlib.figure import Figure

from featkit.core.run_key import RunKey
from featkit.reporting.figures.style import figure_bytes
from featkit.results.by_run import ByRun
from featkit.results.plots import PLOTS
from featkit.results.probe_set import ProbeSet

RESULTS = {
    "Comparison": lambda make: make.comparison(),
    "Evaluation": lambda make: make.evaluation(),
    "EvaluationSet": lambda make: make.evaluated(keys=[RunKey("grl", seed=k, model="head") for k in range(2)]),
    "OverlapResult": lambda make: make.overlap(),
    "PathResult": lambda make: make.path(),
    "PerformanceCurve": lambda make: make.performance_curve(),
    "ProbeSet": lambda make: ProbeSet(ByRun({RunKey("a, b"): make.probe()})),
    "ReliabilityCurve": lambda make: make.reliability(),
    "Signature": lambda make: make.signature(),
    "SignatureSet": lambda make: make.signatures(is_deep=False),
    "SizeCurve": lambda make: make.size_curve(),
    "SplitAudit": lambda make: make.audit(),
    "VarianceDecomposition": lambda make: make.decomposition(),
}


@pytest.mark.parametrize("kind", list(PLOTS))
def test_every_result_with_a_figure_draws_it(make, kind):
    result = RESULTS[kind](make)
    assert type(result).__name__ == kind
    figure = result.plot()
    assert isinstance(figure, Figure)
    assert b"<svg" in figure_bytes(figure)[:1000]


def test_there_is_a_case_for_every_figure():
    assert set(RESULTS) == set(PLOTS)
