"""What happens to a patch before an encoder sees it: recorded, hashable, and with its effect on scale."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.provenance import json_sha256

if TYPE_CHECKING:
    import torch

_MODES = ("center", "squash")
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


@dataclasses.dataclass(frozen=True)
class Transform:
    """Resize, centre crop and per-channel standardisation, as a model's own configuration asks for.

    Parameters
    ----------
    size : (int, int)
        Height and width the encoder sees, in pixels, after the crop.
    resize : (int, int)
        Height and width to resize to before the crop, at least ``size``.
    mode : {"center", "squash"}
        ``center`` resizes the shorter side to ``resize`` and keeps the aspect ratio (so a crop may cut the longer
        side); ``squash`` resizes both sides.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos"}
        Filter of the resize, antialiased where the filter allows.
    mean, std : (float, float, float)
        Per channel, of pixels scaled to [0, 1].

    Raises
    ------
    InputError
        If the description is none this class can carry out.
    """

    size: tuple[int, int]
    resize: tuple[int, int]
    mode: str = "center"
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise InputError(f"crop mode must be one of {', '.join(_MODES)}", self.mode, "Choose another encoder")
        if self.interpolation not in _INTERPOLATIONS:
            raise InputError(f"interpolation must be one of {', '.join(_INTERPOLATIONS)}", self.interpolation)
        if self.mode == "center" and self.resize[0] != self.resize[1]:
            raise InputError(
                "a centre crop must come from a square resize", f"{self.resize[0]}x{self.resize[1]}", "Use mode squash"
            )
        if min(self.size) < 1 or self.resize[0] < self.size[0] or self.resize[1] < self.size[1]:
            raise InputError("the resize must be at least as large as the crop", f"{self.resize} and {self.size}")
        if min(self.std) <= 0:
            raise InputError("std must be positive", self.std)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Transform:
        """Return the transform of a timm data configuration (``timm.data.resolve_model_data_config``).

        The resize is ``floor(size / crop_pct)``, as in timm's own evaluation transform.
        """
        channels, height, width = config["input_size"]
        if channels != 3:
            raise InputError("encoder must take RGB input", f"{channels} channels", "Choose another encoder")
        fraction = config.get("crop_pct") or 0.875
        return cls(
            size=(height, width),
            resize=(math.floor(height / fraction), math.floor(width / fraction)),
            mode=config.get("crop_mode") or "center",
            interpolation=config.get("interpolation") or "bilinear",
            mean=_channels(config["mean"]),
            std=_channels(config["std"]),
        )

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Transform:
        """Return the transform that `to_dict` recorded."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready record of every field."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @property
    def sha256(self) -> str:
        """SHA-256 of `to_dict`."""
        return json_sha256(self.to_dict())

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of a ``height`` x ``width`` patch after the resize and before the crop."""
        if self.mode == "squash":
            return self.resize
        short, long = min(height, width), max(height, width)
        new_long = int(self.resize[0] * long / short)
        return (self.resize[0], new_long) if height <= width else (new_long, self.resize[0])

    def scale(self, height: int, width: int) -> tuple[float, float]:
        """Return by how much the resize coarsens a patch, vertically and horizontally.

        Parameters
        ----------
        height, width : int
            Size of the patch in pixels.

        Returns
        -------
        (float, float)
            ``native / resized`` per axis: effective mpp = mpp * factor. Above 1 the encoder sees less detail.
        """
        new_height, new_width = self.resized(height, width)
        return height / new_height, width / new_width

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Resize and crop one patch.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)

        Returns
        -------
        ndarray of uint8, shape (size[0], size[1], 3)
        """
        from PIL import Image

        height, width = self.resized(image.shape[0], image.shape[1])
        if (height, width) != image.shape[:2]:
            resample = Image.Resampling[self.interpolation.upper()]
            image = np.asarray(Image.fromarray(image).resize((width, height), resample))
        top, left = (round((now - wanted) / 2) for now, wanted in zip((height, width), self.size, strict=True))
        return np.array(image[top : top + self.size[0], left : left + self.size[1]])  # a copy that may be written to

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Standardise fitted patches.

        Parameters
        ----------
        images : tensor of uint8, shape (b, height, width, 3)

        Returns
        -------
        tensor of float32, shape (b, 3, height, width)
            On the same device, in channels-last memory order.
        """
        mean, std = (images.new_tensor(v, dtype=_float32()).view(1, 3, 1, 1) for v in (self.mean, self.std))
        return images.permute(0, 3, 1, 2).to(_float32()).div_(255).sub_(mean).div_(std)

    def __call__(self, image: np.ndarray) -> torch.Tensor:
        """Return one uint8 (height, width, 3) patch as the float32 (3, height, width) the encoder takes."""
        import torch

        return self.normalise(torch.from_numpy(self.fit(image))[None])[0]


def _float32() -> torch.dtype:
    import torch

    return torch.float32


def _channels(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
