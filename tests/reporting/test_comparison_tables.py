import dataclasses

from featkit.core.run_key import RunKey
from featkit.reporting.comparison_tables import compared_models, comparison_table, comparison_title
from featkit.reporting.tables import to_latex


def test_a_comparison_of_one_pair_names_it_in_the_heading(make):
    table = comparison_table(make.comparison())
    assert table.columns == ("metric", "patches", "grl", "baseline", "difference", "p", "p (Holm)", "verdict")
    assert table.caption.startswith("Signature: grl minus baseline, on 1820")
    assert [row[1] for row in table.rows[:3]] == ["pooled", "mean of folds", "40X"]
    pairs = ((make.model("grl"), make.model("baseline")), (make.model("gan"), make.model("baseline")))
    several = comparison_table(make.comparison(pairs=pairs))
    assert several.columns[:2] == ("first", "second")
    assert list(dict.fromkeys(row[:2] for row in several.rows)) == [("grl", "baseline"), ("gan", "baseline")]
    assert to_latex(table, label="tab:x").count("\\\\") == len(table.rows) + 1


def test_a_class_both_models_share_is_said_once(make):
    pair = tuple(make.model(method, positive="a, b") for method in ("grl", "baseline"))
    found = make.comparison(pairs=(pair,))
    assert comparison_title(found) == "signature: grl minus baseline, a, b against the rest"
    models = compared_models(found, found.rows[0])
    assert (models.first, models.second, models.model, models.positive) == ("grl", "baseline", "signature", "a, b")


def test_models_that_differ_say_in_what(make):
    pair = (make.model("grl", "head"), make.model("grl"))
    models = compared_models(make.comparison(pairs=(pair,)), make.comparison(pairs=(pair,)).rows[0])
    assert (models.first, models.second, models.model) == ("grl head", "grl signature", None)


def test_names_that_are_headings_too_lose_no_column(make):
    table = comparison_table(make.comparison(pairs=(("p", "difference"),)))
    assert table.columns[2:5] == ("p", "difference", "difference")
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_fold_and_seed_of_a_narrow_comparison_are_in_its_title(make):
    found = make.comparison()
    narrow = dataclasses.replace(found, key=dataclasses.replace(found.key, fold="seedbank", seed=1))
    assert comparison_title(narrow) == "signature: grl minus baseline, seedbank, seed 1"
    assert isinstance(found.names[0], RunKey)


def test_a_p_value_no_permutation_can_go_below_is_a_bound(make):
    found = make.comparison()
    least = tuple(dataclasses.replace(r, p_value=1e-4, p_adjusted=4e-4) for r in found.rows)
    row = comparison_table(dataclasses.replace(found, rows=least)).rows[0]
    assert row[5:7] == ("≤ 0.0001", "≤ 0.0004")
    assert comparison_table(found).rows[0][5:7] == ("0.400", "0.800")
