"""The microscope and its camera: stain to light to bytes, with what each objective does to it."""

from __future__ import annotations

import dataclasses

import numpy as np

from featkit.core.magnification import breakhis_mpp, effective_mpp, magnification_label
from featkit.tissue.traits import Traits

FIELD_HEIGHT = 460
"""Pixels of the photographed field's height; a patch is that height squared, resized."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """What an objective and the automatic exposure do at one magnification.

    Parameters
    ----------
    exposure : float
        Brightness of empty glass, in [0, 1] before the tone curve.
    white_balance : (float, float, float)
        Gains of red, green, blue.
    blur : float
        Standard deviation of the point-spread function in um.
    glare : float
        Fraction of stray light, which pales the colours.
    contrast : float
        Exponent of the tone curve.
    falloff : float
        Relative loss of light in the corners.
    """

    exposure: float
    white_balance: tuple[float, float, float]
    blur: float
    glare: float
    contrast: float
    falloff: float


SETTINGS = {
    "40X": Setting(0.93, (0.955, 1.0, 0.955), 1.00, 0.16, 0.95, 0.03),
    "100X": Setting(0.93, (0.99, 0.985, 0.99), 0.42, 0.07, 1.05, 0.06),
    "200X": Setting(0.93, (1.01, 0.97, 1.0), 0.24, 0.04, 1.12, 0.09),
    "400X": Setting(0.93, (1.03, 0.955, 1.005), 0.15, 0.02, 1.20, 0.12),
}


def patch_mpp(magnification: str, size: tuple[int, int]) -> tuple[float, float]:
    """Return the microns per pixel, along x and y, of a patch of ``size`` (height, width) showing all 460 rows."""
    x, y = breakhis_mpp(magnification)
    return effective_mpp(x, FIELD_HEIGHT, size[0]), effective_mpp(y, FIELD_HEIGHT, size[0])


def photograph(
    hematoxylin: np.ndarray,
    eosin: np.ndarray,
    traits: Traits,
    magnification: str,
    mpp: tuple[float, float],
    random: np.random.Generator,
) -> np.ndarray:
    """Return the (H, W, 3) uint8 picture of two stains by Beer-Lambert's law, through one objective.

    Parameters
    ----------
    hematoxylin, eosin : (H, W) arrays
        As `featkit.tissue.paint.stains` returns them.
    traits : Traits
        The patient's stain vectors and strengths.
    magnification : str
        Which setting.
    mpp : (float, float)
        Microns per pixel along x and y, so that the blur has its size in um.
    random : numpy.random.Generator
        Focus, exposure and noise of this shot.
    """
    from scipy.ndimage import gaussian_filter

    setting = SETTINGS[magnification_label(magnification)]
    density = np.multiply.outer(hematoxylin * traits.hematoxylin, np.array(traits.hematoxylin_vector, dtype=np.float32))
    density += np.multiply.outer(eosin * traits.eosin, np.array(traits.eosin_vector, dtype=np.float32))
    light = np.exp(-np.float32(np.log(10.0)) * density)
    focus = setting.blur * float(np.exp(0.25 * random.standard_normal()))
    for channel, colour in enumerate((1.0, 0.92, 1.12)):  # focus differs a little between red, green and blue
        sigma = focus * colour / mpp[1], focus * colour / mpp[0]
        light[..., channel] = gaussian_filter(light[..., channel], sigma, truncate=2.5)
    light = light * (1 - setting.glare) + setting.glare
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in light.shape[:2])
    lamp = 1 - setting.falloff * (rows[:, None] ** 2 + columns[None, :] ** 2) / 2
    gains = np.array(setting.white_balance) * np.exp(0.012 * random.standard_normal(3))
    brightness = setting.exposure * float(np.exp(0.03 * random.standard_normal()))
    picture = (light * lamp[..., None] * (brightness * gains).astype(np.float32)) ** np.float32(setting.contrast)
    picture += np.float32(0.008) * random.standard_normal(light.shape, dtype=np.float32)
    return (np.clip(picture, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)
