"""Compares the training speed of ganzoo with Keras fit and PyTorch, and with the matrix peak of the machine."""

from __future__ import annotations

from statistics import median

from interleaved import Contender, compare, keep, report

OURS, ALTERNATING, TORCH = "ganzoo", "ganzoo, alternating", "PyTorch"
FIT, FIT_ONE_DNN, PEAK = "Keras fit", "Keras fit, oneDNN on", "matrix product"


def step_work() -> float:
    """Return the floating-point operations per image of a simultaneous update, from the multiply-adds of the networks.

    The unit is the cost of one forward pass. The generator costs 3: its forward pass (1) and its backward pass (2). The
    discriminator costs 7: the forward passes of real and fake images (2), the gradients of the weights and the inputs
    of both (4), and the gradient of the generator's loss at the fake images (1).
    """
    from contenders.networks_keras import config

    from ganzoo.training.network_costs import summarize_with_costs

    summary = summarize_with_costs(config("simultaneous"))
    generator, discriminator = summary.generator.multiply_adds, summary.discriminator.multiply_adds
    if generator is None or discriminator is None:
        raise SystemExit("This benchmark needs TensorFlow: pip install -e '.[train]'")
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
