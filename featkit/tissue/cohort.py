"""A cohort of virtual patients on disk: pictures named as in BreaKHis, a manifest, and the truth."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.files import write_json
from featkit.core.magnification import BREAKHIS_MAGNIFICATIONS, breakhis_mpp, magnification_label
from featkit.core.options import Options
from featkit.core.progress import task
from featkit.core.seeds import rng
from featkit.data.adapters.breakhis import SUBTYPES, manifest_of_names
from featkit.data.manifest import Manifest
from featkit.tissue.camera import FIELD_HEIGHT, SETTINGS, patch_mpp, photograph
from featkit.tissue.field import Field
from featkit.tissue.paint import stains
from featkit.tissue.specimen import SIDE, Specimen, grow
from featkit.tissue.traits import draw_traits

TRUTH = "truth.json"
_FIRST_NUMBER = 50001
_NEAR_EPITHELIUM = 0.8
_HUFFMAN_ONLY = 2  # zlib strategy: sensor noise has no repeats worth searching for


@dataclasses.dataclass(frozen=True, kw_only=True)
class CohortOptions(Options):
    """How the patches of a cohort look.

    Parameters
    ----------
    magnifications : tuple of str
        Among 40X, 100X, 200X, 400X.
    malignant_fraction : float
        Share of the patients, in (0, 1); at least one patient of each class is drawn.
    size : (int, int)
        Height and width of a patch in pixels, at least 16.
    """

    magnifications: tuple[str, ...] = BREAKHIS_MAGNIFICATIONS
    malignant_fraction: float = 0.5
    size: tuple[int, int] = (224, 224)

    def check(self) -> None:
        """Refuse values out of range, and write magnifications as printed labels."""
        labels = tuple(magnification_label(m) for m in self.magnifications)
        if not labels or len(set(labels)) != len(labels):
            raise InputError("magnifications must be distinct and at least one", ", ".join(labels) or "none")
        for label in labels:
            breakhis_mpp(label)
        object.__setattr__(self, "magnifications", labels)
        if not 0.0 < self.malignant_fraction < 1.0:
            raise InputError("malignant_fraction must lie in (0, 1)", self.malignant_fraction)
        if min(self.size) < 16:
            raise InputError("size must be (height, width) of at least 16 pixels", self.size)


def generate_cohort(
    folder: str | Path,
    *,
    n_patients: int = 24,
    patches_per_magnification: int = 12,
    options: CohortOptions | None = None,
    seed: int = 0,
    n_jobs: int = 2,
) -> Manifest:
    """Draw virtual breast specimens, photograph them, and write pictures, ``manifest.csv`` and ``truth.json``.

    Each patient is one square millimetre of tissue laid out in microns (stroma, fat, ducts or nests, nuclei), with
    stain, density and nuclei of its own; benign and malignant differ in nuclear size, pleomorphism, outline,
    chromatin, nucleoli and architecture, and overlap in each. The same specimen is photographed at every
    magnification, so objects grow and the field of view shrinks. A patch shows the central square of BreaKHis's
    460-row field resized to ``options.size``: at 224 pixels its effective mpp is 1.011, 0.404, 0.202 and 0.101 um per
    pixel at 40X, 100X, 200X and 400X (0.492, 0.197, 0.0985, 0.0492 times 460/224; 4 % less along y, as in the camera),
    which the manifest states.

    Parameters
    ----------
    folder : str or Path
        Created where it is not there; must be empty of pictures. They are written below it in BreaKHis's official tree.
    n_patients : int
        At least 2.
    patches_per_magnification : int
        Number of patches per patient and magnification, at least 1.
    options : CohortOptions, optional
        Magnifications, share of malignant patients, and size of the patches.
    seed : int
        The same seed and sizes give the same bytes.
    n_jobs : int
        Processes; they do not change the result.

    Returns
    -------
    Manifest
        As the adapter "breakhis" reads it, with the effective mpp.

    Raises
    ------
    InputError
        If an argument is out of range or the folder already holds pictures.

    Notes
    -----
    Stains become light by Beer-Lambert's law in the stain space of [1]_, with vectors drawn around textbook values.

    References
    ----------
    .. [1] Ruifrok, Johnston. Quantification of histochemical staining by color deconvolution. Analytical and
       Quantitative Cytology and Histology 23(4), 2001.
    """
    from joblib import Parallel, delayed

    options = options or CohortOptions()
    if n_patients < 2:
        raise InputError("n_patients must be at least 2, one of each class", n_patients)
    if patches_per_magnification < 1:
        raise InputError("patches_per_magnification must be at least 1", patches_per_magnification)
    root = Path(folder).resolve()
    if root.exists() and next(root.rglob("*.png"), None) is not None:
        raise InputError("a cohort must go to a folder without pictures", root, "Name a new folder")
    n_malignant = min(max(1, round(options.malignant_fraction * n_patients)), n_patients - 1)
    work = [("malignant" if i < n_malignant else "benign", i) for i in range(n_patients)]
    with _workers_ignoring_interrupts():
        jobs = Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(_photograph_patient)(root, label, number, patches_per_magnification, options, seed)
            for label, number in work
        )
    patients: list[dict[str, Any]] = []
    with task("Drawing virtual patients", total=n_patients) as done:
        for patient in jobs:
            patients.append(patient)
            done()
    names = [root / patch["path"] for patient in patients for patch in patient["patches"].values()]
    manifest = manifest_of_names(names, scale=options.size[0] / FIELD_HEIGHT, complete=False)
    manifest.write(root / "manifest.csv")
    write_json(root / TRUTH, _truth(patients, options, seed))
    return manifest


@contextlib.contextmanager
def _workers_ignoring_interrupts() -> Iterator[None]:
    """Start processes that leave Ctrl-C to this one, which ends them: each would print a traceback of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _photograph_patient(
    root: Path, label: str, number: int, n_patches: int, options: CohortOptions, seed: int
) -> dict[str, Any]:
    """Write one patient's pictures and return what was planted."""
    from PIL import Image

    traits = draw_traits(label, number, seed)
    specimen = grow(traits, number, seed)
    slide = f"14-{_FIRST_NUMBER + number}"
    side = label[0].upper()
    patches, size = {}, options.size
    for magnification in options.magnifications:
        mpp = patch_mpp(magnification, size)
        printed = magnification[:-1]
        tree = Path("BreaKHis_v1", "histology_slides", "breast", label, "SOB", SUBTYPES[traits.subtype][1])
        tree = tree / f"SOB_{side}_{traits.subtype}_{slide}" / magnification
        (root / tree).mkdir(parents=True, exist_ok=True)
        for sequence in range(1, n_patches + 1):
            random = rng(seed, "patch", number, magnification, sequence)
            field = _aim(specimen, mpp, size, random)
            pixels = photograph(*stains(specimen, field), traits, magnification, mpp, random)
            name = f"SOB_{side}_{traits.subtype}-{slide}-{printed}-{sequence:03d}"
            path = tree / f"{name}.png"
            Image.fromarray(pixels).save(root / path, compress_level=1, compress_type=_HUFFMAN_ONLY)
            patches[name] = {"path": path.as_posix(), **_planted(specimen, field)}
    return {"patient": slide, "traits": dataclasses.asdict(traits), "patches": patches}


