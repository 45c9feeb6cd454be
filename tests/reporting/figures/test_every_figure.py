"""What every figure promises, over one table of cases."""

import dataclasses

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from featkit import reporting
from featkit.core.run_key import RunKey
from featkit.results.estimate import Estimate

NAN = float("nan")


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


FOLDS = ("40X", "100X", "200X", "400X")
MANY = tuple(f"site {k}" for k in range(20))
RNG = np.random.default_rng(0)
XY, LABEL = RNG.normal(size=(60, 2)), np.array(["benign", "malignant"])[RNG.integers(0, 2, 60)]
FEW, LOTS = RNG.choice(FOLDS, 60), np.arange(60) % 30
IMAGE = RNG.integers(0, 255, (20, 30, 3), dtype=np.uint8)
NONE = np.full(8, NAN)
UNDEFINED, LONE = Estimate(NAN, NAN, NAN), Estimate(0.8)
CASES = {
    "forest_plot": lambda make: reporting.forest_plot(make.comparison(), "auc"),
    "forest_plot of one fold": lambda make: reporting.forest_plot(make.comparison(folds=("40X",)), "auc"),
    "forest_plot of 20 folds": lambda make: reporting.forest_plot(make.comparison(folds=MANY), "brier"),
    "forest_plot without intervals": lambda make: reporting.forest_plot(make.comparison(half=NAN), "auc"),
    "forest_plot of three pairs": lambda make: reporting.forest_plot(
        make.comparison(pairs=tuple((RunKey(a), RunKey(b)) for a, b in ("ab", "ac", "bc"))), "auc"
    ),
    "performance_by_fold": lambda make: reporting.performance_by_fold(
        {"baseline": {f: make.estimate(0.8) for f in FOLDS}}, label="AUC", majority={"40X": 0.5}
    ),
    "performance_by_fold of several seeds": lambda make: reporting.performance_by_fold(
        {RunKey("grl", seed=k, model="head"): {f: make.estimate(0.8) for f in FOLDS} for k in range(3)}, label="AUC"
    ),
    "performance_by_fold of 20 folds": lambda make: reporting.performance_by_fold(
        {m: {f: make.estimate(0.8) for f in MANY} for m in "abc"}, label="AUC"
    ),
    "performance_by_fold undefined": lambda make: reporting.performance_by_fold(
        {"a": {"40X": UNDEFINED, "100X": LONE}, "b": {}}, label="AUC"
    ),
    "performance_by_fold of nothing": lambda make: reporting.performance_by_fold({}, label="AUC"),
    "variance_components_figure": lambda make: reporting.variance_components_figure({"auc": make.variance()}),
    "variance_components_figure of nothing": lambda make: reporting.variance_components_figure({}),
    "overlap_heatmap": lambda make: reporting.overlap_heatmap(make.overlap()),
    "overlap_heatmap of an empty support": lambda make: reporting.overlap_heatmap(make.overlap(is_empty=True)),
    "overlap_heatmap of runs": lambda make: reporting.overlap_heatmap(
        make.overlap(tuple(RunKey(m, f, 0, "signature") for m in ("baseline", "grl") for f in ("H/E", "seedbank")))
    ),
    "overlap_heatmap of one": lambda make: reporting.overlap_heatmap(make.overlap(names=("40X",))),
    "overlap_heatmap of none": lambda make: reporting.overlap_heatmap(make.overlap(names=())),
    "overlap_heatmap of 20": lambda make: reporting.overlap_heatmap(make.overlap(names=MANY)),
    "roc_curves": lambda make: reporting.roc_curves({f: {"a": make.roc(), "b": make.roc(1)} for f in FOLDS}),
    "roc_curves of six methods": lambda make: reporting.roc_curves({"pooled": {str(k): make.roc(k) for k in range(6)}}),
    "roc_curves of 20 folds": lambda make: reporting.roc_curves({f: {"a": make.roc()} for f in MANY}),
    "roc_curves of nothing": lambda make: reporting.roc_curves({}),
    "reliability_diagram": lambda make: reporting.reliability_diagram(
        {"a": make.reliability(), "b": make.reliability(1)}
    ),
    "reliability_diagram of six": lambda make: reporting.reliability_diagram(
        {str(k): make.reliability(k) for k in range(6)}
    ),
    "reliability_diagram of nothing": lambda make: reporting.reliability_diagram({}),
    "probe_bars": lambda make: reporting.probe_bars({"a": make.probe(), "below chance": make.probe(value=0.1)}),
    "probe_bars without interval": lambda make: reporting.probe_bars({"a": make.probe(half=NAN)}),
    "probe_bars of nothing": lambda make: reporting.probe_bars({}),
    "signature_sizes": lambda make: reporting.signature_sizes(make.signatures(FOLDS, is_deep=False).signatures),
    "signature_sizes of empty signatures": lambda make: reporting.signature_sizes(
        make.signatures(is_deep=False, size=0).signatures
    ),
    "signature_sizes of nothing": lambda make: reporting.signature_sizes({}),
    "variance_decomposition_figure": lambda make: reporting.variance_decomposition_figure(make.decomposition()),
    "variance_decomposition_figure of 100 dimensions": lambda make: reporting.variance_decomposition_figure(
        make.decomposition(100), n_most=80
    ),
    "variance_decomposition_figure of nothing": lambda make: reporting.variance_decomposition_figure(
        make.decomposition(0)
    ),
    "size_curves": lambda make: reporting.size_curves(make.size_curve()),
    "performance_by_size": lambda make: reporting.performance_by_size({"a": make.performance_curve()}, metric="brier"),
    "performance_by_size of several classes": lambda make: reporting.performance_by_size(
        {"a": dataclasses.replace(make.performance_curve(), n_classes=8)}, metric="brier"
    ),
    "performance_by_size without an AUC": lambda make: reporting.performance_by_size(
        {"a": dataclasses.replace(make.performance_curve(), **dict.fromkeys(("auc", "auc_low", "auc_high"), NONE))}
    ),
    "performance_by_size of nothing": lambda make: reporting.performance_by_size({}),
    "regularisation_path": lambda make: reporting.regularisation_path(make.path(), chosen=0.02, highlight=np.arange(5)),
    "regularisation_path of 2,000 dimensions": lambda make: reporting.regularisation_path(make.path(2_000)),
    "regularisation_path of nothing": lambda make: reporting.regularisation_path(make.path(0)),
    "regularisation_path of several classes": lambda make: reporting.regularisation_path(make.multinomial_path()),
    "penalty_choice": lambda make: reporting.penalty_choice(make.signature()),
    "selection_frequencies": lambda make: reporting.selection_frequencies(make.signature()),
    "selection_frequencies not run": lambda make: reporting.selection_frequencies(make.signature(has_stability=False)),
    "embedding_map": lambda make: reporting.embedding_map(XY, LABEL, FEW, LOTS, note="PCA"),
    "embedding_map of one patch": lambda make: reporting.embedding_map(XY[:1], LABEL[:1], FEW[:1], LOTS[:1]),
    "embedding_map of none": lambda make: reporting.embedding_map(XY[:0], LABEL[:0], FEW[:0], LOTS[:0]),
    "patch_montage": lambda make: reporting.patch_montage(
        [IMAGE] * 7, ["a name that is far too long"] * 7, rows=("x", "y")
    ),
    "patch_montage of none": lambda make: reporting.patch_montage([], []),
    "split_matrix": lambda make: reporting.split_matrix(make.audit()),
    "split_matrix of nothing": lambda make: reporting.split_matrix(make.audit(())),
}
NAMES = list(CASES)


