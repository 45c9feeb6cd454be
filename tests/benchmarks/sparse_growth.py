"""How the time of one path grows with patches and with dimensions."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
from sparse_designs import embeddings

from featkit.core.options import PathOptions
from featkit.sparse import logistic_path
from featkit.stats.labelled_rows import LabelledRows


def growth(quick: bool) -> dict[str, list[dict[str, float]]]:
    """Time featkit's path over n and over d."""
    table: dict[str, list[dict[str, float]]] = {"n": [], "d": []}
    sizes = [(n, 512) for n in ((1000, 3000) if quick else (1000, 3000, 10_000, 30_000, 100_000))]
    widths = [(5900, d) for d in ((256, 512) if quick else (256, 512, 1024, 2048, 4096))]
    for axis, shapes in (("n", sizes), ("d", widths)):
        for n, d in shapes:
            X, y, _ = embeddings(n, d)
            runs = [_timed(X, y) for _ in range(3)]
            seconds, path = min(runs, key=lambda run: run[0])
            table[axis].append({"n": n, "d": d, "seconds": seconds, "size": int(path.sizes[-1])})
            print(f"n {n:7d}  d {d:5d}  {seconds:8.3f} s  {path.sizes[-1]} dimensions at the end", flush=True)
        logs = np.log([[row[axis], row["seconds"]] for row in table[axis]])
        exponent = float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])
        print(f"time grows as {axis} to the power {exponent:.2f}")
        table[f"{axis}_exponent"] = exponent
    return table


def draw_growth(table, file: Path) -> None:
    """Draw the growth in n and d as an SVG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True, layout="constrained")
    for ax, axis, label in zip(axes, "nd", ("patches n (d = 512)", "dimensions d (n = 5,900)")):
        x, seconds = ([row[key] for row in table[axis]] for key in (axis, "seconds"))
        ax.loglog(x, seconds, "o-", color="#0072B2", label="measured")
        ax.loglog(x, seconds[0] * np.array(x) / x[0], "--", color="#999999", label="linear")
        ax.set_xticks(x, [f"{value:,}" for value in x])
        ax.minorticks_off()
        ax.set_xlabel(label)
        ax.set_title(f"power {table[f'{axis}_exponent']:.2f}", fontsize=10)
    axes[0].set_ylabel("seconds, 49 penalties, one thread")
    axes[0].legend(frameon=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    file.with_suffix(".json").write_text(json.dumps(table, indent=1) + "\n")


def _timed(X: np.ndarray, y: np.ndarray):
    start = time.process_time()
    path = logistic_path(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=49, tolerance=1e-4, standardize=False))
    return time.process_time() - start, path
