"""``featkit demo``: the whole story on generated tissue."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from featkit.core.errors import InputError
from featkit.core.progress import note
from featkit.core.workspace import CONFIG_NAME

_CONFIG = """\
# The featkit demo: generated tissue with a known truth (data/truth.json).

[data]
path = "data/manifest.csv"
adapter = "table"

[split]
folds = {folds}
test_fraction = 0.35
val_fraction = 0.15
seed = {seed}

[encoder]
name = "tiny"

[train]
methods = ["baseline", "grl"]
seeds = [{seed}]
epochs = {epochs}
batch_size = 32

[evaluate]
n_draws = 1000

[probe]
n_permutations = 100
"""


def demo(
    folder: str | Path = "featkit-demo",
    *,
    seed: int = 0,
    patients: int = 36,
    patches: int = 8,
    epochs: int = 8,
    fold: Sequence[str] | None = None,
    force: bool = False,
) -> Path:
    """Run the whole story on generated tissue: no data, no network, no GPU.

    Virtual patients are drawn and photographed, baseline and gradient reversal are trained with a magnification held
    out, embeddings are extracted, and signatures, calibration and probes are computed and told in a report, next to
    what was planted. The folder is a workspace afterwards. An interrupted demo goes on where it was.

    Parameters
    ----------
    folder : path
        Folder to make.
    seed : int
        Of the tissue, the splits and the training.
    patients, patches : int
        Virtual patients, and patches of each at each magnification.
    epochs : int
        Passes over the training patches.
    fold : sequence of str, optional
        Magnifications to hold out (default 100X and 200X).
    force : bool
        Empty the folder first if it holds another demo.

    Returns
    -------
    Path
        The report.
    """
    from featkit import workflows
    from featkit.tissue import generate_cohort

    root = Path(folder).resolve()
    config = _CONFIG.format(folds=json.dumps(list(fold or ("100X", "200X"))), seed=seed, epochs=epochs)
    asked = {"seed": seed, "patients": patients, "patches": patches}
    _claim(root, config, asked, force)
    if not (root / "data" / "truth.json").is_file():
        shutil.rmtree(root / "data", ignore_errors=True)
        note(f"Generating tissue of {patients} virtual patients")
        generate_cohort(root / "data", n_patients=patients, patches_per_magnification=patches, seed=seed)
    with contextlib.chdir(root):
        workflows.split()
        workflows.train()
        workflows.extract()
        workflows.signatures(figures=False)
        workflows.evaluate(figures=False)
        for model in ("head", "signature"):
            workflows.compare("grl", "baseline", model=model, figures=False)
        workflows.probe("magnification")
        workflows.probe("patient")
        return workflows.report(title="featkit demo: generated tissue")


def _claim(root: Path, config: str, asked: dict[str, int], force: bool) -> None:
    """Make the folder this demo's, or refuse one that holds something else."""
    mark = root / "demo.json"
    if root.exists() and any(root.iterdir()):
        same = (
            mark.is_file()
            and json.loads(mark.read_text()) == asked
            and (root / CONFIG_NAME).is_file()
            and (root / CONFIG_NAME).read_text() == config
        )
        if same:
            return
        if not mark.is_file():
            raise InputError("the demo must have a folder of its own", f"{root} with other files", "Name another one")
        if not force:
            raise InputError(
                "the folder must hold no other demo", f"one with other settings in {root}", "Use --force to replace it"
            )
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(asked))
    (root / CONFIG_NAME).write_text(config)
