import dataclasses

import numpy as np
import pytest

from featkit.core.run_key import RunKey
from featkit.reporting import sections
from featkit.reporting.study_results import EmbeddingMap
from featkit.results.by_run import ByRun


@pytest.mark.parametrize(
    "section",
    [
        sections.split_section,
        sections.patches_section,
        sections.discrimination_section,
        sections.comparison_section,
        sections.calibration_section,
        sections.map_section,
    ],
)
def test_without_results_there_is_no_section(make, section):
    assert section(make.study()) is None


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"domain": "site", "nesting": "nested"}, "holds out one site with all of its patients."),
        ({"domain": "site", "nesting": "crossed"}, "holds out one site and, at the same time, a set of patients."),
        ({"domain": None, "design": "cross-validation"}, "cross-validation over patients"),
        ({"domain": "site", "design": "given roles"}, "The roles of patches were given."),
    ],
)
def test_the_design_is_told_in_the_words_of_its_column(make, parts, text):
    section = sections.split_section(make.study("site", audits=(dataclasses.replace(make.audit(), **parts),)))
    assert text in section.prose[0]
    assert "magnification" not in " ".join(section.prose) + section.how_to_read


def test_one_class_against_the_rest_has_figures_of_its_own(make):
    keys = [make.model("grl"), make.model("grl", positive="ductal, in situ")]
    section = sections.discrimination_section(make.study(evaluation=make.evaluated(keys=keys)))
    assert any("held-out patches, ductal, in situ against the rest" in figure.caption for figure in section.figures)
    assert section.title == "Does it work on a magnification never seen in training?"


def test_of_several_seeds_one_is_drawn_and_all_are_in_the_tables(make):
    keys = [make.model("grl", seed=seed) for seed in (2, 1)]
    section = sections.discrimination_section(make.study(evaluation=make.evaluated(keys=keys)))
    assert section.figures[0].caption.endswith("Drawn: seed 1.")
    assert {row[0] for row in section.tables[0].rows} >= {"grl signature, seed 1", "grl signature, seed 2"}


def test_an_empty_signature_is_marked_wherever_its_scores_are(make):
    signatures = make.signatures(("40X", "100X"), ("grl",), is_deep=False, size=0)
    study = make.study(evaluation=make.evaluated(keys=[make.model("grl")]), signature_sets=(signatures,))
    scores = sections.discrimination_section(study).tables[0]
    assert [row[1] for row in scores.rows[1:3]] == ["40X, nothing selected", "100X, nothing selected"]
    recalibrated = sections.calibration_section(study).tables[-2]
    assert not any("*" in cell for row in recalibrated.rows for cell in row)


def test_calibration_names_the_class_and_has_every_table(make):
    section = sections.calibration_section(make.study(evaluation=make.evaluated()))
    assert section.how_to_read.startswith("Of patches given 0.7, 70 % should be malignant.")
    assert len(section.tables) == 4


def test_comparisons_are_drawn_and_told_by_key(make):
    found = make.comparison()
    section = sections.comparison_section(make.study(comparisons=ByRun({found.key: found})))
    assert section.figures[0].caption == "Difference in AUC, signature: grl minus baseline."
    assert len(section.prose) == 1
    assert section.notes == ("folds share patients",)


def test_eight_stores_are_eight_maps(make):
    points, names = np.zeros((3, 2)), np.array(["a", "b", "a"])
    keys = [RunKey(m, f, s) for m in ("baseline", "grl") for f in ("100X", "H/E") for s in (0, 1)]
    maps = ByRun((key, EmbeddingMap(points, np.array([0.5, 0.2]), names, names, names)) for key in keys)
    section = sections.map_section(make.study("stain", maps=maps))
    captions = [figure.caption for figure in section.figures]
    assert len(set(captions)) == 8
    assert "The embedding of grl, H/E, seed 1, one point per patch." in captions
    assert "coloured by label, stain and patient" in section.figures[0].alt
