"""Training speed of ganzoo against Keras fit and PyTorch, and what share of the machine's matrix peak it reaches."""

from __future__ import annotations

import time

import tensorflow as tf
from interleaved import Contender, compare, keep, report

OURS, ALTERNATING, FIT, TORCH = "ganzoo", "ganzoo, alternating", "Keras fit", "PyTorch"


def matrix_peak(size: int = 2048, repeats: int = 5) -> float:
    """Best of some float32 matrix products, in floating-point operations a second."""
    a, b = tf.random.normal((size, size)), tf.random.normal((size, size))
    tf.matmul(a, b)
    best = float("inf")
    for _ in range(repeats):
        begun = time.perf_counter()
        tf.matmul(a, b).numpy()
        best = min(best, time.perf_counter() - begun)
    return 2 * size**3 / best


def step_work() -> float:
    """Floating-point operations of one image in one simultaneous update, by the networks' multiply-adds.

    Generator: forward and twice that backward. Discriminator: forward on real and on fake; backward to the weights and
    the inputs of both, and once more from the generator's loss to the fake image: 2 + 4 + 1 forward passes' worth.
    """
    from contenders.networks_keras import config

    from ganzoo.summary import summarise

    summary = summarise(config("simultaneous"))
    generator, discriminator = summary.generator.multiply_adds, summary.discriminator.multiply_adds
    if generator is None or discriminator is None:
        raise SystemExit("this benchmark needs TensorFlow")
    return 2.0 * (3 * generator + 7 * discriminator)


def main() -> None:
    peak, work = matrix_peak(), step_work()
    contenders = {
        OURS: Contender("train_ganzoo.py", "simultaneous"),
        ALTERNATING: Contender("train_ganzoo.py", "alternating"),
        FIT: Contender("train_keras_fit.py"),
        TORCH: Contender("train_torch.py"),
    }
    rates = compare(contenders, units=1)
    table = report("Training DCGAN-64, batch 64, float32", rates, against=(FIT, TORCH), ours=OURS)
    other = report("The same with alternating updates", rates, against=(FIT, TORCH), ours=ALTERNATING)
    share = sorted(rates[OURS])[len(rates[OURS]) // 2] * work / peak
    print(
        f"\n  float32 matrix peak {peak / 1e9:.0f} GFLOP/s; one image takes {work / 1e9:.2f} GFLOP; share {share:.0%}"
    )
    keep("train_speed", [table, other, {"matrix_peak_gflops": peak / 1e9, "image_gflop": work / 1e9, "share": share}])


if __name__ == "__main__":
    main()
