"""One update of both networks. It uses no clock and no file, and (seed, step) fixes every random number."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from ganzoo.blocks import _calling
from ganzoo.config.experiment import Config
from ganzoo.training.ada import AdaptiveAugmentation

METRICS = (
    "d_loss",
    "g_loss",
    "penalty",
    "d_real",
    "d_fake",
    "d_real_accuracy",
    "d_fake_accuracy",
    "d_gradient_norm",
    "g_gradient_norm",
)
"""The metrics of a step. ``d_real`` and ``d_fake``: mean probability, by D, that a real and a generated sample is real;
with the relativistic loss, that it is more real than the other sample of its pair."""

LATENT, FLIP, AUGMENT_REAL, AUGMENT_FAKE, AUGMENT_GENERATOR, PENALTY, LAYERS = range(7)
"""Independent streams of random numbers. ``LAYERS`` is for layers such as dropout."""

Critic = Callable[[tf.Tensor], tf.Tensor]


class TrainStep:
    """The update of one training: ``step(samples, labels, indices, number)``.

    It runs in a replica context of the strategy. Every replica takes its share of the batch, of the latents and of the
    mirroring, and gradients are averaged over replicas. So the weights do not depend on the number of replicas, except
    through batch normalization, dropout and augmentation, which work on each replica separately.

    Args:
        config: the experiment.
        generator, discriminator: the two networks.
        ema: a second generator, whose weights are the moving average of those of ``generator``.
        g_optimizer, d_optimizer: built for the trainable weights of the two networks.
        ada: the strength of an adaptive augmentation; None without one.
    """

    def __init__(
        self,
        config: Config,
        generator: keras.Model,
        discriminator: keras.Model,
        ema: keras.Model,
        g_optimizer: keras.Optimizer,
        d_optimizer: keras.Optimizer,
        *,
        ada: AdaptiveAugmentation | None = None,
    ) -> None:
        self.config = config
        self.training = config.training
        self.generator = generator
        self.discriminator = discriminator
        self.ema = ema
        self.g_optimizer = g_optimizer
        self.d_optimizer = d_optimizer
        self.ada = ada

    @tf.autograph.experimental.do_not_convert
    def __call__(self, samples: tf.Tensor, labels: tf.Tensor, indices: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Run one step and return its metrics, float32 ``[len(METRICS)]``.

        Args:
            samples: uint8 images ``[n, h, w, c]`` or float32 vectors ``[n, d]``.
            labels: int32 ``[n]``; ignored by a model without classes.
            indices: int32 ``[d_steps, batch]``: the samples of each discriminator update, for all replicas together.
            step: int64 scalar, the number of the step.
        """
        with _calling.keyed(self._seed(LAYERS, step, 0, own=True)):
            if self.training.update == "simultaneous":
                metrics = self._simultaneous(samples, labels, indices[0], step)
            else:
                metrics = self._alternating(samples, labels, indices, step)
        self._average(step)
        return tf.stack([tf.cast(metrics[name], tf.float32) for name in METRICS])

    def _alternating(self, samples: Any, labels: Any, indices: Any, step: Any) -> dict[str, Any]:
        """Discriminator updates, then one generator update that reuses the last generated batch."""
        last = self.training.d_steps - 1
        for turn in range(last):
            real, label = self._real(samples, labels, indices[turn], step, turn)
            self._update_discriminator(real, self._fake(label, step, turn), label, step, turn)
        real, label = self._real(samples, labels, indices[last], step, last)
        with _watching(self.generator) as tape:
            fake = self._fake(label, step, last)
            with tape.stop_recording():
                metrics = self._update_discriminator(real, fake, label, step, last)
            critic = self._critic(label)
            logits = critic(self._augment(fake, step, last, AUGMENT_GENERATOR))
            needs_real = self.training.loss.generator_needs_real
            seen = self._augment(real, step, last, AUGMENT_REAL)
            g_loss = self.training.loss.generator(critic(seen) if needs_real else tf.zeros_like(logits), logits)
        norm = self._move_generator(_gradients(tape, self.generator, g_loss))
        return metrics | {"g_loss": g_loss, "g_gradient_norm": norm}

    def _simultaneous(self, samples: Any, labels: Any, indices: Any, step: Any) -> dict[str, Any]:
        """Both updates from one pass through the generator and one through the discriminator."""
        real, label = self._real(samples, labels, indices, step, 0)
        critic = self._critic(label)
        seen = self._augment(real, step, 0, AUGMENT_REAL)
        with _watching(self.generator) as g_tape:
            fake = self._augment(self._fake(label, step, 0), step, 0, AUGMENT_FAKE)
            with _watching(self.discriminator) as d_tape:
                real_logits, fake_logits = critic(seen), critic(fake)
                d_loss = self.training.loss.discriminator(real_logits, fake_logits)
                with g_tape.stop_recording():
                    penalty = self._penalty(critic, seen, tf.stop_gradient(fake), step, 0)
                total = d_loss + penalty
            g_loss = self.training.loss.generator(real_logits, fake_logits)
        g_gradients = _gradients(g_tape, self.generator, g_loss)
        d_norm = self._move_discriminator(_gradients(d_tape, self.discriminator, total))
        g_norm = self._move_generator(g_gradients)
        metrics = self._describe(real_logits, fake_logits, d_loss, penalty)
        return metrics | {"d_gradient_norm": d_norm, "g_loss": g_loss, "g_gradient_norm": g_norm}

    def _update_discriminator(self, real: Any, fake: Any, label: Any, step: Any, turn: int) -> dict[str, Any]:
        critic = self._critic(label)
        real = self._augment(real, step, turn, AUGMENT_REAL)
        fake = self._augment(tf.stop_gradient(fake), step, turn, AUGMENT_FAKE)
        with _watching(self.discriminator) as tape:
            real_logits, fake_logits = critic(real), critic(fake)
            d_loss = self.training.loss.discriminator(real_logits, fake_logits)
            penalty = self._penalty(critic, real, fake, step, turn)
            total = d_loss + penalty
        norm = self._move_discriminator(_gradients(tape, self.discriminator, total))
        return self._describe(real_logits, fake_logits, d_loss, penalty) | {"d_gradient_norm": norm}

    def _move_generator(self, gradients: list[tf.Tensor]) -> tf.Tensor:
        return _apply(self.g_optimizer, self.generator, gradients, self.training.g_optimizer.clip_norm)

    def _move_discriminator(self, gradients: list[tf.Tensor]) -> tf.Tensor:
        return _apply(self.d_optimizer, self.discriminator, gradients, self.training.d_optimizer.clip_norm)

    def _penalty(self, critic: Critic, real: Any, fake: Any, step: Any, turn: int) -> Any:
        """Sum of the penalties that are due at this step."""
        total = tf.zeros([])
        seed = self._seed(PENALTY, step, turn, own=True)
        for penalty in self.training.penalties:

            def due(penalty: Any = penalty) -> Any:
                with _calling.frozen_state():
                    value = penalty.interval * penalty.penalty(critic, real, fake, seed)
                scale = penalty.scale(step, self.training.steps)
                return value if scale is None else scale * value

            total += (
                due() if penalty.interval == 1 else tf.cond(step % penalty.interval == 0, due, lambda: tf.zeros([]))
            )
        return total

    def _real(self, samples: Any, labels: Any, indices: Any, step: Any, turn: int) -> tuple[Any, Any]:
        """One batch of real samples as inputs of the networks, and its labels."""
        indices = _share(indices)
        real = tf.gather(samples, indices)
        if self.config.sample_spec.is_image:
            real = tf.cast(real, tf.float32) / 127.5 - 1.0
            if self.config.data.mirrored:
                draw = tf.random.stateless_uniform([self.training.batch_size], seed=self._seed(FLIP, step, turn))
                real = tf.where(_share(draw)[:, None, None, None] < 0.5, real, real[:, :, ::-1])
        return real, tf.gather(labels, indices)

    def _fake(self, label: Any, step: Any, turn: int) -> Any:
        """One batch of generated samples, of the same classes as the real ones."""
        shape = [self.training.batch_size, self.config.generator.latent_dim]
        seed = self._seed(LATENT, step, turn)
        if self.config.generator.latent == "uniform":
            latent = tf.random.stateless_uniform(shape, seed=seed, minval=-1.0, maxval=1.0)
        else:
            latent = tf.random.stateless_normal(shape, seed=seed)
        latent = _share(latent)
        return self.generator([latent, label] if self.config.num_classes else [latent], training=True)

    def _critic(self, label: Any) -> Critic:
        """The discriminator as a function of the samples alone."""
        inputs = [label] if self.config.num_classes else []
        return lambda samples: self.discriminator([samples, *inputs], training=True)

    def _augment(self, images: Any, step: Any, turn: int, stream: int) -> Any:
        augment = self.training.augment
        if augment is None:
            return images
        seed = self._seed(stream, step, turn, own=True)
        if self.ada is None:
            return augment.apply(images, seed)
        return augment.apply_some(images, seed, tf.convert_to_tensor(self.ada.p))

    def _seed(self, stream: int, step: Any, turn: int, *, own: bool = False) -> Any:
        """Key of one draw, int64 ``[2]``, from the training's seed, the stream, the step and the turn.

        With ``own``, each replica has its own key; that of the first replica equals the key without replicas.
        """
        draw: Any = turn
        if own:
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            draw = tf.cast(replica, tf.int64) * self.training.d_steps + turn
        return tf.stack([tf.constant(self.training.seed * 8 + stream, tf.int64), step * 2**20 + draw])

    def _describe(self, real: Any, fake: Any, d_loss: Any, penalty: Any) -> dict[str, Any]:
        real, fake = self.training.loss.realness_scores(real, fake)
        return {
            "d_loss": d_loss,
            "penalty": penalty,
            "d_real": tf.reduce_mean(tf.sigmoid(real)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake)),
            "d_real_accuracy": tf.reduce_mean(tf.cast(real > 0, tf.float32)),
            "d_fake_accuracy": tf.reduce_mean(tf.cast(fake < 0, tf.float32)),
        }

    def _average(self, step: Any) -> None:
        """Move the averaged generator towards the generator, batch statistics included; ``ema_decay`` 0 copies it."""
        decay = tf.constant(self.training.ema_decay)
        if self.training.ema_warmup:
            done = tf.cast(step, tf.float32)
            decay = tf.minimum(decay, (1.0 + done) / (10.0 + done))
        for average, weight in zip(self.ema.weights, self.generator.weights, strict=True):
            average.assign(decay * average + (1.0 - decay) * tf.convert_to_tensor(weight))


