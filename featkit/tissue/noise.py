"""Smooth random textures that can be asked for at any place, in microns."""

from __future__ import annotations

import functools

import numpy as np

_SIDE = 512
_PER_WAVE = 12.0


@functools.cache
def _tile() -> np.ndarray:
    """Return a periodic 512 x 512 texture of unit variance with features about 12 pixels wide.

    Flat, float32, its first row and column repeated at the end.
    """
    white = np.random.default_rng(20160722).standard_normal((_SIDE, _SIDE))
    frequency = np.fft.fftfreq(_SIDE)
    squared = frequency[:, None] ** 2 + frequency[None, :] ** 2
    smooth = np.fft.ifft2(np.fft.fft2(white) * np.exp(-2 * (np.pi * 2.8) ** 2 * squared)).real
    tile = np.pad(((smooth - smooth.mean()) / smooth.std()).astype(np.float32), (0, 1), mode="wrap").ravel()
    tile.flags.writeable = False
    return tile


def texture(x: np.ndarray, y: np.ndarray, wavelength: float, offset: float = 0.0) -> np.ndarray:
    """Return a smooth random field of mean 0 and variance 1 at the given places.

    Parameters
    ----------
    x, y : arrays of float
        Places in microns (or in any unit that ``wavelength`` shares).
    wavelength : float
        Width of its features.
    offset : float
        Which of many unrelated fields; the same offset and place give the same value.

    Returns
    -------
    array of float32
        Of the broadcast shape of ``x`` and ``y``.
    """
    scale = np.float32(_PER_WAVE / wavelength)
    u, v = x * scale + np.float32(offset * 101.7 % _SIDE), y * scale + np.float32(offset * 57.3 % _SIDE)
    left, top = np.floor(u), np.floor(v)
    du, dv = (u - left).astype(np.float32), (v - top).astype(np.float32)
    at = (top.astype(np.intp) & (_SIDE - 1)) * (_SIDE + 1) + (left.astype(np.intp) & (_SIDE - 1))
    tile = _tile()
    upper, upper_right = tile.take(at), tile[1:].take(at)
    lower, lower_right = tile[_SIDE + 1 :].take(at), tile[_SIDE + 2 :].take(at)
    upper += du * (upper_right - upper)
    lower += du * (lower_right - lower)
    return np.asarray(upper + dv * (lower - upper))


def ramp(x: np.ndarray | np.floating, low: float, high: float) -> np.ndarray:
    """Return 0 below ``low``, 1 above ``high`` and a smooth rise between (falls where ``high < low``)."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
