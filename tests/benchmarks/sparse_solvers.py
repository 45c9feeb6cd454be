"""Speed of the sparse engine against the solvers a user would pick, at equal objective, in one run.

    python tests/benchmarks/sparse_solvers.py [--quick] [--json out.json] [--parts path,stability,several,growth,real]
                                              [--figure growth.svg]

The parts: one path, stability selection, several classes, growth in n and d, and one path on the real table.

Every solver gets the same float32 design and the same penalties, in the memory order it likes best, on one thread, and
runs once on a small piece beforehand, so that nothing is compiled inside a timing. Each is timed at the loosest of its
tolerances that brings its objective within 1e-4, relative, of the best at every penalty; the best is known from
featkit's own solution at a certified gap of 1e-7. Fast solvers are timed in turn, several rounds, and the smallest time
counts: processor time, so that other work on the machine disturbs less. Slow ones are timed on some of the penalties or
subsamples and multiplied up; the table says so. Peers that are not installed are left out with a line. They need an
environment of their own (adelie 1.1 pins an old numpy and has no wheels after Python 3.12):

    pip install scikit-learn skglm celer adelie numba polars matplotlib, and this repository on PYTHONPATH
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from sparse_designs import embeddings, tumour_types  # noqa: E402
from sparse_growth import draw_growth, growth  # noqa: E402

from featkit.core.options import ComputeOptions, PathOptions, StabilityOptions  # noqa: E402
from featkit.sparse import logistic_path, multinomial_path, stability_selection  # noqa: E402
from featkit.sparse.solvers.design import as_patients  # noqa: E402
from featkit.sparse.subsamples import patient_subsamples, rows_of  # noqa: E402
from featkit.stats.labelled_rows import LabelledRows  # noqa: E402

EQUAL = 1e-4
_CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
Fit = tuple[np.ndarray, np.ndarray]  # coefficients (n_lambdas, d), intercepts (n_lambdas,)


def objectives(X: np.ndarray, y: np.ndarray, lambdas: np.ndarray, fit: Fit) -> np.ndarray:
    """Return the penalised mean loss at every penalty, in float64."""
    coefficients, intercepts = fit
    eta = np.asarray(X, np.float64) @ np.asarray(coefficients, np.float64).T + np.asarray(intercepts, np.float64)
    losses = np.logaddexp(0.0, np.where(y[:, None] > 0, -eta, eta)).mean(axis=0)
    return losses + lambdas * np.abs(coefficients).sum(axis=1)


def fit_featkit(X, y, lambdas, tolerance, fit_intercept=True) -> Fit:
    path = logistic_path(
        LabelledRows(X, y, "patches"),
        PathOptions(lambdas=lambdas, tolerance=tolerance, fit_intercept=fit_intercept, standardize=False),
    )
    return np.array([path.coefficients(k) for k in range(lambdas.size)]), path.intercepts


def fit_adelie(X, y, lambdas, tolerance, most=None) -> Fit:
    import logging

    import adelie

    logging.disable(logging.ERROR)  # it reports an early stop that was asked for as an error
    dtype = X.dtype.type
    options = {} if most is None else {"max_active_size": most}
    state = adelie.grpnet(
        X=adelie.matrix.dense(X, method="naive", n_threads=1),
        glm=adelie.glm.binomial(y.astype(dtype), dtype=dtype),
        lmda_path=lambdas.astype(dtype),
        early_exit=False,
        tol=tolerance,
        irls_tol=tolerance,
        progress_bar=False,
        n_threads=1,
        adev_tol=1.0,
        ddev_tol=0.0,
        **options,
    )
    return np.asarray(state.betas.todense()), np.asarray(state.intercepts)


def fit_skglm(X, y, lambdas, tolerance) -> Fit:
    from skglm import SparseLogisticRegression

    model = SparseLogisticRegression(tol=tolerance, warm_start=True, max_iter=200, max_epochs=100_000)
    coefficients, intercepts = [], []
    for lambda_ in lambdas:
        model.alpha = float(lambda_)
        model.fit(X, y)
        coefficients.append(model.coef_.ravel().copy())
        intercepts.append(float(np.ravel(model.intercept_)[0]))
    return np.array(coefficients), np.array(intercepts)


def fit_celer(X, y, lambdas, tolerance) -> Fit:
    from celer import celer_path

    _, coefficients, _ = celer_path(
        X, 2.0 * y - 1.0, pb="logreg", alphas=lambdas * y.size, tol=tolerance, prune=True, max_iter=100
    )
    return coefficients.T, np.zeros(lambdas.size)


def fit_scikit(solver: str, **options) -> Callable[..., Fit]:
    def fit(X, y, lambdas, tolerance) -> Fit:
        from sklearn.linear_model import LogisticRegression

        coefficients, intercepts = [], []
        for lambda_ in lambdas:
            model = LogisticRegression(
                C=1.0 / (lambda_ * y.size), l1_ratio=1.0, solver=solver, tol=tolerance, **options
            ).fit(X, y)
            coefficients.append(model.coef_.ravel())
            intercepts.append(float(model.intercept_[0]))
        return np.array(coefficients), np.array(intercepts)

    return fit


class Solver:
    """A solver, the tolerances to try from loose to tight, and how much of the work it is timed on."""

    def __init__(self, fit, ladder, *, module=None, dtype=np.float32, order="F", every=1, intercept=True):
        self.fit, self.ladder, self.module, self.dtype, self.order = fit, ladder, module, dtype, order
        self.every, self.intercept = every, intercept

    @property
    def is_here(self) -> bool:
        return self.module is None or importlib.util.find_spec(self.module) is not None


def solvers() -> dict[str, Solver]:
    f64 = np.float64
    fine = (5e-2, 3e-2, 2e-2, 1e-2, 7e-3, 5e-3, 3e-3, 2e-3, 1e-3, 7e-4, 5e-4, 3e-4, 2e-4, 1e-4, 5e-5, 1e-5)
    return {
        "featkit": Solver(fit_featkit, fine),
        "featkit, no intercept": Solver(lambda *a: fit_featkit(*a, fit_intercept=False), fine, intercept=False),
        "adelie float32": Solver(fit_adelie, tuple(1e-2 * t for t in fine), module="adelie"),
        "adelie float64": Solver(fit_adelie, tuple(1e-2 * t for t in fine), module="adelie", dtype=f64),
        "skglm": Solver(fit_skglm, (1e-3, 1e-4, 1e-5), module="skglm", every=6),
        "celer, no intercept": Solver(fit_celer, (1e-1, 1e-2, 1e-3, 1e-4), module="celer", intercept=False, every=12),
        "liblinear": Solver(
            fit_scikit("liblinear", max_iter=1000, intercept_scaling=30.0), (1e-2, 1e-3, 1e-4),
            module="sklearn", dtype=f64, order="C", every=12,
        ),
        "saga": Solver(
            fit_scikit("saga", max_iter=300), (1e-1, 1e-2, 1e-3, 1e-4), module="sklearn", order="C", every=24
        ),
    }  # fmt: skip


def timed(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> tuple[float, object]:
    """Return processor seconds, which on one thread are those of a quiet machine, and what the work returned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = clock()
        out = work()
        return clock() - start, out


