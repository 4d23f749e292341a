"""Training as in the Keras guide: a compiled Model with its own train_step, and fit on a tf.data pipeline."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parents[1]))

from contenders.networks_keras import BATCH, IMAGES, LATENT_DIM, config
from interleaved import serve

from ganzoo.training.networks import build_discriminator, build_generator

STEPS = 3


class GAN(keras.Model):
    """Updates the discriminator, then the generator, each with new noise."""

    def __init__(self, generator: keras.Model, discriminator: keras.Model) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.d_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
        self.g_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

    def train_step(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        batch = tf.shape(real)[0]
        fake = self.generator(tf.random.normal((batch, LATENT_DIM)), training=True)
        with tf.GradientTape() as tape:
            real_logits = self.discriminator(real, training=True)
            fake_logits = self.discriminator(fake, training=True)
            d_loss = self.loss_fn(tf.ones_like(real_logits), real_logits)
            d_loss += self.loss_fn(tf.zeros_like(fake_logits), fake_logits)
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights, strict=True))
        with tf.GradientTape() as tape:
            logits = self.discriminator(
                self.generator(tf.random.normal((batch, LATENT_DIM)), training=True), training=True
            )
            g_loss = self.loss_fn(tf.ones_like(logits), logits)
        weights = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights, strict=True))
        return {"d_loss": d_loss, "g_loss": g_loss}


def main() -> None:
    settings = config("alternating")
    samples = np.random.default_rng(0).integers(0, 256, (IMAGES, 64, 64, 3), np.uint8)
    data = tf.data.Dataset.from_tensor_slices(samples).shuffle(IMAGES).repeat().batch(BATCH, drop_remainder=True)
    data = data.map(lambda x: tf.cast(x, tf.float32) / 127.5 - 1.0, num_parallel_calls=tf.data.AUTOTUNE)
    gan = GAN(build_generator(settings), build_discriminator(settings))
    gan.compile()
    data = data.prefetch(tf.data.AUTOTUNE)

    def work() -> float:
        begun = time.perf_counter()
        gan.fit(data, steps_per_epoch=STEPS, epochs=1, verbose=0)
        return (time.perf_counter() - begun) / (STEPS * BATCH)

    serve(work)


if __name__ == "__main__":
    main()
