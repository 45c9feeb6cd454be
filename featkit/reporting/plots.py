"""The figure that shows a result best, for ``result.plot()``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featkit.core.metric_names import metric_name
from featkit.core.run_key import RunKey
from featkit.reporting.figure_data import by_fold, majority_by_fold, roc_panels
from featkit.reporting.figures.calibration import reliability_diagram
from featkit.reporting.figures.comparison import forest_plot, performance_by_fold
from featkit.reporting.figures.probes import probe_bars
from featkit.reporting.figures.roc import roc_curves
from featkit.reporting.figures.signatures import performance_by_size, signature_sizes
from featkit.reporting.run_groups import by_class, first_seed, model_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from featkit.results.calibration import ReliabilityCurve
    from featkit.results.comparison import Comparison
    from featkit.results.evaluation import Evaluation
    from featkit.results.evaluation_set import EvaluationSet
    from featkit.results.probe_set import ProbeSet
    from featkit.results.refit import PerformanceCurve
    from featkit.results.signature_set import SignatureSet


def plot_comparison(result: Comparison) -> Figure:
    """Draw the differences of the first metric that was compared."""
    return forest_plot(result, result.rows[0].metric)


def plot_evaluation(result: Evaluation) -> Figure:
    """Draw the ROC curves of each fold, or of each class."""
    panels, areas = roc_panels({result.key: result})
    return roc_curves(panels, auc=areas)


def plot_evaluation_set(result: EvaluationSet) -> Figure:
    """Draw the AUC of every model by fold; of one training seed, and of all classes where there are such models."""
    drawn, _ = first_seed(next(iter(by_class(result.evaluations).values()), result.evaluations))
    names = model_labels(drawn)
    models = {names[key]: by_fold(evaluation, "auc") for key, evaluation in drawn.items()}
    majority = majority_by_fold(next(iter(drawn.values())), "auc") if drawn else None
    return performance_by_fold(models, label=metric_name("auc").label, majority=majority)


def plot_performance(result: PerformanceCurve) -> Figure:
    """Draw AUC against the number of dimensions kept."""
    return performance_by_size({_name(result.key) or result.ranking: result})


def plot_probes(result: ProbeSet) -> Figure:
    """Draw every probe from chance to what it reached."""
    return probe_bars(result.probes)


def plot_reliability(result: ReliabilityCurve) -> Figure:
    """Draw observed frequency against probability."""
    return reliability_diagram({_name(result.key): result})


def plot_signatures(result: SignatureSet) -> Figure:
    """Draw the sizes of the signatures by fold."""
    return signature_sizes(result.signatures)


def _name(key: RunKey) -> str:
    return "" if key == RunKey() else key.label()