def _aim(specimen: Specimen, mpp: tuple[float, float], size: tuple[int, int], random: np.random.Generator) -> Field:
    """Return where to point: mostly near epithelium, as a pathologist would, and always inside the specimen."""
    x, y = random.uniform(0, SIDE, 2)
    if specimen.n_epithelial and random.uniform() < _NEAR_EPITHELIUM:
        chosen = int(random.integers(specimen.n_epithelial))
        x, y = specimen.nuclei.x[chosen] + random.normal(0, 6), specimen.nuclei.y[chosen] + random.normal(0, 6)
    margins = Field(x, y, mpp, size).half
    x, y = (float(np.clip(v, m, max(m, SIDE - m))) for v, m in zip((x, y), margins, strict=True))
    return Field(x, y, mpp, size)


def _planted(specimen: Specimen, field: Field) -> dict[str, Any]:
    nuclei = specimen.nuclei
    inside = field.shows(nuclei.x, nuclei.y)
    epithelial = np.flatnonzero(inside[: specimen.n_epithelial])
    areas = np.pi * nuclei.a[epithelial] * nuclei.b[epithelial]
    return {
        "x_um": field.x,
        "y_um": field.y,
        "n_nuclei": int(inside.sum()),
        "n_epithelial": len(epithelial),
        "nuclear_area_um2": float(areas.mean()) if len(areas) else None,
    }


_CARRIES = {
    "class": [
        "nuclear_diameter",
        "pleomorphism",
        "irregularity",
        "chromatin",
        "nucleoli",
        "lumen_fraction",
        "spacing",
        "subtype",
    ],
    "class_weakly": ["hematoxylin", "lymphocytes", "looseness"],
    "patient": ["eosin", "hematoxylin_vector", "eosin_vector", "cellularity", "fat"],
    "magnification": ["mpp", "exposure", "white_balance", "blur", "glare", "contrast", "falloff"],
}


def _truth(patients: list[dict[str, Any]], options: CohortOptions, seed: int) -> dict[str, Any]:
    return {
        "format": "featkit-truth",
        "version": 1,
        "seed": seed,
        "size": list(options.size),
        "field_height": FIELD_HEIGHT,
        "specimen_side_um": SIDE,
        "carries": _CARRIES,
        "magnifications": {
            m: {
                "mpp": patch_mpp(m, options.size)[0],
                "mpp_y": patch_mpp(m, options.size)[1],
                **dataclasses.asdict(SETTINGS[m]),
            }
            for m in options.magnifications
        },
        "patients": {p["patient"]: p["traits"] for p in patients},
        "patches": {name: {"patient": p["patient"], **patch} for p in patients for name, patch in p["patches"].items()},
    }
