"""Checks that every registered part passes. The tests of a plug-in run them on its parts:

    from ganzoo.testing import check_generator_block

    def test_my_block():
        check_generator_block(MyBlock)

There is one check for each registry. It takes a part, or a class whose fields all have defaults, and raises
AssertionError with the first check that failed. TensorFlow is imported when a check runs.
"""

from ganzoo.testing.architectures import check_discriminator_architecture, check_generator_architecture
from ganzoo.testing.augmentations import check_augmentation
from ganzoo.testing.blocks import check_discriminator_block, check_generator_block
from ganzoo.testing.data_sources import check_data_source
from ganzoo.testing.exporters import check_exporter
from ganzoo.testing.extractors import check_extractor
from ganzoo.testing.layers import check_activation, check_initializer, check_norm
from ganzoo.testing.losses import check_loss
from ganzoo.testing.metrics import check_metric
from ganzoo.testing.objectives import check_objective
from ganzoo.testing.optimizers import check_optimizer
from ganzoo.testing.part import check_part
from ganzoo.testing.penalties import check_penalty
from ganzoo.testing.schedules import check_schedule

__all__ = [
    "check_activation",
    "check_augmentation",
    "check_data_source",
    "check_discriminator_architecture",
    "check_discriminator_block",
    "check_exporter",
    "check_extractor",
    "check_generator_architecture",
    "check_generator_block",
    "check_initializer",
    "check_loss",
    "check_metric",
    "check_norm",
    "check_objective",
    "check_optimizer",
    "check_part",
    "check_penalty",
    "check_schedule",
]
