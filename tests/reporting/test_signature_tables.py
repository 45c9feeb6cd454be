import dataclasses

import numpy as np

from featkit.core.run_key import RunKey
from featkit.reporting.signature_tables import (
    contribution_table,
    dimension_table,
    refit_table,
    signature_table,
    size_table,
    variance_decomposition_table,
)
from featkit.reporting.tables import to_csv, to_latex
from featkit.results.by_run import ByRun
from featkit.results.copied_dimensions import CopiedDimensions
from featkit.results.estimate import Estimate
from featkit.results.sparsity_price import SparsityPrice

ONE = RunKey("grl", "40X", None, "signature")


def replaced(found, key, signature=None, detail=None):
    """The same set with another signature or detail of one run."""
    signatures = ByRun({**found.signatures, **({key: signature} if signature else {})})
    return dataclasses.replace(
        found, signatures=signatures, details=ByRun({**found.details, **({key: detail} if detail else {})})
    )


def test_the_table_says_what_did_not_converge_or_was_not_run(make):
    bad = dataclasses.replace(make.signature(has_stability=False, key=ONE), is_converged=False)
    table = signature_table(replaced(make.signatures(), ONE, bad))
    row = next(r for r in table.rows if r[0] == "grl, 40X")
    assert row[2] == "–"
    assert row[-1].endswith("NOT CONVERGED")


def test_an_empty_signature_says_so_and_has_no_auc(make):
    table = signature_table(replaced(make.signatures(), ONE, make.signature(size=0, key=ONE)))
    rows = {row[0]: row for row in table.rows}
    assert rows["grl, 40X"][1] == "nothing selected"
    assert rows["grl, 40X"][3] == "–"
    assert rows["grl, 40X"][5] != "–"
    assert rows["grl, 100X"][3] != "–"
    assert "Nothing selected in 1 of 4 signatures" in table.caption
    assert "elected in" not in signature_table(make.signatures()).caption


def test_seeds_and_folds_with_odd_names_are_told_apart_also_in_csv_and_latex(make):
    found = make.signatures(("H/E", "seedbank"), ("a, b",), seeds=(1, 2), is_deep=False)
    table = signature_table(found)
    assert [row[0] for row in table.rows] == [
        "a, b, H/E, seed 1",
        "a, b, H/E, seed 2",
        "a, b, seedbank, seed 1",
        "a, b, seedbank, seed 2",
    ]
    assert "seedbank, seed 2" in to_latex(table)
    assert found.frame()["seed"].to_list() == [1, 2, 1, 2]
    assert to_csv(found).splitlines()[1].startswith('"a, b",H/E,1,')


def test_a_class_against_the_rest_is_in_the_caption(make):
    found = make.signatures(positive="lobular")
    assert signature_table(found).caption.startswith("Signatures, lobular against the rest, scored")


def test_sizes_that_change_with_the_tolerance_are_named(make):
    found = make.signatures(("40X",), ("grl",))
    curve = found.details[ONE].sizes
    moving = dict(curve.chosen_sizes) | {"min": np.array([9, 8, 7])}
    settled = {key: np.full(len(curve.tolerances), 5) for key in curve.chosen}
    for sizes, expected in ((moving, "smallest loss"), (settled, "none")):
        detail = dataclasses.replace(found.details[ONE], sizes=dataclasses.replace(curve, chosen_sizes=sizes))
        table = size_table(replaced(found, ONE, detail=detail))
        assert table.columns[-1] == "size not converged"
        assert expected in table.rows[0][-1]


def of_several_classes(make):
    """The same, as three classes have it."""
    found = make.signatures(("40X",), ("grl",))
    signature, detail = found.signatures[ONE], found.details[ONE]
    by_class = np.tile(signature.coefficients[:, None], (1, 3))
    signature = dataclasses.replace(
        signature, coefficients=by_class, intercept=np.zeros(3), classes=("ductal", "lobular", "mucinous")
    )
    return replaced(found, ONE, signature, detail)


