import pytest

from featkit.core.run_key import RunKey
from featkit.reporting.sections_probe import probe_sections
from featkit.results.by_run import ByRun


@pytest.mark.parametrize("target", ["magnification", "patient", "site", "scanner"])
def test_each_column_has_its_section_in_its_words(make, target):
    key = RunKey("uni, large", variant={"target": target})
    (section,) = probe_sections(make.study(probes=ByRun({key: make.probe(target)})))
    assert section.title == f"Can the {target} be read from the embedding?"
    assert section.figures[0].caption.startswith(f"Probe of the {target}")
    assert section.tables[0].rows[0][0].startswith("uni, large")


def test_probes_of_several_columns_are_sections_of_their_own(make):
    keys = [RunKey(m, variant={"target": t}) for t in ("site", "patient") for m in ("a", "b")]
    probes = ByRun((key, make.probe(dict(key.variant)["target"])) for key in keys)
    found = list(probe_sections(make.study(probes=probes)))
    assert [len(section.tables[0].rows) for section in found] == [2, 2]
    assert [row[0] for row in found[0].tables[0].rows] == ["a", "b"]
