"""A field of view: which microns of a specimen each pixel shows."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from featkit.tissue.noise import texture


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

    def smooth(self, wavelength: float, offset: float) -> np.ndarray:
        """Return `texture` at every pixel, (H, W); long waves are worked out on a coarser grid and interpolated."""
        step = int(np.clip(wavelength / (10 * self.mpp[0]), 1, 16))
        if step == 1:
            return texture(self.grid[0], self.grid[1], wavelength, offset)
        columns, to_right = _knots(self.size[1], step)
        rows, down = _knots(self.size[0], step)
        x = self.xs[0] + np.arange(columns[-1] + 2) * np.float32(step * self.mpp[0])
        y = self.ys[0] + np.arange(rows[-1] + 2) * np.float32(step * self.mpp[1])
        coarse = texture(x[None, :], y[:, None], wavelength, offset)
        tall = coarse[rows] + down[:, None] * (coarse[rows + 1] - coarse[rows])
        left = tall[:, columns]
        return np.asarray(left + to_right * (tall[:, columns + 1] - left))

    def shows(self, x: np.ndarray, y: np.ndarray, reach: np.ndarray | float = 0.0) -> np.ndarray:
        """Return which things of half width ``reach`` um at x, y are seen at least in part."""
        width, height = self.half
        return (np.abs(x - self.x) < width + reach) & (np.abs(y - self.y) < height + reach)


@functools.cache
def _knots(n: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, for n places, the knot before each (knots lie ``step`` apart) and how far past it, in [0, 1)."""
    at = np.arange(n)
    return at // step, ((at % step) / step).astype(np.float32)
