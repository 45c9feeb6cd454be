"""Where a half of the patients should start from: its own last penalty, or the solution of all patients.

    python tests/benchmarks/warm_starts.py [--quick]

For three halves of the design of `sparse_solvers.py`, the objective at each start less the minimum, over the null
model's loss; medians over the penalties.
"""

from __future__ import annotations

import argparse
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from sparse_designs import embeddings  # noqa: E402

from featkit.core.options import PathOptions  # noqa: E402
from featkit.sparse import logistic_path  # noqa: E402
from featkit.sparse.solvers.design import as_patients  # noqa: E402
from featkit.sparse.subsamples import patient_subsamples, rows_of  # noqa: E402
from featkit.stats.labelled_rows import LabelledRows  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small shape")
    n, d = (600, 128) if parser.parse_args().quick else (5900, 2048)
    X, y, patient = embeddings(n, d)
    patients = as_patients(patient, y)
    whole = logistic_path(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=49, tolerance=1e-5, standardize=False))
    lambdas = whole.lambdas
    found: dict[str, list[float]] = {}
    for chosen in patient_subsamples(patients, "complementary_pairs", 2, 0)[:3]:
        rows = rows_of(patients, chosen)
        part, label = np.asfortranarray(X[rows]), y[rows]
        own = logistic_path(
            LabelledRows(part, label, "patches"), PathOptions(lambdas=lambdas, tolerance=1e-7, standardize=False)
        )
        dense = part.astype(np.float64)

        def objective(path, k, at, label=label, dense=dense):
            eta = dense @ path.coefficients(k) + path.intercepts[k]
            loss = np.logaddexp(0.0, np.where(label > 0, -eta, eta)).mean()
            return loss + lambdas[at] * np.abs(path.coefficients(k)).sum()

        for k in range(1, lambdas.size):
            best = objective(own, k, k)
            found.setdefault("its own last penalty", []).append((objective(own, k - 1, k) - best) / own.null_loss)
            found.setdefault("all patients, same penalty", []).append((objective(whole, k, k) - best) / own.null_loss)
    for start, excess in found.items():
        print(f"{start:28s} median excess {np.median(excess):.1e}, largest {np.max(excess):.1e}")


if __name__ == "__main__":
    main()