PLAIN = [name for name in NAMES if " " not in name]


@pytest.mark.parametrize("name", NAMES)
def test_figure_is_drawn_and_leaves_settings_alone(make, name):
    before = dict(matplotlib.rcParams)
    figure = CASES[name](make)
    assert isinstance(figure, Figure)
    assert b"<svg" in reporting.figure_bytes(figure, "svg")[:1000]
    assert dict(matplotlib.rcParams) == before
    assert texts(figure)


@pytest.mark.parametrize("name", PLAIN)
def test_same_result_same_bytes(make, name):
    assert reporting.figure_bytes(CASES[name](make), "svg") == reporting.figure_bytes(CASES[name](make), "svg")


@pytest.mark.parametrize("name", PLAIN)
def test_nothing_is_cut_off(make, name):
    figure = CASES[name](make)
    reporting.figure_bytes(figure, "png")
    box = figure.get_tightbbox().extents
    width, height = figure.get_size_inches()
    assert box[0] >= -0.02
    assert box[1] >= -0.02
    assert box[2] <= width + 0.02
    assert box[3] <= height + 0.02


def test_every_figure_function_has_a_case():
    drawn = {name.split(" ")[0] for name in NAMES}
    homes = {name: getattr(reporting, name).__module__.removeprefix("featkit.reporting.") for name in reporting.__all__}
    assert drawn == {name for name, home in homes.items() if home.startswith("figures.") and home != "figures.style"}
