"""Patient-cluster bootstrap of AUC, F1, Brier and ECE against a plain scikit-learn loop, at the size of BreaKHis.

    python tests/benchmarks/bootstrap.py [--draws 10000] [--loop-draws 100] [--json PATH]

Both sides run in this process on the same data and the same draws; processor seconds are given beside wall seconds
because they suffer less from what else the machine does. The loop is timed on ``--loop-draws`` draws (AUC, F1
and Brier only: scikit-learn has no ECE) and scaled up; the ratio is loop over engine. The largest difference of any
draw between the two is printed as well.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time

import numpy as np
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

from featkit.core.options import Resampling
from featkit.stats import Forecasts, draw_counts, metric_draws, patient_counts, prepare_metrics

METRICS = ("auc", "f1", "brier", "ece")


def data(n_patches: int, n_patients: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, probabilities and patients; 70 % of patients are of class 1, as in BreaKHis."""
    random = np.random.default_rng(seed)
    patient = np.sort(np.concatenate([np.arange(n_patients), random.integers(0, n_patients, n_patches - n_patients)]))
    y = (np.arange(n_patients) < round(0.7 * n_patients))[patient].astype(int)
    logit = 1.5 * (y - 0.5) + random.normal(size=n_patients)[patient] + random.normal(size=n_patches)
    return y, 1 / (1 + np.exp(-logit)), patient


def fixed(n_draws: int) -> Resampling:
    """Return draws within classes, as the loop draws."""
    return Resampling(n_draws=n_draws, design="case-control")


def engine(y: np.ndarray, p: np.ndarray, groups: object, n_draws: int, repeats: int = 5) -> tuple[float, float]:
    """Return wall and processor seconds (the mean of some repeats), preparation and drawing included."""
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        metric_draws(Forecasts(y, p, groups), METRICS, resampling=fixed(n_draws))
    return (time.perf_counter() - wall) / repeats, (time.process_time() - processor) / repeats


def loop(y: np.ndarray, p: np.ndarray, patient: np.ndarray, n_draws: int) -> tuple[float, float, dict[str, np.ndarray]]:
    """Return wall and processor seconds and values of a loop that gathers the rows of a draw and calls scikit-learn."""
    counts = draw_counts(patient, y, n_draws)
    rows_of = [np.flatnonzero(patient == i) for i in range(counts.shape[1])]
    found: dict[str, list[float]] = {"auc": [], "f1": [], "brier": []}
    wall, processor = time.perf_counter(), time.process_time()
    for drawn in counts:
        rows = np.concatenate([r for r, times in zip(rows_of, drawn) for _ in range(times)])
        found["auc"].append(roc_auc_score(y[rows], p[rows]))
        found["f1"].append(f1_score(y[rows], p[rows] >= 0.5))
        found["brier"].append(brier_score_loss(y[rows], p[rows]))
    seconds = time.perf_counter() - wall, time.process_time() - processor
    return *seconds, {name: np.array(values) for name, values in found.items()}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--loop-draws", type=int, default=100)
    parser.add_argument("--patches", type=int, default=7_909)
    parser.add_argument("--patients", type=int, default=82)
    parser.add_argument("--json", help="write the figures there")
    asked = parser.parse_args()
    y, p, patient = data(asked.patches, asked.patients)

    start = time.perf_counter()
    metric_draws(Forecasts(y, p, patient), METRICS, resampling=fixed(2))
    first_call = time.perf_counter() - start
    wall, processor = engine(y, p, patient, asked.draws)
    loop_wall, loop_processor, by_loop = loop(y, p, patient, asked.loop_draws)
    scale = asked.draws / asked.loop_draws
    ours = metric_draws(Forecasts(y, p, patient), METRICS, resampling=fixed(asked.loop_draws))
    worst = max(float(np.abs(ours[name] - by_loop[name]).max()) for name in by_loop)

    many = patient_counts("patches", strata=y)
    one_pass = prepare_metrics(Forecasts(y, p, "patches"), ["auc"], plan=many)
    one_pass.bootstrap(2)
    start = time.perf_counter()
    one_pass.bootstrap(asked.draws // 10)
    as_units = (time.perf_counter() - start) * 10

    report = {
        "patches": asked.patches,
        "patients": asked.patients,
        "draws": asked.draws,
        "engine_seconds": wall,
        "engine_processor_seconds": processor,
        "engine_first_call_seconds": first_call,
        "loop_seconds_scaled": loop_wall * scale,
        "loop_processor_seconds_scaled": loop_processor * scale,
        "loop_draws_timed": asked.loop_draws,
        "ratio": loop_wall * scale / wall,
        "ratio_of_processor_seconds": loop_processor * scale / processor,
        "largest_difference_of_a_draw": worst,
        "auc_only_every_patch_a_unit_seconds": as_units,
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "numpy": np.__version__,
    }
    print(f"{asked.draws} draws of {', '.join(METRICS)}; {asked.patches} patches, {asked.patients} patients")
    print("                        wall s   processor s")
    print(
        f"  featkit           {wall:12.3f} {processor:12.3f}   (first call, with what it compiles: {first_call:.2f} s)"
    )
    print(f"  scikit-learn loop {loop_wall * scale:12.1f} {loop_processor * scale:12.1f}   (three of the four metrics)")
    print(f"  ratio             {loop_wall * scale / wall:12.0f} {loop_processor * scale / processor:12.0f}")
    print(f"  largest difference  {worst:9.1e}")
    print(f"  AUC alone, {asked.patches} independent patches as units: {as_units:.2f} s (a tenth timed)")
    if asked.json:
        with open(asked.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
