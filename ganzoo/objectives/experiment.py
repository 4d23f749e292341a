"""What an objective knows about its experiment: the config, and the streams of random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ganzoo.architectures.base import DiscriminatorConfig, GeneratorConfig
    from ganzoo.blocks.base import Shape
    from ganzoo.config.training import TrainingConfig
    from ganzoo.data.base import DataSource
    from ganzoo.sample_spec import SampleSpec

LATENT, FLIP, AUGMENT_REAL, AUGMENT_FAKE, AUGMENT_GENERATOR, PENALTY, LAYERS, LABEL = range(8)
"""Independent streams of random numbers, for ``Step.seed``. ``LAYERS`` is for layers such as dropout."""


class Experiment(Protocol):
    """What objectives, networks and steps read of a config. It is the type of ``ganzoo.config.experiment.Config`` for
    files that the config itself imports. ``objective`` is an ``Objective``.
    """

    @property
    def data(self) -> DataSource: ...
    @property
    def num_classes(self) -> int: ...
    @property
    def generator(self) -> GeneratorConfig: ...
    @property
    def discriminator(self) -> DiscriminatorConfig: ...
    @property
    def objective(self) -> Any: ...
    @property
    def training(self) -> TrainingConfig: ...
    @property
    def sample_shape(self) -> Shape: ...
    @property
    def sample_spec(self) -> SampleSpec: ...
    @property
    def latent_width(self) -> int: ...
    @property
    def pack_size(self) -> int: ...
