import dataclasses

from featkit.core.run_key import RunKey
from featkit.reporting.sections_sparse import overlap_section, signature_section, variance_section
from featkit.results.by_run import ByRun


def test_what_was_not_asked_for_has_no_section(make):
    plain = make.signatures(is_deep=False)
    assert variance_section(make.study(), plain) is None
    assert overlap_section(dataclasses.replace(plain, overlaps=ByRun())) is None
    assert len(signature_section(plain).tables) == 1


def test_a_deeper_look_has_a_figure_per_method_and_a_table_per_question(make):
    deep = make.signatures()
    varied = variance_section(make.study("site"), deep)
    assert len(varied.figures) == 2
    assert len(varied.tables) == 2
    assert "what the site adds" in varied.how_to_read
    found = signature_section(deep)
    assert len(found.tables) == 3
    assert "baseline, 40X, refitted: separable" in found.notes
    assert overlap_section(deep).figures[0].caption.startswith("Jaccard overlap, all signatures")


def test_folds_with_odd_names_and_several_seeds_are_drawn(make):
    found = make.signatures(("seedbank", "H/E"), ("a/b, c",), seeds=(0, 1), is_deep=False)
    section = signature_section(found)
    assert section.figures[1].caption.startswith("a/b, c, seedbank, seed 0: cross-validated loss")
    assert len(overlap_section(found).tables) == 1


def test_a_named_class_is_in_every_title(make):
    found = make.signatures(positive="lobular")
    titles = [signature_section(found).title, variance_section(make.study(), found).title, overlap_section(found).title]
    assert all(title.endswith(" to tell lobular from the rest?") for title in titles)


def test_grouped_models_say_so(make):
    found = make.signatures(("40X",), ("grl",))
    key = RunKey("grl", "40X", None, "signature")
    one = found.signatures[key]
    grouped = dataclasses.replace(
        one, coefficients=one.coefficients[:, None] * [[1, 0, -1]], intercept=[0, 0, 0], classes=("a", "b", "c")
    )
    detail = dataclasses.replace(found.details[key], path=make.multinomial_path())
    found = dataclasses.replace(found, signatures=ByRun({key: grouped}), details=ByRun({key: detail}))
    section = signature_section(found)
    assert section.how_to_read.startswith("A signature is the support of one multinomial")
    assert "grl: AUC, the mean over classes, on test patients of ridge fits" in section.figures[-1].caption
