"""What makes one virtual patient differ from another: the truth that is planted."""

from __future__ import annotations

import dataclasses

import numpy as np

from featkit.core.seeds import rng

HEMATOXYLIN = (0.62, 0.68, 0.36)
EOSIN = (0.18, 0.90, 0.40)
"""Optical density of the two stains in red, green and blue, of unit length to two digits."""

_SUBTYPES = {"benign": ("TA", "F", "A"), "malignant": ("DC", "LC", "DC")}


@dataclasses.dataclass(frozen=True)
class Traits:
    """One virtual patient.

    Parameters
    ----------
    label : str
        "benign" or "malignant".
    subtype : str
        The architecture: "TA" (packed tubules), "F" (few large ducts in much stroma), "A" (lobules of small acini),
        "DC" (nests) or "LC" (single files); benign walls are thin and have a second, flat layer of nuclei. Carries the
        class.
    nuclear_diameter : float
        Mean diameter of epithelial nuclei in um. Carries the class.
    pleomorphism : float
        Coefficient of variation of that diameter. Carries the class.
    irregularity : float
        Relative amplitude of the nuclear outline's waves. Carries the class.
    chromatin : float
        Relative amplitude of the texture inside nuclei. Carries the class.
    nucleoli : float
        Fraction of epithelial nuclei with a visible nucleolus. Carries the class.
    lumen_fraction : float
        Fraction of epithelial structures that have a lumen. Carries the class.
    spacing : float
        Distance of neighbouring epithelial nuclei in nuclear diameters. Carries the class weakly.
    hematoxylin, eosin : float
        Strength of the stains, near 1. The patient's, hematoxylin also very weakly the class's.
    hematoxylin_vector, eosin_vector : tuple of float
        Optical densities per unit of stain in red, green, blue. The patient's alone.
    cellularity : float
        Stromal nuclei per 1,000 square um outside epithelium and fat. The patient's alone.
    lymphocytes : float
        Lymphocytes per 1,000 square um, mostly in foci; those that would fall into epithelium or fat are left
        out. The patient's, and weakly the class's.
    looseness : float
        How open the stroma is, in [0, 1]. The patient's, and weakly the class's.
    fat : float
        How much fat: at 1, fourteen lobes of fat cells would be expected. The patient's alone.
    """

    label: str
    subtype: str
    nuclear_diameter: float
    pleomorphism: float
    irregularity: float
    chromatin: float
    nucleoli: float
    lumen_fraction: float
    spacing: float
    hematoxylin: float
    eosin: float
    hematoxylin_vector: tuple[float, float, float]
    eosin_vector: tuple[float, float, float]
    cellularity: float
    lymphocytes: float
    looseness: float
    fat: float


def draw_traits(label: str, number: int, seed: int) -> Traits:
    """Return the traits of virtual patient ``number``; the two classes overlap in every one of them."""
    random = rng(seed, "traits", number)
    is_malignant = label == "malignant"

    def drawn(benign: float, malignant: float, spread: float, low: float, high: float) -> float:
        """Draw around the class's mean with a log-normal patient effect."""
        centre = malignant if is_malignant else benign
        return float(np.clip(centre * np.exp(spread * random.standard_normal()), low, high))

    def stain(vector: tuple[float, float, float]) -> tuple[float, float, float]:
        turned = np.clip(np.array(vector) + 0.045 * random.standard_normal(3), 0.03, None)
        r, g, b = turned / np.linalg.norm(turned)
        return float(r), float(g), float(b)

    return Traits(
        label=label,
        subtype=_SUBTYPES[label][number % 3],
        nuclear_diameter=drawn(6.6, 8.2, 0.10, 5.0, 11.5),
        pleomorphism=drawn(0.10, 0.20, 0.28, 0.04, 0.40),
        irregularity=drawn(0.035, 0.075, 0.30, 0.01, 0.16),
        chromatin=drawn(0.16, 0.30, 0.25, 0.06, 0.50),
        nucleoli=drawn(0.15, 0.45, 0.35, 0.02, 0.90),
        lumen_fraction=drawn(0.85, 0.25, 0.30, 0.03, 0.98),
        spacing=drawn(1.22, 1.08, 0.06, 0.95, 1.45),
        hematoxylin=drawn(1.0, 1.05, 0.16, 0.65, 1.5),
        eosin=drawn(1.0, 1.0, 0.20, 0.55, 1.6),
        hematoxylin_vector=stain(HEMATOXYLIN),
        eosin_vector=stain(EOSIN),
        cellularity=drawn(1.2, 1.2, 0.35, 0.4, 3.0),
        lymphocytes=drawn(0.35, 0.45, 0.6, 0.05, 2.0),
        looseness=drawn(0.45, 0.40, 0.30, 0.1, 0.9),
        fat=drawn(0.05, 0.05, 0.8, 0.0, 0.25),
    )