def compare_paths(X, y, lambdas, chosen: list[str], rounds: int) -> dict[str, dict[str, object]]:
    """Time one path of each solver at equal objective; see the head of the file."""
    best = {
        True: objectives(X, y, lambdas, fit_featkit(X, y, lambdas, 1e-7)),
        False: objectives(X, y, lambdas, fit_featkit(X, y, lambdas, 1e-7, fit_intercept=False)),
    }
    table: dict[str, dict[str, object]] = {}
    ready = {}
    for name, solver in solvers().items():
        if name not in chosen:
            continue
        if not solver.is_here:
            print(f"{name}: not installed, left out")
            continue
        data = np.array(X, dtype=solver.dtype, order=solver.order)
        small = np.array(data[:60, :16], order=solver.order)
        timed(lambda s=solver, d=small: s.fit(d, np.arange(60) % 2, np.array([0.05, 0.02]), 1e-3))
        # a slow solver sees evenly spaced penalties, warm starts between neighbours kept where it has them
        some = np.arange(solver.every // 2, lambdas.size, solver.every)
        for tolerance in solver.ladder:
            seconds, fit = timed(lambda s=solver, d=data, k=some, t=tolerance: s.fit(d, y, lambdas[k], t))
            if len(fit[1]) < some.size:
                worst = np.inf
                continue
            goal = best[solver.intercept][some]
            worst = float(np.max((objectives(X, y, lambdas[some], fit) - goal) / goal))
            if worst <= EQUAL:
                break
        ready[name] = (solver, data, some, tolerance)
        table[name] = {
            "seconds": seconds * lambdas.size / some.size,
            "tolerance": tolerance,
            "worst_relative_excess": worst,
            "is_equal": bool(worst <= EQUAL),
            "penalties_timed": int(some.size),
            "is_extrapolated": bool(some.size < lambdas.size),
        }
        print(f"  {name}: {table[name]['seconds']:.3f} s, excess {worst:.1e}, tolerance {tolerance:g}", flush=True)
    for _ in range(rounds):
        for name, (solver, data, some, tolerance) in ready.items():
            if float(table[name]["seconds"]) * some.size / lambdas.size > 20.0:
                continue
            seconds, _ = timed(lambda s=solver, d=data, k=some, t=tolerance: s.fit(d, y, lambdas[k], t))
            table[name]["seconds"] = min(table[name]["seconds"], seconds * lambdas.size / some.size)
    for name, row in table.items():
        reference = "featkit, no intercept" if not solvers()[name].intercept else "featkit"
        row["ratio"] = float(row["seconds"]) / float(table[reference]["seconds"])
        note = "" if row["is_equal"] else f" (reached only {row['worst_relative_excess']:.1e})"
        print(f"{name:24s} {row['seconds']:9.3f} s  {row['ratio']:7.2f} x{note}", flush=True)
    return table


def loosest(name: str, X, y, lambdas, halves, q: int | None) -> float:
    """Return the loosest tolerance at which a solver is within 1e-4 of the best on every half, as far as it goes."""
    solver = solvers()[name]
    worst = dict.fromkeys(solver.ladder, 0.0)
    for half in halves:
        X_half, y_half = np.asfortranarray(X[half]), y[half]
        best = objectives(X_half, y_half, lambdas, fit_featkit(X_half, y_half, lambdas, 1e-7))
        for tolerance in [t for t, excess in worst.items() if excess <= EQUAL]:
            fit = solver.fit(X_half, y_half, lambdas, tolerance)
            if q is not None:  # those penalties that a path stopped after q entrants sees
                size = (fit[0] != 0).sum(axis=1)
                reach = int(np.argmax(size >= q)) + 1 if (size >= q).any() else lambdas.size
            else:
                reach = lambdas.size
            if len(fit[1]) < reach:
                worst[tolerance] = np.inf
                continue
            short = (fit[0][:reach], fit[1][:reach])
            excess = (objectives(X_half, y_half, lambdas[:reach], short) - best[:reach]) / best[:reach]
            worst[tolerance] = max(worst[tolerance], float(excess.max()))
    fits = [tolerance for tolerance, excess in worst.items() if excess <= EQUAL]
    print(f"  {name}: tolerance {fits[0]:g}, excess on {len(halves)} halves {worst[fits[0]]:.1e}", flush=True)
    return fits[0]


def compare_stability(X, y, patient, lambdas, paths, n_pairs: int, peers: int, q: int | None) -> dict[str, object]:
    """Time stability selection: featkit whole, each peer in its own loop over a few halves, multiplied up."""
    rows = [rows_of(as_patients(patient, y), h) for h in patient_subsamples(as_patients(patient, y), *_halves(n_pairs))]
    few = rows[:: max(1, len(rows) // peers)][:peers]
    tolerances = {name: loosest(name, X, y, lambdas, few, q) for name in ("featkit", "adelie float32") if name in paths}
    tolerance = tolerances["featkit"]
    control = {"threshold": 0.75} if q is None else {"threshold": 0.75, "q": q}

    def ours(n_jobs: int) -> float:
        return timed(
            lambda: stability_selection(
                LabelledRows(X, y, patient),
                PathOptions(lambdas=lambdas, standardize=False, tolerance=tolerance),
                StabilityOptions(n_pairs=n_pairs, bound="worst_case", **control),
                compute=ComputeOptions(n_jobs=n_jobs),
            ),
            time.process_time if n_jobs == 1 else time.perf_counter,
        )[0]

    def loop(name: str, halves: list[np.ndarray], rounds: int) -> float:
        solver = solvers()[name]
        data = np.array(X, dtype=solver.dtype, order=solver.order)
        options = {"most": q} if q is not None else {}
        some = np.arange(solver.every // 2, lambdas.size, solver.every)
        least, goal = 0.0, tolerances.get(name, float(paths[name]["tolerance"]))
        for half in halves:

            def one(half=half, goal=goal) -> None:
                solver.fit(np.array(data[half], order=solver.order), y[half], lambdas[some], goal, **options)

            least += min(timed(one)[0] for _ in range(rounds))
        return least * len(rows) / len(halves) * lambdas.size / some.size

    table: dict[str, object] = {"tolerances": tolerances}

    def least(name: str, seconds: float) -> None:
        table[name] = min(seconds, float(table.get(name, np.inf)))
        print(f"  {name:32s} {seconds:9.3f} s", flush=True)

    for _ in range(3):
        least("featkit, 1 thread", ours(1))
    if "adelie float32" in paths:
        least("adelie float32", loop("adelie float32", few, 3))
    if _CORES is not None:
        os.sched_setaffinity(0, _CORES)  # importing adelie pins the process to one core
    least("featkit, 2 threads, elapsed", ours(2))
    if "liblinear" in paths and q is None:
        least("liblinear", loop("liblinear", rows[:1], 1))
    table["halves timed"] = {"adelie float32": len(few), "liblinear": 1}
    for name in ("adelie float32", "liblinear"):
        if name in table:
            table[f"{name}, ratio"] = ratio = float(table[name]) / float(table["featkit, 1 thread"])
            print(f"{name:32s} {ratio:9.2f} x", flush=True)
    return table


def _halves(n_pairs: int) -> tuple[str, int, int]:
    return "complementary_pairs", n_pairs, 0


def compare_several(quick: bool, rounds: int) -> dict[str, dict[str, float]]:
    """Time the grouped multinomial path of eight classes against adelie's, at equal objective."""
    X, y = tumour_types(*((600, 128) if quick else (5900, 2048)))
    d, K = X.shape[1], 8
    exact = multinomial_path(
        LabelledRows(X, y, "patches"), PathOptions(n_lambdas=49, tolerance=1e-6, standardize=False)
    )
    lambdas = exact.lambdas

    def objective(fit: list[Fit]) -> np.ndarray:
        found = []
        for lambda_, (B, intercepts) in zip(lambdas, fit):
            eta = X.astype(np.float64) @ B + intercepts
            top = eta.max(axis=1)
            loss = top + np.log(np.exp(eta - top[:, None]).sum(axis=1)) - eta[np.arange(y.size), y]
            found.append(loss.mean() + lambda_ * np.linalg.norm(B, axis=1).sum())
        return np.array(found)

    def ours(tolerance: float) -> list[Fit]:
        path = multinomial_path(
            LabelledRows(X, y, "patches"), PathOptions(lambdas=lambdas, tolerance=tolerance, standardize=False)
        )
        return [(path.coefficients(k), path.intercepts[k]) for k in range(lambdas.size)]

    def adelie(tolerance: float) -> list[Fit]:
        import adelie

        state = adelie.grpnet(
            X=wide, glm=adelie.glm.multinomial(np.eye(K)[y]), lmda_path=lambdas / K**1.5, early_exit=False,
            tol=tolerance, irls_tol=tolerance, progress_bar=False, n_threads=1, adev_tol=1.0, ddev_tol=0.0,
        )  # fmt: skip
        return [(np.asarray(b.todense()).reshape(d, K), i) for b, i in zip(state.betas, state.intercepts)]

    wide = np.asfortranarray(X, dtype=np.float64)  # in float32 adelie's multinomial stops with an error
    best = objective([(exact.coefficients(k), exact.intercepts[k]) for k in range(lambdas.size)])
    table: dict[str, dict[str, float]] = {}
    jobs = {"featkit": (ours, (3e-3, 1e-3, 3e-4)), "adelie float64": (adelie, (1e-5, 1e-6, 3e-7, 1e-7))}
    for name, (fit, ladder) in jobs.items():
        if name != "featkit" and importlib.util.find_spec("adelie") is None:
            print(f"{name}: not installed, left out")
            continue
        for tolerance in ladder:
            seconds, found = timed(lambda f=fit, t=tolerance: f(t))
            excess = float(np.max((objective(found) - best) / best)) if len(found) == lambdas.size else np.inf
            if excess <= EQUAL:
                break
        for _ in range(rounds if seconds < 5.0 else 0):
            seconds = min(seconds, timed(lambda f=fit, t=tolerance: f(t))[0])
        table[name] = {"seconds": seconds, "tolerance": tolerance, "worst_relative_excess": excess}
        table[name]["ratio"] = seconds / table["featkit"]["seconds"]
        print(f"{name:24s} {seconds:9.3f} s  {table[name]['ratio']:7.2f} x  excess {excess:.1e}", flush=True)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small shapes: a check that everything runs")
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--parts", default="path,stability,several,growth,real")
    parser.add_argument("--solvers", default=",".join(solvers()).replace(", ", "; "), help="separated by commas")
    parser.add_argument("--figure", type=Path, help="where to draw the growth (SVG)")
    options = parser.parse_args()
    parts = options.parts.split(",")
    chosen = [name.strip().replace("; ", ", ") for name in options.solvers.split(",")]
    n, d = (600, 128) if options.quick else (5900, 2048)
    out: dict[str, object] = {"machine": {"processor": platform.processor(), "cores": os.cpu_count()}, "n": n, "d": d}
    if "path" in parts or "stability" in parts:
        X, y, patient = embeddings(n, d)
        warm = logistic_path(LabelledRows(X[:, :64], y, "patches"), PathOptions(n_lambdas=5, standardize=False))
        assert warm.is_converged.all()
        lambdas = logistic_path(
            LabelledRows(X, y, "patches"), PathOptions(n_lambdas=49, tolerance=0.5, standardize=False)
        ).lambdas
        print(f"one path, 49 penalties to 0.01 of the largest, n={n} d={d}")
        out["path"] = paths = compare_paths(X, y, lambdas, chosen, 1 if options.quick else 5)
        if "stability" in parts:
            n_pairs, peers = (5, 2) if options.quick else (50, 6)
            for q in (None, 50 if not options.quick else 10):
                print(f"stability selection, {n_pairs} complementary pairs, " + (f"q = {q}" if q else "whole path"))
                out[f"stability q={q}"] = compare_stability(X, y, patient, lambdas, paths, n_pairs, peers, q)
    if "several" in parts:
        print("grouped multinomial, 8 classes, 49 penalties")
        out["several"] = compare_several(options.quick, 0 if options.quick else 3)
    if "real" in parts and "FEATKIT_TEST_DATA" in os.environ:
        file = Path(os.environ["FEATKIT_TEST_DATA"]) / "breakhis" / "features_40x.npz"
        with np.load(file, allow_pickle=False) as data:
            X = data["X"].astype(np.float64)
            y = np.array([str(name).split("_")[1] == "M" for name in data["filename"]], np.int64)
        X = np.asfortranarray((X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-12), dtype=np.float32)
        lambdas = logistic_path(
            LabelledRows(X, y, "patches"), PathOptions(n_lambdas=49, tolerance=0.5, standardize=False)
        ).lambdas
        print(f"the real 40X table, n={X.shape[0]} d={X.shape[1]}")
        out["real"] = compare_paths(X, y, lambdas, chosen, 1 if options.quick else 5)
    if "growth" in parts:
        out["growth"] = growth(options.quick)
        if options.figure:
            draw_growth(out["growth"], options.figure)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
