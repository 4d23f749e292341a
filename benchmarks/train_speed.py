"""Training speed of ganzoo against Keras fit and PyTorch, and what share of the machine's matrix peak it reaches."""

from __future__ import annotations

from statistics import median

from interleaved import Contender, compare, keep, report

OURS, ALTERNATING, TORCH = "ganzoo", "ganzoo, alternating", "PyTorch"
FIT, FIT_ONE_DNN, PEAK = "Keras fit", "Keras fit, oneDNN on", "matrix product"


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
    contenders = {
        OURS: Contender("train_ganzoo.py", "simultaneous"),
        ALTERNATING: Contender("train_ganzoo.py", "alternating"),
        FIT: Contender("train_keras_fit.py"),
        FIT_ONE_DNN: Contender("train_keras_fit.py", one_dnn=True),
        TORCH: Contender("train_torch.py"),
        PEAK: Contender("matrix_product.py"),
    }
    rates = compare(contenders, units=1)
    peaks, work = rates.pop(PEAK), step_work() / 1e9
    title = "Training DCGAN-64, batch 64, float32"
    table = report(title, rates, ours=(OURS, ALTERNATING), against=(FIT, FIT_ONE_DNN, TORCH))
    peak = median(peaks)
    share = median(rate * work / product for rate, product in zip(rates[OURS], peaks, strict=True))
    print(f"\n  float32 matrix peak {peak:.0f} GFLOP/s; one image takes {work:.2f} GFLOP; share {share:.0%}")
    keep("train_speed", [table, {"matrix_peak_gflops": peak, "image_gflop": work, "share": share}])


if __name__ == "__main__":
    main()
