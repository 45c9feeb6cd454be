"""The encoder contract: a network without head, its transform, and who it is."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import nn

from featkit.core.errors import InputError
from featkit.core.provenance import versions
from featkit.encoders.transform import Transform


class Encoder(nn.Module):
    """A network that turns patches into embeddings, together with everything needed to name and rebuild it.

    Parameters
    ----------
    network : nn.Module
        Takes float32 (b, 3, height, width) and returns (b, d).
    transform : Transform
        What patches go through before.
    name : str
        What the user asked for ("timm:resnet50").
    family, architecture : str
        Entry of `featkit.encoders.ENCODERS` and the name that builds the network there.
    arguments : dict, optional
        JSON-ready arguments the network was built with.
    weights : str
        Where the weights came from: "pretrained", "random (seed 0)", a file name, "trained".

    Attributes
    ----------
    n_dimensions : int
        Length d of an embedding, found by running the network once.
    """

    def __init__(
        self,
        network: nn.Module,
        transform: Transform,
        *,
        name: str,
        family: str,
        architecture: str,
        arguments: dict[str, Any] | None = None,
        weights: str,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.transform = transform
        self.name = name
        self.family = family
        self.architecture = architecture
        self.arguments = dict(arguments or {})
        self.weights = weights
        self.n_dimensions = self._probe()
        self.eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return embeddings (b, d) of standardised patches (b, 3, height, width), with gradients where wanted."""
        return self.network(images)

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Return embeddings without gradients.

        Parameters
        ----------
        images : tensor of float32, shape (b, 3, height, width)
            Patches as ``transform`` gives them, on the encoder's device.

        Returns
        -------
        tensor of float32, shape (b, d)

        Raises
        ------
        InputError
            If any part of the network is in training mode: dropout and batch statistics would make the embedding of
            a patch depend on chance and on the other patches.
        """
        if any(part.training for part in self.modules()):
            raise InputError("encoder must be in eval mode to embed", "training mode", "Call encoder.eval() first")
        with torch.inference_mode():
            return self.network(images).float()

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of names, types, shapes and bytes of all weights and buffers as they are now."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    def describe(self) -> dict[str, Any]:
        """Return a JSON-ready record of who the encoder is: enough to rebuild it and to tell two apart."""
        pool = getattr(self.network, "global_pool", None)
        return {
            "name": self.name,
            "family": self.family,
            "architecture": self.architecture,
            "arguments": self.arguments,
            "n_dimensions": self.n_dimensions,
            "n_parameters": sum(p.numel() for p in self.network.parameters()),
            "pooling": str(getattr(pool, "pool_type", pool)) if isinstance(pool, nn.Module) else str(pool or ""),
            "transform": self.transform.to_dict(),
            "transform_sha256": self.transform.sha256,
            "weights": self.weights,
            "weights_sha256": self.weights_sha256,
            "versions": {k: v for k, v in versions().items() if k in ("featkit", "torch", "timm")},
        }

    def _probe(self) -> int:
        self.network.eval()
        device = next(self.network.parameters()).device
        try:
            with torch.inference_mode():
                output = self.network(torch.zeros(1, 3, *self.transform.size, device=device))
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:  # however a network refuses its input
            height, width = self.transform.size
            reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
            raise InputError(
                f"{self.name} must take RGB patches of {height} x {width} pixels", reason, "Choose another encoder"
            ) from None
        if not isinstance(output, torch.Tensor) or output.ndim != 2:
            shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            raise InputError(
                f"{self.name} must give one vector per patch", shape, "Choose an encoder with global pooling"
            )
        return int(output.shape[1])