@contextlib.contextmanager
def _watching(model: keras.Model) -> Iterator[tf.GradientTape]:
    """A tape that records operations on the trainable weights of the model only."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([weight.value for weight in model.trainable_variables])
        yield tape


def _share(batch: tf.Tensor) -> tf.Tensor:
    """The part of the first axis for this replica."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    if replicas == 1:
        return batch
    size = tf.shape(batch)[0] // replicas
    return batch[context.replica_id_in_sync_group * size :][:size]


def _gradients(tape: tf.GradientTape, model: keras.Model, loss: tf.Tensor) -> list[tf.Tensor]:
    """Dense gradients of all trainable weights. TensorFlow returns slices for embeddings, with another norm."""
    weights = [weight.value for weight in model.trainable_variables]
    gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [tf.convert_to_tensor(gradient) for gradient in gradients]


def _apply(
    optimizer: keras.Optimizer, model: keras.Model, gradients: list[tf.Tensor], clip_norm: float | None
) -> tf.Tensor:
    """Update the model. Returns the global norm of the gradients before clipping."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    if replicas > 1:
        gradients = context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
    norm = tf.linalg.global_norm(gradients)
    if clip_norm is not None:
        gradients, _ = tf.clip_by_global_norm(gradients, clip_norm, use_norm=norm)
    if replicas > 1:  # Keras sums the gradients of the replicas
        gradients = [gradient / replicas for gradient in gradients]
    optimizer.apply(gradients, model.trainable_variables)
    return norm
