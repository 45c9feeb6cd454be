import dataclasses
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from featkit import reporting
from featkit.core.errors import InputError
from featkit.reporting.figures.style import PALETTE, colour, line_style, short
from featkit.results.estimate import Estimate

NAN = float("nan")


def texts(figure):
    from matplotlib.text import Text

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
        make.comparison(pairs=(("a", "b"), ("a", "c"), ("b", "c"))), "auc"
    ),
    "performance_by_fold": lambda make: reporting.performance_by_fold(
        {"baseline": {f: make.estimate(0.8) for f in FOLDS}}, label="AUC", majority={"40X": 0.5}
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
    "signature_sizes": lambda make: reporting.signature_sizes({"a": dict.fromkeys(FOLDS, 30), "b": {"40X": 0}}, 512),
    "signature_sizes of empty signatures": lambda make: reporting.signature_sizes({"a": {"40X": 0}}, 512),
    "signature_sizes of nothing": lambda make: reporting.signature_sizes({}, 512),
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
    "selection_frequencies": lambda make: reporting.selection_frequencies(make.stability()),
    "selection_frequencies of a signature": lambda make: reporting.selection_frequencies(make.signature()),
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


def test_pdf_and_png_repeat_too_and_carry_no_date(make, tmp_path):
    figure = reporting.forest_plot(make.comparison(), "auc")
    paths = reporting.save_figure(figure, tmp_path / "one", "forest")
    again = reporting.save_figure(reporting.forest_plot(make.comparison(), "auc"), tmp_path / "two", "forest")
    assert [p.suffix for p in paths] == [".svg", ".pdf", ".png"]
    for a, b in zip(paths, again):
        assert a.read_bytes() == b.read_bytes()
    assert b"CreationDate" not in paths[1].read_bytes()
    with pytest.raises(InputError, match="svg, pdf or png"):
        reporting.figure_bytes(figure, "gif")


def test_names_with_dollars_are_not_mathematics(make):
    figure = reporting.performance_by_fold({"$\\bad$ <b>": {"$x^": make.estimate(0.8)}, "b": {}}, label="AUC")
    svg = reporting.figure_bytes(figure, "svg")
    assert b"<svg" in svg


def test_forest_says_numbers_and_order(make):
    shown = texts(reporting.forest_plot(make.comparison(), "auc", label="AUC"))
    row = next(r for r in make.comparison().rows if r.metric == "auc" and r.scope == "400X")
    assert any(f"{row.difference.value:+.3f}".replace("-", "−") in t for t in shown)
    positions = [shown.index(name) for name in ("40X", "400X", "mean of folds", "pooled")]
    assert positions == sorted(positions)


def test_a_metric_that_test_patches_leave_undefined_is_said_to_be(make):
    assert texts(CASES["performance_by_size without an AUC"](make)) == ["AUC is undefined on these test patches"]


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        ("auc", "AUC on test patients,\nmean over classes"),
        ("f1", "F1 on test patients,\nmean over classes"),
        ("brier", "Brier score on test patients,\nsum over classes"),
    ],
)
def test_metrics_of_several_classes_are_named_so(make, metric, label):
    curve = make.performance_curve()
    figure = reporting.performance_by_size({"a": dataclasses.replace(curve, n_classes=3)}, metric=metric)
    assert label in texts(figure)
    reporting.figure_bytes(figure, "png")
    left, bottom, _, top = figure.get_tightbbox().extents
    assert min(left, bottom, figure.get_size_inches()[1] - top) >= -0.02
    assert label.partition(",")[0] in texts(reporting.performance_by_size({"a": curve}, metric=metric))


def test_probe_below_chance_stays_below(make):
    figure = reporting.probe_bars({"p": make.probe(value=0.1, chance=0.25)})
    bar = next(p for p in figure.axes[0].patches if p.get_width() < 0)
    assert bar.get_x() + bar.get_width() == pytest.approx(0.1)
    assert bar.get_x() == pytest.approx(0.25)


def test_an_empty_signature_is_a_bar_with_its_nought(make):
    figure = reporting.signature_sizes({"a": {"40X": 0, "100X": 12}}, 512)
    assert [p.get_height() for p in figure.axes[0].patches] == [0, 12]
    assert {"0", "12"} <= set(texts(figure))


def test_map_counts_what_it_cannot_list_and_orders_magnifications():
    magnification = np.array(["400X", "40X", "100X"] * 10)
    points = np.random.default_rng(0).normal(size=(30, 2))
    figure = reporting.embedding_map(points, magnification, magnification, np.arange(30))
    legend = [t.get_text() for t in figure.axes[1].get_legend().get_texts()]
    assert legend == ["40X", "100X", "400X"]
    assert "patient (30)" in texts(figure)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda make: reporting.forest_plot(make.comparison(), "aucc"), "Did you mean 'auc'"),
        (lambda make: reporting.performance_by_size({}, metric="mcc"), "one of the curve's"),
        (lambda make: reporting.embedding_map(np.zeros((3, 3)), [0] * 3, [0] * 3, [0] * 3), "two coordinates"),
        (lambda make: reporting.patch_montage([np.zeros((2, 2, 3))], ["a"]), "uint8"),
        (lambda make: reporting.patch_montage([], ["a"]), "one a patch"),
    ],
)
def test_mistakes_are_named(make, call, message):
    with pytest.raises(InputError, match=message):
        call(make)


def test_series_differ_in_more_than_colour():
    assert len(set(PALETTE)) == 8
    styles = [(s["color"], s["linestyle"]) for s in map(line_style, range(16))]
    assert len(set(styles)) == 16
    assert styles[0][1] != styles[1][1]
    assert colour(8) == PALETTE[0]


def test_short_keeps_both_ends():
    assert short("abc", 5) == "abc"
    assert short("baseline_seed13", 9) == "base…ed13"
    assert len(short("x" * 100)) == 24


def test_importing_the_floor_draws_nothing_in():
    code = "import featkit.reporting, sys; print([m for m in ('matplotlib', 'jinja2', 'polars') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_of_several_classes_the_path_shows_norms_over_classes(make):
    path = make.multinomial_path()
    top = reporting.regularisation_path(path).axes[0]
    drawn = np.concatenate([line[:, 1] for one in top.collections for line in one.get_segments()])
    assert drawn.min() == 0
    assert drawn.max() == pytest.approx(np.linalg.norm(path.values, axis=1).max())
    assert top.get_ylabel() == "norm over classes"
