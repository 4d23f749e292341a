"""The images of a training: sample grids, the loss curves, and the animation at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganzoo import images, latents
from ganzoo.config.experiment import Config
from ganzoo.environment.requirements import is_installed, missing_text
from ganzoo.errors import GanzooError, reason
from ganzoo.inference import animations
from ganzoo.report.history import History
from ganzoo.report.loss_chart import loss_chart
from ganzoo.runs import SAMPLES, Run, step_name
from ganzoo.sample_sheet import preview_latents
from ganzoo.training.class_variety import latent_count, swept_classes

Decode = Callable[[NDArray[np.float32], NDArray[np.int32] | None], NDArray[np.float32]]

Info = Callable[[str], None]
ANIMATION, LOSSES = "training.gif", "losses.png"


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
    images.save(sheet, run.folder / SAMPLES / f"{step_name(step)}.png")


def save_curve(run: Run, *, info: Info = lambda text: None) -> None:
    """Write ``losses.png``, a chart of both losses and of D's scores over the steps.

    Args:
        run: the run. With less than two logged steps, nothing is written.
        info: called with a message if nothing is written.
    """
    if not is_installed("matplotlib"):
        info(missing_text(["matplotlib"], action=LOSSES))
        return
    content = loss_chart(History(run))
    if content is None:
        info(f"The training was too short for {LOSSES}: its log has fewer than two lines (training.log_every)")
        return
    with _reporting(LOSSES, info):
        images.write_atomic(run.folder / LOSSES, content)


def save_animation(run: Run, *, frames: int = 60, info: Info = lambda text: None) -> None:
    """Write ``training.gif`` from up to ``frames`` sample grids. The last one is repeated.

    Args:
        run: the run. With less than two sample grids, nothing is written.
        frames: most sample grids.
        info: called with a message if a grid cannot be read, or the file cannot be written.
    """
    files = run.sample_files()
    if len(files) < 2:
        return
    chosen = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, frames).astype(int))]
    pictures = (images.on_white(Image.open(path)).convert("RGB") for path in [*chosen, *[chosen[-1]] * 10])
    with _reporting(ANIMATION, info):
        animations.save_animation(pictures, run.folder / ANIMATION, frames_per_second=10)


@contextlib.contextmanager
def _reporting(name: str, info: Info) -> Iterator[None]:
    """Report an error in the block: a picture that cannot be written does not fail a training that is complete."""
    try:
        yield
    except (GanzooError, OSError) as error:
        info(f"{name} was not written: {reason(error)}")
