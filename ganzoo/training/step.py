"""One step of a training: its batches, its random numbers, and the updates of its networks.

An objective decides what is computed. A step uses no clock and no file, and (seed, step) fixes every random number.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf

from ganzoo.blocks import _calling
from ganzoo.objectives.experiment import FLIP, LABEL, LATENT, LAYERS, PENALTY, Experiment
from ganzoo.penalties import Generated, Judged, Penalty
from ganzoo.replicas import replica_count, share
from ganzoo.training.ada import AdaptiveAugmentation


@dataclass(frozen=True)
class Batch:
    """Samples of one replica.

    Attributes:
        samples: float32 ``[b, ...]``; images in [-1, 1].
        label: int32 ``[b]``; None in a model without classes.
        latent: float32 ``[b, latent_dim]``, what the samples were generated from; of real samples, what an encoder made
            of them, or None without an encoder.
    """

    samples: tf.Tensor
    label: tf.Tensor | None = None
    latent: tf.Tensor | None = None

    def detached(self) -> Batch:
        """The same batch without gradients to the networks that made it."""
        latent = None if self.latent is None else tf.stop_gradient(self.latent)
        return replace(self, samples=tf.stop_gradient(self.samples), latent=latent)


class Step:
    """What an objective needs during one step. It exists only while the step is traced.

    Every replica takes its share of the batch, of the latents and of the mirroring, and gradients are averaged over
    replicas.

    Attributes:
        config, training: the experiment, and how it is trained.
        number: int64 scalar, the number of the step.
        networks: the networks of the objective by name.
    """

    def __init__(
        self,
        train_step: TrainStep,
        samples: tf.Tensor,
        labels: tf.Tensor,
        indices: tf.Tensor,
        number: tf.Tensor,
        due: Collection[int] | None = None,
    ) -> None:
        self.config = train_step.config
        self.training = train_step.config.training
        self.networks = train_step.networks
        self.number = number
        self._optimizers = train_step.optimizers
        self._ada = train_step.ada
        self._samples, self._labels, self._indices = samples, labels, indices
        self._due = due

    def real(self, turn: int) -> Batch:
        """The real batch of one discriminator update.

        Args:
            turn: number of the discriminator update in this step, from 0.
        """
        indices = share(self._indices[turn])
        real = tf.gather(self._samples, indices)
        if self.config.sample_spec.is_image:
            real = tf.cast(real, tf.float32) / 127.5 - 1.0
            if self.config.data.mirrored:
                draw = tf.random.stateless_uniform([self.training.batch_size], seed=self.seed(FLIP, turn))
                real = tf.where(share(draw)[:, None, None, None] < 0.5, real, real[:, :, ::-1])
        if not self.config.num_classes:
            return Batch(real)
        if not self.config.objective.uses_labels:
            return Batch(real, self.drawn_label(turn))
        return Batch(real, tf.gather(self._labels, indices))

    def drawn_label(self, turn: int) -> tf.Tensor:
        """Classes that do not come from the data: int32 ``[b]``, each equally likely."""
        shape, count = [self.training.batch_size], self.config.num_classes
        seed = self.seed(LABEL, turn)
        return share(tf.random.stateless_uniform(shape, seed=seed, maxval=count, dtype=tf.int32))

    def fake(self, label: tf.Tensor | None, turn: int) -> Batch:
        """A generated batch.

        Args:
            label: the class of each sample; None in a model without classes.
            turn: number of the discriminator update, from 0.
        """
        shape = [self.training.batch_size, self.config.generator.latent_dim]
        seed = self.seed(LATENT, turn)
        if self.config.generator.latent == "uniform":
            latent = tf.random.stateless_uniform(shape, seed=seed, minval=-1.0, maxval=1.0)
        else:
            latent = tf.random.stateless_normal(shape, seed=seed)
        latent = share(latent)
        return Batch(self.generate(latent, label), label, latent)

    def generate(self, latent: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        """Apply the generator."""
        return self.networks["generator"]([latent] if label is None else [latent, label], training=True)

    def discriminate(self, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Apply the discriminator. Returns its outputs, the logits ``[b, 1]`` first."""
        outputs = self.networks["discriminator"](list(inputs), training=True)
        return list(outputs) if isinstance(outputs, list | tuple) else [outputs]

    def augment(self, batch: Batch, turn: int, stream: int) -> Batch:
        """The batch as the discriminator sees it."""
        augment = self.training.augment
        if augment is None:
            return batch
        seed = self.seed(stream, turn)
        if self._ada is None:
            return replace(batch, samples=augment.apply(batch.samples, seed))
        return replace(batch, samples=augment.apply_some(batch.samples, seed, tf.convert_to_tensor(self._ada.p)))

    @contextlib.contextmanager
    def watching(self, side: Sequence[str]) -> Iterator[tf.GradientTape]:
        """A tape that records operations on the trainable weights of the networks with these names only."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([weight.value for weight in self._weights(side)])
            yield tape

    def gradients(self, tape: tf.GradientTape, side: Sequence[str], loss: tf.Tensor) -> list[tf.Tensor]:
        """Dense gradients of all trainable weights. TensorFlow returns slices for embeddings, with another norm."""
        weights = [weight.value for weight in self._weights(side)]
        gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    def move(self, side: Sequence[str], gradients: list[tf.Tensor]) -> tf.Tensor:
        """Update the networks of a side. Returns the global norm of the gradients before clipping."""
        of_generator = side[0] == "generator"
        optimizer = self._optimizers["g_optimizer" if of_generator else "d_optimizer"]
        options = self.training.g_optimizer if of_generator else self.training.d_optimizer
        return _apply(optimizer, self._weights(side), gradients, options.clip_norm)

    def discriminator_penalty(self, real: Judged, fake: Judged, turn: int) -> tf.Tensor | None:
        """Sum of the discriminator's penalties that are due at this step; None without penalties."""
        return self._penalty("discriminator", (real, fake), turn)

    def generator_penalty(self, generated: Generated, turn: int) -> tf.Tensor | None:
        """Sum of the generator's penalties that are due at this step; None without penalties."""
        return self._penalty("generator", (generated,), turn)

    def _penalty(self, network: str, inputs: tuple[Any, ...], turn: int) -> tf.Tensor | None:
        seed, total = self.seed(PENALTY, turn), None
        for place, penalty in enumerate(self.training.penalties):
            if penalty.network != network:
                continue
            # A penalty that is not due must not change the draws of later layer calls.
            layers = tf.random.experimental.stateless_fold_in(seed, place)

            def due(penalty: Any = penalty, layers: tf.Tensor = layers) -> Any:
                with _calling.frozen_state(), _calling.keyed(layers):
                    value = penalty.interval * penalty.penalty(*inputs, seed)
                scale = penalty.scale(self.number, self.training.steps)
                return value if scale is None else scale * value

            value = self._if_due(penalty, due)
            total = value if total is None else total + value
        return total

    def _if_due(self, penalty: Penalty, value: Callable[[], Any]) -> Any:
        """The value at the steps that are multiples of the penalty's interval; zero at the others."""
        if penalty.interval == 1:
            return value()
        if self._due is not None:
            return value() if penalty.interval in self._due else tf.zeros([])
        return tf.cond(self.number % penalty.interval == 0, value, lambda: tf.zeros([]))

    def seed(self, stream: int, turn: int) -> tf.Tensor:
        """Key of one draw, int64 ``[2]``, from the training's seed, the stream, the step and the turn.

        It is the same on all replicas. ``ganzoo.replicas.uniform`` draws for the samples of each.
        """
        return tf.stack([tf.constant(self.training.seed * 8 + stream, tf.int64), self.number * 2**20 + turn])

    def describe(self, real: tf.Tensor, fake: tf.Tensor) -> dict[str, tf.Tensor]:
        """The metrics of the discriminator's logits of real and generated samples."""
        loss = self.training.loss
        real, fake = loss.realness_scores(real, fake)
        return {
            "d_real": tf.reduce_mean(loss.probability(real)),
            "d_fake": tf.reduce_mean(loss.probability(fake)),
            "d_real_accuracy": tf.reduce_mean(tf.cast(real > 0, tf.float32)),
            "d_fake_accuracy": tf.reduce_mean(tf.cast(fake < 0, tf.float32)),
        }

    def _weights(self, side: Sequence[str]) -> list[Any]:
        return [weight for name in side for weight in self.networks[name].trainable_variables]


