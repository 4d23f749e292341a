"""The base class of objectives. An objective owns the networks of a training, and one step of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ganzoo.architectures.shapes import BlockChain, block_chain
from ganzoo.objectives.experiment import Experiment
from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    import keras
    from tensorflow import Tensor

    from ganzoo.training.step import Step

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
"""The metrics of every step. ``d_real`` and ``d_fake``: mean probability, by D, that a real and a generated sample is
real; with the relativistic loss, that it is more real than the other sample of its pair. ``Loss.probability`` computes
it."""


class Objective(Part):
    """What a training optimizes.

    There are two sides. ``g_optimizer`` trains the networks of the generator's side, ``d_optimizer`` those of the
    discriminator's side. Every objective has at least a generator, which is exported, and a discriminator.
    """

    generator_side: ClassVar[tuple[str, ...]] = ("generator",)
    """Names of the networks that ``g_optimizer`` trains. ``generator`` is the first."""
    discriminator_side: ClassVar[tuple[str, ...]] = ("discriminator",)
    """Names of the networks that ``d_optimizer`` trains. ``discriminator`` is the first."""
    averaged: ClassVar[tuple[str, ...]] = ("generator",)
    """The networks with a moving average of their weights. ``generator`` is the first; the average is exported."""
    extra_metrics: ClassVar[tuple[str, ...]] = ()
    """Names of the metrics that ``update`` returns in addition to ``METRICS``. If they depend on the config, override
    ``metrics``."""
    exported_encoder: ClassVar[str | None] = None
    """The name in ``averaged`` of a network from samples to latents, which every bundle of a training contains."""
    scores_samples: ClassVar[bool] = True
    """Whether the discriminator scores a sample (with its label), so that it can be exported as a critic."""
    adds_loss_term_of_head: ClassVar[bool] = False
    """Whether ``update`` adds the ``loss_term`` of the discriminator's head. If not, heads that need it are refused."""
    uses_labels: ClassVar[bool] = True
    """Whether the classes of the data are those of the generator. Otherwise the training finds its own classes."""
    conditional_discriminator: ClassVar[bool] = True
    """Whether the discriminator of a model with classes has the label as an input."""

    def latent_codes(self) -> int:
        """How many of the first entries of the latent are continuous codes, which the training gives a meaning."""
        return 0

    def check(self, config: Experiment) -> None:
        """Check that this objective works with the rest of a config. Needs no TensorFlow.

        Raises:
            ConfigError: with one line that names the keys.
        """

    def networks(self, config: Experiment) -> dict[str, keras.Model]:
        """Build all networks of the two sides, by name.

        Args:
            config: the experiment; ``training.seed`` fixes the first weights, ``training.precision`` the dtype policy.
        """
        raise NotImplementedError

    def block_chains(self, config: Experiment) -> dict[str, BlockChain]:
        """The blocks of networks by name, for ``ganzoo show``. Needs no TensorFlow.

        A network may have further layers, or be left out: ``ganzoo show`` then lists its layers that have weights.
        """
        shape = config.sample_shape
        return {
            "generator": block_chain((config.latent_width,), config.generator.expand(shape)),
            "discriminator": block_chain(shape, config.discriminator.expand(shape), head="head"),
        }

    def averages(self, config: Experiment) -> dict[str, keras.Model]:
        """Build a second network, in float32, for each name of ``averaged``, with the same first weights."""
        from ganzoo.training import networks

        return {"generator": networks.build_generator(config)}

    def update(self, step: Step) -> dict[str, Tensor]:
        """Update all networks once. Returns float32 scalars with the names of ``metrics``.

        It is traced once into a graph, so it must not depend on a clock, a file or Python's random numbers.

        Args:
            step: the batches, the networks and the random numbers of this step.
        """
        raise NotImplementedError

    def metrics(self, config: Experiment) -> tuple[str, ...]:
        """The names of all metrics of a step, ``METRICS`` first."""
        return (*METRICS, *self.extra_metrics)


objectives: Registry[Objective] = Registry("objectives", kind="objective", base=Objective, package="ganzoo.objectives")
