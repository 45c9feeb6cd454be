"""``featkit demo``: the full pipeline on synthetic tissue."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from featkit.core.errors import InputError, did_you_mean
from featkit.core.files import read_json, write_json, write_text
from featkit.core.magnification import BREAKHIS_MAGNIFICATIONS
from featkit.core.options import CompareOptions, TrainOptions
from featkit.core.progress import note
from featkit.core.seeds import check_seeds
from featkit.core.workspace import CONFIG_NAME

_MODELS: tuple[Literal["head", "signature"], ...] = ("head", "signature")
_CONFIG = """\
# The featkit demo: synthetic tissue with a known truth (data/truth.json).

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
n_epochs = {n_epochs}
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
    n_patients: int = 36,
    n_patches: int = 8,
    n_epochs: int = 8,
    folds: Sequence[str] = ("100X", "200X"),
    force: bool = False,
) -> Path:
    """Run the full pipeline on synthetic tissue and write a report: no data, no network, no GPU.

    Virtual patients are drawn and photographed, baseline and gradient reversal are trained with one magnification held
    out at a time, embeddings are extracted, and signatures, calibration and probes are computed and reported next to
    what was planted. The folder is a workspace afterwards. An interrupted demo goes on where it was.

    Parameters
    ----------
    folder : path
        Folder to make.
    seed : int
        Of the tissue, the splits and the training.
    n_patients, n_patches : int
        Virtual patients, 2 or more, and patches per patient and magnification, 1 or more.
    n_epochs : int
        Passes over the training patches, 1 or more.
    folds : sequence of str
        Magnifications to hold out: 40X, 100X, 200X, 400X.
    force : bool
        Empty the folder first if it holds another demo.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    InputError
        If a value is out of range, or the folder holds something else.

    Examples
    --------
    >>> featkit.demo("small", n_patients=24, n_epochs=4)  # doctest: +SKIP
    """
    from featkit import workflows
    from featkit.tissue import generate_cohort

    root = Path(folder).resolve()
    _check(seed, n_patients, n_patches, folds)
    TrainOptions(n_epochs=n_epochs)
    config = _CONFIG.format(folds=json.dumps(list(folds)), seed=seed, n_epochs=n_epochs)
    asked = {"seed": seed, "n_patients": n_patients, "n_patches": n_patches}
    _claim(root, config, asked, force)
    if not (root / "data" / "truth.json").is_file():
        shutil.rmtree(root / "data", ignore_errors=True)
        note(f"Generating tissue of {n_patients} virtual patients")
        generate_cohort(root / "data", n_patients=n_patients, patches_per_magnification=n_patches, seed=seed)
    with contextlib.chdir(root):
        workflows.split()
        workflows.train()
        workflows.extract()
        workflows.signatures()
        workflows.evaluate()
        for model in _MODELS:
            workflows.compare("grl", "baseline", options=CompareOptions(model=model))
        workflows.probe("magnification")
        workflows.probe("patient")
        return workflows.report(title="featkit demo: synthetic tissue")


def _check(seed: int, n_patients: int, n_patches: int, folds: Sequence[str]) -> None:
    """Refuse values out of range before anything is generated."""
    check_seeds((seed,))
    if n_patients < 2:
        raise InputError("n_patients must be at least 2, one of each class", n_patients, "Use 36")
    if n_patches < 1:
        raise InputError("n_patches must be at least 1", n_patches, "Use 8")
    if not folds:
        raise InputError("at least one magnification must be held out", "none", "Use 100X and 200X")
    for fold in folds:
        if fold not in BREAKHIS_MAGNIFICATIONS:
            fix = did_you_mean(fold, BREAKHIS_MAGNIFICATIONS)
            raise InputError("a fold of the demo must be one of its magnifications", repr(fold), fix)


def _claim(root: Path, config: str, asked: dict[str, int], force: bool) -> None:
    """Make the folder this demo's, or refuse one that holds something else."""
    mark = root / "demo.json"
    if root.exists() and any(root.iterdir()):
        same = (
            mark.is_file()
            and read_json(mark, "record of the demo") == asked
            and (root / CONFIG_NAME).is_file()
            and (root / CONFIG_NAME).read_text() == config
        )
        if same:
            return
        if not mark.is_file():
            raise InputError("the demo must have a folder of its own", f"{root} with other files", "Name another one")
        if not force:
            raise InputError(
                "the folder must hold no other demo",
                f"one with other settings in {root}",
                "Name another folder, or use --force to replace it",
            )
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True)
    write_json(mark, asked)
    write_text(root / CONFIG_NAME, config)