def test_refits_of_several_classes_say_what_their_metrics_are(make):
    two, several = make.signatures(("40X",), ("grl",)), of_several_classes(make)
    ending = "AUC is the mean over classes, each against the rest; Brier is the sum over classes."
    for table_of in (refit_table, contribution_table):
        assert table_of(several).caption == f"{table_of(two).caption} {ending}"
        assert table_of(several).rows == table_of(two).rows
    assert [row[:4] for row in refit_table(several).rows] == [
        ("grl signature, 40X", "AUC", "0.600 [0.500, 0.800]", "–"),
        ("", "Brier", "0.600 [0.500, 0.800]", "–"),
    ]


def test_without_an_auc_the_largest_contributions_are_those_to_the_brier_score(make):
    found = of_several_classes(make)
    drops = found.details[ONE].contributions
    nothing = dict.fromkeys(("auc_drop", "auc_drop_low", "auc_drop_high"), np.full(drops.dimension.size, np.nan))
    detail = dataclasses.replace(found.details[ONE], contributions=dataclasses.replace(drops, **nothing))
    table = contribution_table(replaced(found, ONE, detail=detail))
    assert [row[1] for row in table.rows] == [f"d{j}" for j in drops.dimension[np.argsort(-drops.brier_rise)[:5]]]
    assert {row[2] for row in table.rows} == {"–"}


def test_contributions_are_the_largest_per_signature(make):
    found = make.signatures(("40X",), ("grl",))
    table = contribution_table(found)
    drops = found.details[ONE].contributions
    assert len(table.rows) == 5
    assert table.rows[0][1] == f"d{drops.dimension[np.argmax(drops.auc_drop)]}"
    assert len(contribution_table(make.signatures(("40X", "100X", "200X"))).rows) == 6


def test_shares_of_variance_stand_beside_chance(make):
    table = variance_decomposition_table(make.signatures())
    assert table.columns == ("signature", "dimensions", "class", "patient", "domain", "domain by patient", "rest")
    assert table.rows[0][2].endswith("% (0%)")


def priced(found):
    """The same set with a model on all dimensions beside each signature."""
    price = SparsityPrice({"auc": Estimate(-0.09, -0.15, -0.03), "brier": Estimate(0.02, 0.01, 0.03)})
    prices = ByRun((key, price) for key in found.signatures)
    return dataclasses.replace(found, dense=found.evaluations, prices=prices)


def test_the_price_of_sparsity_stands_beside_each_signature(make):
    table = signature_table(priced(make.signatures()))
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["AUC, all dimensions"] == row["AUC"]
    assert row["AUC price"].startswith("−0.090")
    assert "below 0, sparsity costs discrimination" in table.caption
    empty = signature_table(priced(make.signatures(size=0)))
    assert dict(zip(empty.columns, empty.rows[0], strict=True))["AUC price"] == "–"
    assert "all dimensions" not in " ".join(signature_table(make.signatures()).columns)


def test_selected_dimensions_with_copies_are_counted(make):
    found = make.signatures()
    kept = found.signatures[ONE].support[:2]
    copies = CopiedDimensions(0.99, kept, [0, 0], kept[::-1], [1.0, 1.0], [True, True], 512, 12, 90)
    table = signature_table(dataclasses.replace(found, copies=ByRun({ONE: copies})))
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["with copies"] for row in rows] == [
        "2 of 45" if row["signature"] == "grl, 40X" else "–" for row in rows
    ]


def test_dimensions_are_called_by_their_names(make):
    names = tuple(f"area {j}" for j in range(512))
    signature = dataclasses.replace(make.signature(key=ONE), dimension_names=names)
    found = replaced(make.signatures(), ONE, signature)
    first = signature.support[np.argmax(np.abs(signature.coefficients))]
    listed = {row[0]: row[1] for row in dimension_table(found).rows}
    assert listed["grl, 40X"].startswith(f"area {first}, ")
    assert listed["grl, 40X"].endswith("and 35 more")
    assert listed["grl, 100X"].startswith("d")
    assert any(row[1].startswith("area ") for row in contribution_table(found).rows)
    empty = replaced(make.signatures(), ONE, make.signature(size=0, key=ONE))
    assert {row[0]: row[1] for row in dimension_table(empty).rows}["grl, 40X"] == "nothing selected"
