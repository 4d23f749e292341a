"""PyTorch's DCGAN tutorial: https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html

Written from its description. Kept as published: the networks (100 latent dimensions, 64 base channels, no bias),
weights from N(0, 0.02), the loss (binary cross-entropy of a sigmoid), Adam with 2e-4 and beta1 0.5, batches of 128 with
the smaller last one, separate passes for real and fake images, float32, eager mode, and samples with the statistics of
their batch. Different: the data loader reads from memory without worker processes, and nothing is logged. Both make
the training faster on one core.

With ``settings["networks"]``, the networks are those of a ganzoo config instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clock
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch_blocks import network

BATCH, LATENT_DIM, BASE = 128, 100, 64


def tutorial_generator() -> nn.Module:
    layers: list[nn.Module] = []
    sizes = [LATENT_DIM, 8 * BASE, 4 * BASE, 2 * BASE, BASE]
    for number, (before, after) in enumerate(itertools.pairwise(sizes)):
        stride, padding = (2, 1) if number else (1, 0)
        layers += [nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False)]
        layers += [nn.BatchNorm2d(after), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(BASE, 3, 4, 2, 1, bias=False), nn.Tanh())


def tutorial_discriminator() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, BASE, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for width in (BASE, 2 * BASE, 4 * BASE):
        layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * BASE, 1, 4, 1, 0, bias=False), nn.Sigmoid())


def first_weights(layer: nn.Module) -> None:
    """Draw a layer's weights as the tutorial does. It has no dense layer; ganzoo's networks have."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)


class TorchDCGAN:
    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        images = np.load(Path(settings["data"]) / "images.npy")
        self.images = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
        self.networks: dict[str, Any] | None = settings.get("networks")
        self.latent_dim = self.networks["latent_dim"] if self.networks else LATENT_DIM
        torch.manual_seed(settings["seed"])

    def generator(self) -> nn.Module:
        if self.networks is None:
            return tutorial_generator()
        return network(self.networks["generator"], (self.latent_dim,))

    def discriminator(self) -> nn.Module:
        if self.networks is None:
            return tutorial_discriminator()
        return nn.Sequential(network(self.networks["discriminator"], (3, 64, 64)), nn.Sigmoid())

    def build(self, state: Path | None) -> None:
        self.g, self.d = self.generator(), self.discriminator()
        self.g.apply(first_weights)
        self.d.apply(first_weights)
        self.g_optimizer = torch.optim.Adam(self.g.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.d_optimizer = torch.optim.Adam(self.d.parameters(), lr=2e-4, betas=(0.5, 0.999))
        if state:
            saved = torch.load(state / "state.pt", weights_only=True)
            for name, holder in self._holders().items():
                holder.load_state_dict(saved[name])
            torch.set_rng_state(saved["random"])

    def train(self, tick: Callable[[int], None]) -> None:
        while True:
            for rows in torch.randperm(len(self.images)).split(BATCH):
                self.step(self.images[rows].float().div(127.5).sub(1.0))
                tick(len(rows))

    def step(self, real: torch.Tensor) -> None:
        """Update D with a real and a fake batch, then G with the same fake batch."""
        loss, count = nn.BCELoss(), len(real)
        ones, zeros = torch.ones(count), torch.zeros(count)
        self.d.zero_grad()
        loss(self.d(real).view(-1), ones).backward()
        fake = self.g(torch.randn(count, self.latent_dim, 1, 1))
        loss(self.d(fake.detach()).view(-1), zeros).backward()
        self.d_optimizer.step()
        self.g.zero_grad()
        loss(self.d(fake).view(-1), ones).backward()
        self.g_optimizer.step()

    def weights(self) -> clock.Weights:
        return {name: value.numpy().copy() for name, value in self.g.state_dict().items()}

    def _holders(self) -> dict[str, Any]:
        return {"g": self.g, "d": self.d, "g_optimizer": self.g_optimizer, "d_optimizer": self.d_optimizer}

    def save(self, folder: Path) -> None:
        state = {name: holder.state_dict() for name, holder in self._holders().items()}
        torch.save(state | {"random": torch.get_rng_state()}, folder / "state.pt")

    def sample(self, weights: clock.Weights, count: int) -> NDArray[np.uint8]:
        """Generate in whole batches. As in the tutorial, G normalizes with the statistics of its batch."""
        generator = self.generator()
        generator.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        z = torch.from_numpy(clock.latents(-(-count // BATCH) * BATCH, self.latent_dim))[:, :, None, None]
        with torch.no_grad():
            made = torch.cat([generator(part) for part in z.split(BATCH)])[:count]
        pixels = made.add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).contiguous().numpy()


if __name__ == "__main__":
    clock.main(TorchDCGAN)
