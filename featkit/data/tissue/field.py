"""A field of view: which microns of a specimen each pixel shows."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np


@dataclasses.dataclass(frozen=True)
class Field:
    """A rectangle of a specimen on a grid of pixels.

    Parameters
    ----------
    x, y : float
        Its centre in um.
    mpp : (float, float)
        Microns per pixel along x and along y.
    size : (int, int)
        Height and width in pixels.
    """

    x: float
    y: float
    mpp: tuple[float, float]
    size: tuple[int, int]

    @property
    def half(self) -> tuple[float, float]:
        """Half its width and half its height in um."""
        return self.size[1] * self.mpp[0] / 2, self.size[0] * self.mpp[1] / 2

    @functools.cached_property
    def xs(self) -> np.ndarray:
        """(W,) float32 centres of the columns in um."""
        return (self.x + (np.arange(self.size[1]) - (self.size[1] - 1) / 2) * self.mpp[0]).astype(np.float32)

    @functools.cached_property
    def ys(self) -> np.ndarray:
        """(H,) float32 centres of the rows in um."""
        return (self.y + (np.arange(self.size[0]) - (self.size[0] - 1) / 2) * self.mpp[1]).astype(np.float32)

    @functools.cached_property
    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """(H, W) x and y of every pixel in um."""
        x, y = np.meshgrid(self.xs, self.ys)
        return x, y

    def shows(self, x: np.ndarray, y: np.ndarray, reach: np.ndarray | float = 0.0) -> np.ndarray:
        """Return which things of half width ``reach`` um at x, y are seen at least in part."""
        width, height = self.half
        return (np.abs(x - self.x) < width + reach) & (np.abs(y - self.y) < height + reach)
