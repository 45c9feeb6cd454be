import csv
import os
from pathlib import Path

import polars as pl
import pytest


@pytest.fixture(scope="session")
def real_data():
    """The folder of real data, or a skip with the reason."""
    folder = os.environ.get("FEATKIT_TEST_DATA")
    if not folder:
        pytest.skip("FEATKIT_TEST_DATA does not name the folder of real data")
    return Path(folder)


@pytest.fixture(scope="session")
def real_names(real_data):
    """All official BreaKHis file names."""
    with (real_data / "breakhis" / "files.csv").open(newline="") as file:
        return [row["filename"] for row in csv.DictReader(file)]


@pytest.fixture
def table():
    """Return a function that builds a table of patients, each with patches in every domain."""

    def build(labels, domains=("40X", "100X", "200X"), n_patches=2, **columns):
        rows = [
            {
                "patch_id": f"{patient}-{domain}-{k}",
                "path": f"/nowhere/{patient}-{domain}-{k}.png",
                "label": label,
                "patient": patient,
                "magnification": domain,
                "mpp": None,
            }
            for patient, label in labels.items()
            for domain in domains
            for k in range(n_patches)
        ]
        return pl.DataFrame(rows, schema_overrides={"mpp": pl.Float64}).with_columns(**columns)

    return build
