"""Training as in PyTorch's DCGAN tutorial: eager mode, a data loader, real and fake batches in turn."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).parents[1]))

from contenders.networks_torch import discriminator, generator
from interleaved import serve

BATCH, LATENT_DIM, IMAGES, STEPS = 64, 100, 2048, 3


def main() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (IMAGES, 3, 64, 64), np.uint8)
    loader = DataLoader(TensorDataset(torch.from_numpy(samples)), batch_size=BATCH, shuffle=True, drop_last=True)
    g, d, criterion = generator(), discriminator(), nn.BCEWithLogitsLoss()
    g_optimizer = torch.optim.Adam(g.parameters(), lr=2e-4, betas=(0.5, 0.999))
    d_optimizer = torch.optim.Adam(d.parameters(), lr=2e-4, betas=(0.5, 0.999))
    batches = iter(loader)

    def step(batch: torch.Tensor) -> None:
        real = batch.float() / 127.5 - 1.0
        d.zero_grad()
        logits = d(real).view(-1)
        criterion(logits, torch.ones_like(logits)).backward()
        fake = g(torch.randn(len(real), LATENT_DIM, 1, 1))
        logits = d(fake.detach()).view(-1)
        criterion(logits, torch.zeros_like(logits)).backward()
        d_optimizer.step()
        g.zero_grad()
        logits = d(fake).view(-1)
        criterion(logits, torch.ones_like(logits)).backward()
        g_optimizer.step()

    def work() -> float:
        nonlocal batches
        begun = time.perf_counter()
        for _ in range(STEPS):
            batch = next(batches, None)
            if batch is None:
                batches = iter(loader)
                batch = next(batches)
            step(batch[0])
        return (time.perf_counter() - begun) / (STEPS * BATCH)

    serve(work)


if __name__ == "__main__":
    main()
