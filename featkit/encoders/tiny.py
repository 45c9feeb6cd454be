"""A small convolutional network for demonstrations and tests: fast on a CPU, nothing to download."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from featkit.core.seeds import derive_seed
from featkit.encoders.encoder import Encoder
from featkit.encoders.transform import Transform
from featkit.encoders.weights import load_weights, read_weights

_SIZE = 96
_WIDTHS = (32, 64, 128)
_N_DIMENSIONS = 192


class TinyNetwork(nn.Module):
    """Four convolutions, each with a ReLU, and global average pooling: embeddings are not negative.

    The stride of 4 at the start keeps the cost near 8 million multiplications a patch.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third = _WIDTHS
        self.features = nn.Sequential(
            *_convolution(3, first, kernel=5, stride=4),
            *_convolution(first, second, kernel=3, stride=2),
            *_convolution(second, third, kernel=3, stride=2),
            *_convolution(third, _N_DIMENSIONS, kernel=1, stride=1),
        )
        self.global_pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (b, 192) of (b, 3, height, width)."""
        return self.global_pool(self.features(images)).flatten(1)


class TinyFamily:
    """The entry ``tiny`` of `featkit.encoders.ENCODERS`."""

    @staticmethod
    def load(name: str, *, weights: str | None, offline: bool, seed: int) -> Encoder:
        """Return the tiny encoder: random weights unless a file is given."""
        del name, offline  # there is one network, and it never needs the hub
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "encoder", "tiny"))
            network = TinyNetwork()
        source = f"random (seed {seed})"
        if weights not in (None, "random"):
            load_weights(network, read_weights(weights), what="tiny")
            source = str(weights)
        transform = Transform(size=(_SIZE, _SIZE), resize=(_SIZE, _SIZE), interpolation="bilinear")
        return Encoder(network, transform, name="tiny", family="tiny", architecture="tiny", weights=source)

    @staticmethod
    def build(architecture: str, arguments: dict[str, Any]) -> nn.Module:
        """Return the network with weights still to be loaded."""
        del architecture, arguments
        return TinyNetwork()


def _convolution(n_in: int, n_out: int, kernel: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False)
    normalisation = nn.BatchNorm2d(n_out, momentum=0.3)  # trainings are short: running statistics must follow quickly
    return [convolution, normalisation, nn.ReLU(inplace=True)]
