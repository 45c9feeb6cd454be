"""Reading patches: 8-bit RGB or a clear refusal (pillow and numpy only)."""

from __future__ import annotations

import hashlib
import os
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.errors import InputError
from featkit.core.progress import task

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MAX_PIXELS = 64_000_000
"""A patch is refused above this: 8,000 x 8,000 is a slide region, or a file made to fill the memory."""

FORMATS = ("PNG", "WEBP", "JPEG", "TIFF", "BMP")
"""What a patch may be, by content: pillow is told to try no others, since some start other programs."""

_opening = threading.Lock()
_MODES = {
    "1": "is black and white",
    "L": "is greyscale",
    "LA": "is greyscale with transparency",
    "P": "has a colour palette",
    "PA": "has a colour palette",
    "CMYK": "is CMYK",
    "YCbCr": "is YCbCr",
    "LAB": "is Lab",
    "HSV": "is HSV",
    "RGBa": "has premultiplied transparency",
    "I": "has 32 bits per channel",
    "I;16": "has 16 bits per channel",
    "I;16B": "has 16 bits per channel",
    "I;16L": "has 16 bits per channel",
    "F": "holds floating-point values",
}


def read_rgb(path: str | os.PathLike[str]) -> np.ndarray:
    """Return the pixels of a patch.

    Only what needs no guess is read: 8-bit RGB, and RGBA that is opaque everywhere. Palette, greyscale, CMYK and other
    colour models, 16-bit channels, transparency, animation and several pages are refused with the advice to convert,
    since each conversion is a choice (of profile, of black point, of page) that changes the colours an encoder sees.
    An EXIF orientation is not applied.

    Parameters
    ----------
    path : str or PathLike
        A PNG, WebP, JPEG, TIFF or BMP, whatever its name: the content decides.

    Returns
    -------
    (H, W, 3) uint8 array
        Red, green, blue in [0, 255].

    Raises
    ------
    InputError
        One line naming the file, what is wrong with it and what to do; truncated, empty and unreadable files, files of
        other kinds, and pictures above 64 million pixels included.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with _open_plain(path) as image:
            image.load()
            pixels = np.array(image)
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _refusal(path, f"has more than {MAX_PIXELS:,} pixels", "Cut it into patches") from None
    except FileNotFoundError:
        raise InputError("a patch must exist", path, "Check the path") from None
    except (UnidentifiedImageError, IsADirectoryError):
        empty = os.path.isfile(path) and os.path.getsize(path) == 0
        what = "is empty (0 bytes)" if empty else "is no PNG, WebP, JPEG, TIFF or BMP"
        raise InputError(
            f"a patch must be an image file, {path} {what}", None, "Fetch it again or leave it out"
        ) from None
    except PermissionError:
        raise InputError("a patch must be readable", f"no permission for {path}", "Change its mode") from None
    except MemoryError:
        raise InputError(f"a patch must fit in memory, {path} does not", None, "Cut it into patches") from None
    except Exception as error:  # pillow's decoders raise OSError, SyntaxError, struct.error, EOFError, ValueError, ...
        raise InputError(
            f"a patch must be a whole image file, {path} is damaged or cut short ({error})",
            None,
            "Fetch it again or leave it out",
        ) from error
    if pixels.shape[2] == 4:
        if (pixels[..., 3] != 255).any():
            raise _refusal(path, "has transparent pixels")
        pixels = np.ascontiguousarray(pixels[..., :3])
    return pixels


def pixel_hash(pixels: np.ndarray) -> str:
    """Return the SHA-256 (hex) of decoded pixels and their shape.

    Two files with the same pixels have the same hash whatever their compression or metadata.

    Parameters
    ----------
    pixels : (H, W, 3) uint8 array
        As `read_rgb` returns them.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise InputError("pixels must be a (H, W, 3) uint8 array", f"{pixels.dtype} of shape {pixels.shape}")
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def pixel_hashes(paths: Sequence[str | os.PathLike[str]], n_jobs: int = 2) -> list[tuple[str | None, str]]:
    """Return (hash, "") of every patch, or (None, reason) where it cannot be read, in the order given.

    Parameters
    ----------
    paths : sequence of str or PathLike
        The patches to read.
    n_jobs : int
        Threads that decode.
    """

    def hash_or_reason(path: str | os.PathLike[str]) -> tuple[str | None, str]:
        try:
            return pixel_hash(read_rgb(path)), ""
        except InputError as error:
            return None, str(error)
        finally:
            done()

    with task("Reading images", total=len(paths)) as done, ThreadPoolExecutor(max_workers=max(1, n_jobs)) as threads:
        return list(threads.map(hash_or_reason, paths))


def check_images(paths: Sequence[str | os.PathLike[str]], n_jobs: int = 2) -> list[tuple[str, str]]:
    """Return (path, reason) of every patch `read_rgb` refuses, in the order given.

    Parameters
    ----------
    paths : sequence of str or PathLike
        The patches to read.
    n_jobs : int
        Threads that decode.
    """
    outcomes = zip(paths, pixel_hashes(paths, n_jobs), strict=True)
    return [(os.fspath(path), reason) for path, (found, reason) in outcomes if found is None]


def image_sizes(paths: Sequence[str | os.PathLike[str]]) -> list[tuple[int, int] | None]:
    """Return (width, height) of every patch from its header, None where `read_rgb` would refuse it already there."""

    def size(path: str | os.PathLike[str]) -> tuple[int, int] | None:
        try:
            with _open_plain(path) as image:
                return image.size
        except Exception:  # whatever is wrong is said by the one who reads the pixels
            return None

    return [size(path) for path in paths]


def _open_plain(path: str | os.PathLike[str]) -> ImageFile:
    from PIL import Image

    # Warning filters belong to the process, so files are opened one at a time; decoding, the long part, is not.
    with _opening, warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = Image.open(path, formats=FORMATS)
        try:
            _refuse_unless_plain(image, path)
        except BaseException:
            image.close()
            raise
    return image


def _refuse_unless_plain(image: ImageFile, path: str | os.PathLike[str]) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _refusal(path, f"has {width} x {height} pixels, more than {MAX_PIXELS:,}", "Cut it into patches")
    if getattr(image, "n_frames", 1) > 1:
        raise _refusal(path, f"holds {image.n_frames} pictures (animation or pages)", "Save the one that is meant")  # type: ignore[attr-defined]
    if any(";16" in str(tile) for tile in image.tile):
        raise _refusal(path, "has 16 bits per channel")
    if image.mode not in ("RGB", "RGBA"):
        raise _refusal(path, _MODES.get(image.mode, f"has pixels of mode {image.mode}"))


def _refusal(path: str | os.PathLike[str], what: str, fix: str = "") -> InputError:
    return InputError(
        f"a patch must be an 8-bit RGB image, {os.fspath(path)} {what}",
        None,
        fix or "Convert it to 8-bit RGB and save it as PNG",
    )
