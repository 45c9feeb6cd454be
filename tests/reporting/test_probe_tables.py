import dataclasses

import numpy as np

from featkit.core.options import ProbeOptions
from featkit.core.run_key import RunKey
from featkit.reporting.probe_tables import by_target, is_plain, probe_descriptions, probe_metrics_table, probe_table
from featkit.results.by_run import ByRun
from featkit.results.estimate import Estimate


def probes(make, **variant):
    keys = [RunKey(m, "100X", variant={"target": "magnification", **variant}) for m in ("baseline", "grl")]
    return ByRun(zip(keys, (make.probe(), make.probe(value=0.3)), strict=True))


def test_probes_are_one_row_per_run_with_all_metrics_on_request(make):
    found = probes(make)
    table = probe_table(found)
    assert [row[0] for row in table.rows] == ["baseline", "grl"]
    assert table.columns[1:3] == ("Bal. acc.", "chance (Bal. acc.)")
    key, result = next(iter(found.items()))
    full = probe_metrics_table(key, result)
    assert len(full.rows) == len(result.metrics)
    assert full.caption.startswith("baseline, 100X, target magnification: magnification")


def test_metrics_of_single_domains_are_named_in_words(make):
    result = make.probe("patient")
    result = dataclasses.replace(result, metrics={"top1": Estimate(0.3), "top1@H/E": Estimate(0.4)})
    assert [row[0] for row in probe_metrics_table(RunKey("grl"), result).rows] == [
        "Top-1 patient identification",
        "Top-1 patient identification (H/E)",
    ]
    assert probe_table(ByRun({RunKey("grl"): result})).columns[1:2] == ("Top-1",)


def test_the_smallest_p_value_is_a_bound(make):
    result = make.probe()
    n = len(result.null["balanced_accuracy"])
    least = dataclasses.replace(result, p_value={"balanced_accuracy": 1 / (1 + n)})
    assert "≤ 0.005" in probe_table(ByRun({RunKey("grl"): least})).rows[0]


def test_a_store_with_a_comma_in_its_name_is_plain_and_a_probe_within_a_label_is_not(make):
    assert is_plain(RunKey("uni", variant=tuple(ProbeOptions().variant("site").items())))
    assert not is_plain(RunKey("uni", variant=tuple(ProbeOptions(model="mlp").variant("site").items())))
    assert is_plain(RunKey("uni, large", variant={"target": "site"}))
    assert not is_plain(RunKey("uni", variant={"target": "site", "within": "label"}))
    both = ByRun([*probes(make).items(), (RunKey("grl", variant={"target": "site"}), make.probe("site"))])
    assert {target: len(own) for target, own in by_target(both).items()} == {"magnification": 2, "site": 1}


def test_a_design_is_told_once_and_patches_by_run(make):
    one = dataclasses.replace(make.probe(), design="magnification by ridge", patches="all")
    other = dataclasses.replace(one, patches="all but 100X")
    a, b = RunKey("a"), RunKey("b, c")
    assert probe_descriptions(ByRun({a: one, b: one})) == ("Magnification by ridge.", "Patches: all.")
    assert probe_descriptions(ByRun({a: one, b: other}))[-1] == "Patches: all (a); all but 100X (b, c)."
    assert np.isfinite(one.null["balanced_accuracy"]).all()
