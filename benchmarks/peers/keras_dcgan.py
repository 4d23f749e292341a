"""keras.io's DCGAN example: https://keras.io/examples/generative/dcgan_overriding_train_step/

Written from its description. Kept as published: the networks (128 latent dimensions), batches of 32, Adam with 1e-4,
binary cross-entropy of a sigmoid with noisy labels, real images in [0, 1] labeled 0, ``compile`` and ``fit`` of Keras
3 on TensorFlow with Keras' defaults. Different: the images are already in memory, they are shuffled as a whole, and the
progress bar is off. All three favor the example.

Keras' default is no XLA on a CPU. TensorFlow's default on some processors is no oneDNN: there the protocol turns it on,
because a step then takes less than half the time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import clock
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

BATCH, LATENT_DIM, LEARNING_RATE, LABEL_NOISE, FOREVER = 32, 128, 1e-4, 0.05, 1_000_000


def generator() -> keras.Model:
    parts: list[Any] = [keras.Input((LATENT_DIM,)), layers.Dense(8 * 8 * 128), layers.Reshape((8, 8, 128))]
    for channels in (128, 256, 512):
        parts += [layers.Conv2DTranspose(channels, 4, strides=2, padding="same"), layers.LeakyReLU(0.2)]
    return keras.Sequential([*parts, layers.Conv2D(3, 5, padding="same", activation="sigmoid")])


def discriminator() -> keras.Model:
    parts: list[Any] = [keras.Input((64, 64, 3))]
    for channels in (64, 128, 128):
        parts += [layers.Conv2D(channels, 4, strides=2, padding="same"), layers.LeakyReLU(0.2)]
    return keras.Sequential([*parts, layers.Flatten(), layers.Dropout(0.2), layers.Dense(1, activation="sigmoid")])


class GAN(keras.Model):
    """One step: D on fake and real images in one batch, then G on new latents."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator, self.discriminator = generator(), discriminator()
        self.seeds = keras.random.SeedGenerator(seed)
        self.loss_of = keras.losses.BinaryCrossentropy()
        self.g_optimizer = keras.optimizers.Adam(LEARNING_RATE)
        self.d_optimizer = keras.optimizers.Adam(LEARNING_RATE)
        self.means = {name: keras.metrics.Mean(name=name) for name in ("d_loss", "g_loss")}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self.means.values())

    def latents(self, count: Any) -> Any:
        return keras.random.normal((count, LATENT_DIM), seed=self.seeds)

    def train_step(self, real: Any) -> dict[str, Any]:
        count = tf.shape(real)[0]
        images = tf.concat([self.generator(self.latents(count)), real], 0)
        labels = tf.concat([tf.ones((count, 1)), tf.zeros((count, 1))], 0)
        labels += LABEL_NOISE * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            d_loss = self.loss_of(labels, self.discriminator(images))
        self._update(self.d_optimizer, tape, d_loss, self.discriminator)
        z = self.latents(count)
        with tf.GradientTape() as tape:
            g_loss = self.loss_of(tf.zeros((count, 1)), self.discriminator(self.generator(z)))
        self._update(self.g_optimizer, tape, g_loss, self.generator)
        for name, value in (("d_loss", d_loss), ("g_loss", g_loss)):
            self.means[name].update_state(value)
        return {name: mean.result() for name, mean in self.means.items()}

    @staticmethod
    def _update(optimizer: Any, tape: Any, loss: Any, network: keras.Model) -> None:
        weights = network.trainable_weights
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))


class Ticks(keras.callbacks.Callback):
    def __init__(self, tick: Callable[[int], None], images: int) -> None:
        super().__init__()
        self.tick, self.images = tick, images

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.tick(min(BATCH, self.images - batch * BATCH))


class KerasDCGAN:
    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.images = tf.constant(np.load(Path(settings["data"]) / "images.npy"))

    def build(self, state: Path | None) -> None:
        keras.utils.set_random_seed(self.settings["seed"])
        self.gan = GAN(self.settings["seed"])
        self.gan.g_optimizer.build(self.gan.generator.trainable_variables)
        self.gan.d_optimizer.build(self.gan.discriminator.trainable_variables)
        self.gan.compile()
        if state:
            with np.load(state / "state.npz") as saved:
                for number, variable in enumerate(self._variables()):
                    variable.assign(saved[f"arr_{number}"])

    def train(self, tick: Callable[[int], None]) -> None:
        count = len(self.images)
        rows = tf.data.Dataset.range(count).shuffle(count).batch(BATCH)
        data = rows.map(lambda chosen: tf.cast(tf.gather(self.images, chosen), tf.float32) / 255.0)
        self.gan.fit(data.prefetch(2), epochs=FOREVER, verbose=0, callbacks=[Ticks(tick, count)])

    def weights(self) -> clock.Weights:
        return {f"{number:02d}": value for number, value in enumerate(self.gan.generator.get_weights())}

    def _variables(self) -> list[Any]:
        gan = self.gan
        holders = (gan.generator, gan.discriminator, gan.g_optimizer, gan.d_optimizer)
        return [variable for holder in holders for variable in holder.variables] + [gan.seeds.state]

    def save(self, folder: Path) -> None:
        np.savez(folder / "state.npz", *[np.asarray(variable) for variable in self._variables()])

    def sample(self, weights: clock.Weights, count: int) -> NDArray[np.uint8]:
        network = generator()
        network.set_weights([weights[name] for name in sorted(weights)])
        made = network.predict(clock.latents(count, LATENT_DIM), batch_size=50, verbose=0)
        return np.clip(np.round(made * 255), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    clock.main(KerasDCGAN)
