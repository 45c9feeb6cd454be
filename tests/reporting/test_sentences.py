import dataclasses

from featkit.reporting.sentences import comparison_sentences, first_notes, power_sentence


def test_the_power_is_told_where_nothing_was_found(make):
    row = make.comparison().rows[0]
    assert power_sentence(row) == "Showing a difference of this size would take about 480 patients (80 % power)."
    assert power_sentence(dataclasses.replace(row, verdict="a better")) == ""
    assert power_sentence(dataclasses.replace(row, n_patients_needed=float("nan"))) == ""
    assert "1,300 patients" in power_sentence(dataclasses.replace(row, n_patients_needed=1234.0))
    assert "No attainable number" in power_sentence(dataclasses.replace(row, n_patients_needed=float("inf")))


def test_sentences_may_be_of_some_metrics_only(make):
    comparison = make.comparison()
    assert len(comparison_sentences(comparison)) == 2
    (only,) = comparison_sentences(comparison, ("auc",))
    mean = next(r for r in comparison.rows if (r.metric, r.aggregation) == ("auc", "mean of folds"))
    assert only.startswith(mean.sentence)
    assert "equivalent within ±" in only


def test_notes_beyond_a_few_are_counted():
    notes = [f"note {k}" for k in range(9)]
    assert first_notes([*notes[:3], *notes[:3]]) == tuple(notes[:3])
    assert first_notes(notes)[-1] == "4 more notes of this kind are in the JSON file"
    assert len(first_notes(notes)) == 6
