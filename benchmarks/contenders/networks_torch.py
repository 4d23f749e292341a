"""The networks of the benchmarks in PyTorch, as in PyTorch's DCGAN tutorial."""

from __future__ import annotations

from torch import nn


def generator(latent_dim: int = 100, base: int = 64) -> nn.Module:
    layers: list[nn.Module] = [nn.ConvTranspose2d(latent_dim, base * 8, 4, 1, 0, bias=False)]
    for factor in (8, 4, 2):
        layers += [nn.BatchNorm2d(base * factor), nn.ReLU(True)]
        layers += [nn.ConvTranspose2d(base * factor, base * factor // 2, 4, 2, 1, bias=False)]
    layers += [nn.BatchNorm2d(base), nn.ReLU(True), nn.ConvTranspose2d(base, 3, 4, 2, 1), nn.Tanh()]
    return nn.Sequential(*layers)


def discriminator(base: int = 64) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, base, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    for factor in (1, 2, 4):
        layers += [nn.Conv2d(base * factor, base * factor * 2, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(base * factor * 2), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(base * 8, 1, 4, 1, 0))
