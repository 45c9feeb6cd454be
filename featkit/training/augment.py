"""Mild changes that leave a patch's class alone."""

from __future__ import annotations

import numpy as np
import torch


def augment(
    images: torch.Tensor, random: np.random.Generator, *, augmentation: str, colour_jitter: float
) -> torch.Tensor:
    """Flip and turn patches, and change their colours if asked.

    Parameters
    ----------
    images : tensor of uint8, shape (b, height, width, 3)
    random : Generator
        Drawn from in the same amount whatever the values.
    augmentation : {"dihedral", "none"}
        One of the eight symmetries of the square per patch (of the four of the rectangle where sides differ).
    colour_jitter : float
        Each channel of each patch is multiplied by a number from ``1 - colour_jitter`` to ``1 + colour_jitter``.

    Returns
    -------
    tensor of uint8, shape (b, height, width, 3)
    """
    if augmentation == "dihedral":
        images = _turn(images, random)
    if colour_jitter > 0:
        gains = random.uniform(1 - colour_jitter, 1 + colour_jitter, size=(len(images), 1, 1, 3))
        scaled = images.float() * torch.from_numpy(gains.astype(np.float32)).to(images.device)
        images = scaled.round_().clamp_(0, 255).to(torch.uint8)
    return images


def _turn(images: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    is_flipped = random.integers(0, 2, size=(2, len(images))).astype(bool)
    is_turned = random.integers(0, 2, size=len(images)).astype(bool)
    out = images.clone()
    for axis, flipped in zip((1, 2), is_flipped, strict=True):
        rows = torch.from_numpy(np.flatnonzero(flipped)).to(images.device)
        out[rows] = out[rows].flip(axis)
    if images.shape[1] == images.shape[2]:
        rows = torch.from_numpy(np.flatnonzero(is_turned)).to(images.device)
        out[rows] = out[rows].transpose(1, 2)
    return out
