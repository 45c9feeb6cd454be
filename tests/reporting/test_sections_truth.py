from featkit.reporting.sections_truth import truth_section

TRUTH = {
    "patients": {
        "a": {"label": "benign", "size": 1.0},
        "b": {"label": "malignant", "size": 2.0},
        "c": {"label": "malignant", "size": 3.0},
    },
    "carries": {"class": ["size"], "class_weakly": [], "patient": ["stain_tone"], "magnification": ["blur"]},
    "magnifications": {"40X": {"mpp": 0.49, "blur": 1.0}, "100X": {"mpp": 0.2, "blur": 0.5}},
}


def test_what_was_planted_is_told_with_what_it_alone_would_reach(make):
    section = truth_section(make.study(truth=TRUTH))
    assert section.tables[0].rows[0] == ("size", "1 (0)", "2.5 (0.71)", "1.000")
    assert section.tables[1].rows[0] == ("40X", "0.49", "1")


def test_data_that_were_not_generated_have_no_such_section(make):
    assert truth_section(make.study()) is None
