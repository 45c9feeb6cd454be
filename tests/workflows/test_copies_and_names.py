"""What a reader must know of single dimensions: their names, their copies, and whether they can be compared."""

import numpy as np
import pytest

from featkit import workflows
from featkit.core.options import PathOptions, SignatureOptions, StabilityOptions, StoreOptions
from featkit.core.run_key import RunFilter, RunKey
from featkit.results import CopiedDimensions, load_result
from featkit.store import write_store
from featkit.workflows.steps.sources import find_sources

PLAIN = SignatureOptions(path=PathOptions(n_lambdas=20), stability=StabilityOptions(n_pairs=0), dense=False)


def fit(store=None, fold="100X", **chosen):
    return workflows.signatures(store, runs=RunFilter(fold=fold), options=PLAIN.with_given(**chosen))


def test_copies_of_selected_dimensions_are_counted_and_named(make_store, planted):
    X = planted[0].copy()
    X[:, 30] = 2 - 5 * X[:, 3]
    X[:, 31] = X[:, 0] + 0.05 * np.random.default_rng(0).normal(size=len(X))
    found = fit(make_store(X=X), fold=("100X", "200X"))
    copies = found.copies.one(fold="100X")
    assert [group.tolist() for group in copies.groups()] == [[0, 31], [3, 30]]
    assert (copies.n_exact, copies.n_near, copies.n_dead) == (2, 2, 1)
    said = " ".join(found.notes)
    assert "2 of 40 dimensions have an exact copy and 2 a near one" in said
    assert "d3 = d30" in said or "d30 = d3" in said
    assert said.count("size and overlap are then not unique") == 1
    support = found.signatures.one(fold="100X").support
    expected = np.isin(support, [0, 3, 30, 31]).sum()
    assert found.frame()["n_with_copies"][0] == expected >= 1


def test_nothing_is_said_of_copies_where_there_are_none(make_store, monkeypatch):
    import featkit.sparse

    store = make_store()
    found = fit(store)
    assert not any("cop" in note for note in found.notes)
    assert found.copies.one().dimension.size == 0
    monkeypatch.setattr(featkit.sparse, "find_copies", lambda *_, **__: pytest.fail("counted again"), raising=False)
    assert fit(store).to_dict() == found.to_dict()
    (kept,) = find_sources(store)[0].results.every(CopiedDimensions)
    assert kept == RunKey("planted", "100X", 0)


def test_names_of_dimensions_are_carried_to_the_tables(planted, tmp_path):
    names = [f"feature {j}" for j in range(40)]
    store = write_store(
        tmp_path / "named.zarr", planted[0], planted[1], {"encoder": "made"}, options=StoreOptions(dimensions=names)
    )
    signature = fit(store).signatures.one()
    frame = signature.frame()
    assert frame["name"].to_list() == [names[j] for j in frame["dimension"]]
    assert {"feature 3", "feature 11", "feature 27"} <= set(frame["name"])
    saved = load_result(find_sources(store)[0].results.root / "signatures.json").signatures.one()
    assert saved.dimension_names == tuple(names)


def test_dimensions_without_names_have_numbers(make_store):
    signature = fit(make_store()).signatures.one()
    assert signature.dimension_names == ()
    assert "d3" in signature.frame()["name"].to_list()


@pytest.fixture
def other_encoder(planted, workspace_of):
    """A workspace of two methods, the second of another encoder."""
    root = workspace_of({("baseline", 0): planted[0]})
    write_store(
        root / "runs" / "grl" / "100X" / "seed0" / "embeddings.zarr",
        planted[0] + np.float32(0.1),
        planted[1],
        {"encoder": "another", "weights_sha256": "1", "method": "grl", "fold": "100X", "seed": 0},
    )


def test_dimensions_of_other_encoders_are_compared_only_where_that_is_allowed(other_encoder):
    refused = fit()
    assert len(refused.overlaps) == 0
    assert any("the stores differ in the encoder. --allow-mismatch" in note for note in refused.notes)
    allowed = fit(allow_mismatch=True)
    assert list(allowed.overlaps) == [RunKey()]
    assert allowed.overlaps.one().notes[0] == "Dimensions are compared although the stores differ in the encoder"
    assert not any("allow-mismatch" in note for note in allowed.notes)


def test_trainings_of_one_study_are_compared_by_design(planted, workspace_of):
    workspace_of({("baseline", 0): planted[0], ("grl", 0): planted[0] + np.float32(0.1)})
    found = fit()
    assert list(found.overlaps) == [RunKey()]
    assert not any("differ" in note for note in found.overlaps.one().notes)
    assert any("trained separately" in note for note in found.notes)


def test_an_empty_signature_is_a_state_and_no_number_to_average(make_store):
    from featkit.core.options import PenaltyOptions

    found = fit(make_store(), fold=("100X", "200X"), penalty=PenaltyOptions(rule="lambda", value=10.0))
    frame = found.frame()
    assert frame["state"].to_list() == ["nothing selected"] * 2
    assert "nothing selected in 2 of 2" in found.summary()
    assert fit(make_store("other")).frame()["state"].to_list() == ["selected"]
