"""Magnification is a printed label ("100X"); microns per pixel (mpp) are a quantity. Neither is derived from the other.

The one table here is the published optics of BreaKHis, which an adapter may apply because it is documented.
"""

from __future__ import annotations

import math
import re

from featkit.core.errors import InputError

_PRINTED = re.compile(r"(\d+(?:\.\d+)?)\s*[x×]?", re.IGNORECASE)

BREAKHIS_PIXEL_UM = (6.5, 6.25)
"""Width and height of the camera's photosites in microns: they are not square."""
BREAKHIS_RELAY = 3.3
"""Relay lens between objective and camera."""
BREAKHIS_MAGNIFICATIONS = ("40X", "100X", "200X", "400X")


def magnification_label(value: str | float) -> str:
    """Return the printed label of a magnification.

    Parameters
    ----------
    value : str or float
        ``"100X"``, ``"100x"``, ``"100"``, ``100`` or ``100.0``.

    Returns
    -------
    str
        ``"100X"``; fractions are kept ("2.5X").

    Raises
    ------
    InputError
        If ``value`` is not a positive number with an optional X.

    Examples
    --------
    >>> magnification_label(" 40x "), magnification_label(2.5)
    ('40X', '2.5X')
    """
    match = _PRINTED.fullmatch(str(value).strip())
    power = float(match.group(1)) if match else 0.0
    if not power:
        raise InputError(
            "a magnification must be a printed label such as 100X",
            repr(value),
            "Write a positive number, with or without X",
        )
    return f"{int(power)}X" if power.is_integer() else f"{power}X"


def magnification_power(label: str | float) -> float:
    """Return the number a label prints: 100.0 for ``"100X"``."""
    return float(magnification_label(label)[:-1])


def breakhis_mpp(magnification: str | float) -> tuple[float, float]:
    """Return the microns per pixel of an original 700x460 BreaKHis image, along x and along y.

    The four labels 40X, 100X, 200X, 400X stand for objectives 4x, 10x, 20x, 40x behind a 3.3x relay and a camera of
    6.5 x 6.25 um photosites: ``6.5 / (objective * 3.3)`` and ``6.25 / (objective * 3.3)``.

    Parameters
    ----------
    magnification : str or float
        40X, 100X, 200X or 400X.

    Returns
    -------
    mpp_x, mpp_y : float
        In um per pixel.

    References
    ----------
    .. [1] Spanhol, Oliveira, Petitjean, Heutte. A Dataset for Breast Cancer Histopathological Image Classification.
       IEEE Transactions on Biomedical Engineering 63(7), 2016, section II.
    """
    label = magnification_label(magnification)
    if label not in BREAKHIS_MAGNIFICATIONS:
        raise InputError(f"a BreaKHis magnification must be one of {', '.join(BREAKHIS_MAGNIFICATIONS)}", label)
    objective = magnification_power(label) / 10.0
    width, height = BREAKHIS_PIXEL_UM
    return width / (objective * BREAKHIS_RELAY), height / (objective * BREAKHIS_RELAY)


def effective_mpp(mpp: float, native_size: float, resized_size: float) -> float:
    """Return the microns per pixel of an image after resizing.

    Parameters
    ----------
    mpp : float
        Microns per pixel of the image as stored.
    native_size, resized_size : float
        Pixels along the same axis before and after; cropping does not count, it leaves mpp as it is.

    Returns
    -------
    float
        ``mpp * native_size / resized_size``: fewer pixels for the same tissue means more microns in each.
    """
    for name, value in (("mpp", mpp), ("native_size", native_size), ("resized_size", resized_size)):
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} must be positive and finite", value)
    return mpp * native_size / resized_size