class TrainStep:
    """The update of one training: ``train_step(samples, labels, indices, number)``, in a replica context.

    Args:
        config: the experiment.
        networks: those of the objective, by name.
        averages: a second network for each name of the objective's ``averaged``, whose weights are the moving average.
        optimizers: ``g_optimizer`` and ``d_optimizer``, built for the trainable weights of their sides.
        ada: the strength of an adaptive augmentation; None without one.
    """

    def __init__(
        self,
        config: Experiment,
        networks: Mapping[str, keras.Model],
        averages: Mapping[str, keras.Model],
        optimizers: Mapping[str, keras.Optimizer],
        *,
        ada: AdaptiveAugmentation | None = None,
    ) -> None:
        self.config = config
        self.networks = networks
        self.averages = averages
        self.optimizers = optimizers
        self.ada = ada

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self,
        samples: tf.Tensor,
        labels: tf.Tensor,
        indices: tf.Tensor,
        step: tf.Tensor,
        due: Collection[int] | None = None,
    ) -> tf.Tensor:
        """Run one step and return its metrics, float32 ``[metrics]``, as named by the objective.

        Args:
            samples: uint8 images ``[n, h, w, c]`` or float32 vectors ``[n, d]``.
            labels: int32 ``[n]``; ignored by a model without classes.
            indices: int32 ``[d_steps, batch]``: the samples of each discriminator update, for all replicas together.
            step: int64 scalar, the number of the step.
            due: the intervals of the penalties that are computed, if the caller knows the step. By default the graph
                decides with ``tf.cond``, in which replicas cannot exchange values.
        """
        objective = self.config.objective
        now = Step(self, samples, labels, indices, step, due)
        with _calling.keyed(now.seed(LAYERS, 0)):
            metrics = objective.update(now)
        self._average(step)
        return tf.stack([tf.cast(metrics[name], tf.float32) for name in objective.metrics(self.config)])

    def _average(self, step: tf.Tensor) -> None:
        """Move the averaged networks towards the trained ones, batch statistics included; ``ema_decay`` 0 copies."""
        training = self.config.training
        decay = tf.constant(training.ema_decay)
        if training.ema_warmup:
            done = tf.cast(step, tf.float32)
            decay = tf.minimum(decay, (1.0 + done) / (10.0 + done))
        for name, averaged in self.averages.items():
            for average, weight in zip(averaged.weights, self.networks[name].weights, strict=True):
                average.assign(decay * average + (1.0 - decay) * tf.convert_to_tensor(weight))


def _apply(
    optimizer: keras.Optimizer, weights: list[Any], gradients: list[tf.Tensor], clip_norm: float | None
) -> tf.Tensor:
    """Update the weights. Returns the global norm of the gradients before clipping."""
    if replica_count() > 1:
        gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
    norm = tf.linalg.global_norm(gradients)
    if clip_norm is not None:
        gradients, _ = tf.clip_by_global_norm(gradients, clip_norm, use_norm=norm)
    optimizer.apply(gradients, weights)
    return norm
