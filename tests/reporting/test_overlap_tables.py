import dataclasses

import numpy as np

from featkit.core.run_key import RunKey
from featkit.reporting.overlap_tables import (
    defined_pairs,
    matching_table,
    overlap_tables,
    pairs_of,
    reseeding_table,
)
from featkit.results.by_run import ByRun
from featkit.results.matching import MatchingResult, ReseedingNull
from featkit.results.overlap import OverlapResult
from featkit.results.signature_set import MatchedRuns


def keys(methods, folds, seeds=(None,)):
    return tuple(RunKey(m, f, s, "signature") for m in methods for f in folds for s in seeds)


def matching(after, n=4):
    values = (np.full((2, 2), v) for v in (2, 0.5, 0.1, after, 0.01))
    pair = OverlapResult(("a", "b"), "jaccard", np.array([3, 3]), 10, np.array([10, 10]), *values, "exact", 0)
    r = np.full(n, 0.5)
    return MatchingResult(90, (n, n), (0, 1), (3.0, 3.0), 0.7, r, np.arange(n), r, pair, pair)


def test_methods_are_compared_in_the_same_fold_and_seed_only(make):
    found = make.signatures(seeds=(1, 2))
    between = list(overlap_tables(found))[-1]
    assert between.caption.startswith("Overlap of signatures between methods.")
    assert [row[:2] for row in between.rows] == [
        ("baseline, 40X, seed 1", "grl, 40X, seed 1"),
        ("baseline, 40X, seed 2", "grl, 40X, seed 2"),
        ("baseline, 100X, seed 1", "grl, 100X, seed 1"),
        ("baseline, 100X, seed 2", "grl, 100X, seed 2"),
    ]


def test_many_pairs_are_averaged_by_what_differs(make):
    runs = keys(["a/b"], ("H/E", "seedbank"), (0, 1, 2, 3))
    found = dataclasses.replace(make.signatures(), overlaps=ByRun({RunKey("a/b"): make.overlap(runs)}))
    (table,) = overlap_tables(found)
    assert [row[:3] for row in table.rows] == [
        ("seeds of one fold", "12", "0"),
        ("folds of one seed", "4", "0"),
        ("other folds and seeds", "12", "0"),
    ]


def test_pairs_with_an_empty_signature_are_counted_and_never_dropped(make):
    few = make.overlap(keys(["grl"], ("40X", "100X", "200X")), is_empty=True)
    assert (len(pairs_of(few)), len(defined_pairs(few))) == (3, 1)
    (table,) = overlap_tables(dataclasses.replace(make.signatures(), overlaps=ByRun({RunKey("grl"): few})))
    assert len(table.rows) == 3
    assert [row[-2] for row in table.rows].count("–") == 2
    assert "Undefined for 2 of 3 pairs" in table.caption
    many = make.overlap(keys(["grl"], [f"{k}X" for k in range(8)]), is_empty=True)
    (table,) = overlap_tables(dataclasses.replace(make.signatures(), overlaps=ByRun({RunKey("grl"): many})))
    assert table.columns[1:3] == ("pairs", "undefined")
    assert table.rows[0][1:3] == ("28", "7")


def test_matched_encoders_are_one_row_per_pair_or_means_where_they_are_many(make):
    a, b, c = keys(["grl"], ("40X", "100X")) + keys(["baseline"], ("40X",))
    few = (MatchedRuns(a, b, matching(0.2)), MatchedRuns(a, c, matching(0.4)))
    found = dataclasses.replace(make.signatures(), matchings=few)
    table = matching_table(found)
    assert [row[0] for row in table.rows] == ["grl, 40X and grl, 100X", "grl, 40X and baseline, 40X"]
    assert table.rows[0][-1] == "0.200"
    many = [
        MatchedRuns(RunKey("grl", f"{i}X"), RunKey("grl", f"{j}X"), matching(i / 10))
        for i in range(4)
        for j in range(10, 15)
    ]
    both = MatchedRuns(RunKey("grl", "1X"), RunKey("baseline", "1X"), matching(0.4))
    summed = matching_table(dataclasses.replace(found, matchings=(*many, both)))
    assert [row[:2] for row in summed.rows] == [("folds of grl", "20"), ("grl and baseline", "1")]
    assert [row[-1] for row in summed.rows] == ["0.150", "0.400"]


def test_reseeding_is_a_range_over_pairs_of_seeds(make):
    values = np.array([0.1, 0.3, np.nan])
    null = ReseedingNull("jaccard", *(np.arange(3) for _ in "ab"), *(values for _ in range(5)), values, 3)
    found = dataclasses.replace(make.signatures(), reseeding=ByRun({RunKey("grl", "a/b"): null}))
    assert reseeding_table(found).rows == (("grl, a/b", "3", *["0.100 to 0.300"] * 4),)
