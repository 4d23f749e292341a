"""The images of a training: sample grids, the loss curves, and the animation at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ganzoo import images, latents
from ganzoo.config.experiment import Config
from ganzoo.inference import animations
from ganzoo.runs import SAMPLES, Run
from ganzoo.sample_sheet import preview_latents
from ganzoo.training.class_variety import latent_count, swept_classes

Decode = Callable[[NDArray[np.float32], NDArray[np.int32] | None], NDArray[np.float32]]

D_COLOR, G_COLOR, LINE_COLOR, BACKGROUND = (31, 119, 180), (214, 90, 20), (60, 60, 60), (255, 255, 255)


def sampler(config: Config, generator: keras.Model) -> Callable[[], NDArray[np.float32]]:
    """A function that makes the generator's preview, float32 samples ``[n, ...]``, always from the same seeds."""
    z, labels = preview_latents(
        config.sample_spec,
        latent_dim=config.generator.latent_dim,
        distribution=config.generator.latent,
        num_classes=config.num_classes,
    )
    return partial(decoder(config, generator), z, labels)


def class_sampler(config: Config, generator: keras.Model) -> Callable[[], NDArray[np.float32]] | None:
    """A function that makes the class preview of a conditional model: float32 ``[latents, classes, ...]``.

    Each latent, those of the first seeds of the preview, is generated in each of ``swept_classes``. None for a model
    without classes. At most 64 samples are generated at a time, as in the preview, so that memory suffices.
    """
    if not config.num_classes:
        return None
    classes, count = swept_classes(config.num_classes), latent_count(config.sample_spec)
    z = latents.latents(range(count), dim=config.generator.latent_dim, distribution=config.generator.latent)
    z, labels = z.repeat(len(classes), axis=0), np.tile(classes, count)
    decode = decoder(config, generator)

    def sample() -> NDArray[np.float32]:
        parts = [decode(z[start : start + 64], labels[start : start + 64]) for start in range(0, len(z), 64)]
        return np.concatenate(parts).reshape(count, len(classes), *config.sample_shape)

    return sample


def decoder(config: Config, generator: keras.Model) -> Decode:
    """Return a function from latents ``[n, latent_dim]`` and, for a conditional model, classes ``[n]`` to samples."""

    def decode(z: NDArray[np.float32], labels: NDArray[np.int32] | None = None) -> NDArray[np.float32]:
        inputs: list[Any] = [keras.ops.convert_to_tensor(z)]
        if config.num_classes:
            inputs.append(keras.ops.convert_to_tensor(labels))
        return keras.ops.convert_to_numpy(generator(inputs, training=False))

    return decode


def save_samples(run: Run, step: int, sheet: NDArray[np.uint8]) -> None:
    """Save a sample grid in the run folder."""
    images.save(sheet, run.folder / SAMPLES / f"step-{step:08d}.png")


def save_curve(run: Run, *, size: tuple[int, int] = (800, 400)) -> None:
    """Write ``losses.png``, a chart of both losses over the steps."""
    log = [record for record in run.log() if "d_loss" in record]
    if len(log) < 2:
        return
    chart = Image.new("RGB", size, BACKGROUND)
    pen = ImageDraw.Draw(chart)
    left, top, right, bottom = 60, 20, size[0] - 20, size[1] - 40
    curves = {key: np.array([record[key] for record in log], float) for key in ("d_loss", "g_loss")}
    steps = np.array([record["step"] for record in log], float)
    low, high = _limits(list(curves.values()))
    pen.rectangle((left, top, right, bottom), outline=LINE_COLOR)
    for text, x, y, anchor in (
        (f"{high:.2f}", left - 6, top, "rm"),
        (f"{low:.2f}", left - 6, bottom, "rm"),
        (f"{steps[0]:.0f}", left, bottom + 14, "lm"),
        (f"step {steps[-1]:.0f}", right, bottom + 14, "rm"),
    ):
        pen.text((x, y), text, fill=LINE_COLOR, anchor=anchor)
    for number, (key, color) in enumerate((("d_loss", D_COLOR), ("g_loss", G_COLOR))):
        across = left + (right - left) * (steps - steps[0]) / max(1.0, steps[-1] - steps[0])
        down = bottom - (bottom - top) * np.clip((curves[key] - low) / (high - low), 0, 1)
        pen.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill=color, width=2)
        pen.text((left + 8, top + 12 + 16 * number), key, fill=color, anchor="lm")
    images.save(chart, run.folder / "losses.png")


def save_animation(run: Run, *, frames: int = 60) -> None:
    """Write ``training.gif`` from up to ``frames`` sample grids. The last one is repeated."""
    files = run.sample_files()
    if len(files) < 2:
        return
    chosen = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, frames).astype(int))]
    pictures = (images.on_white(Image.open(path)).convert("RGB") for path in [*chosen, *[chosen[-1]] * 10])
    animations.save_animation(pictures, run.folder / "training.gif", frames_per_second=10)


def _limits(curves: Sequence[NDArray[np.floating]]) -> tuple[float, float]:
    """Return the lower and upper limit of the axis. The lowest and the highest 1% of the values may be outside."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values)]
    low, high = float(np.quantile(values, 0.01)), float(np.quantile(values, 0.99))
    return (min(0.0, low), high if high > low else low + 1.0)
