"""Whether a batch can be split over devices. Imports no TensorFlow."""

from __future__ import annotations

from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError
from ganzoo.losses import Loss
from ganzoo.penalties import Penalty


def check_splittable(config: Config, replicas: int) -> None:
    """Check that the batch of a config can be split over this number of devices.

    Raises:
        ConfigError: if the batch size is not a multiple of it, or a part needs the whole batch.
    """
    samples = config.pack_size
    if config.training.batch_size % (replicas * samples):
        packing = f" times packing {samples}" if samples > 1 else ""
        raise ConfigError(
            f"training.batch_size {config.training.batch_size} is not a multiple of the {replicas} devices{packing}. "
            "Choose another batch size, or fewer devices"
        )
    if replicas > 1:
        parts: list[Loss | Penalty] = [config.training.loss, *config.training.penalties]
        for part in parts:
            if part.needs_whole_batch:
                raise ConfigError(
                    f"'{part.registered_name}' compares all samples of a batch, so it works on 1 device only, not on "
                    f"{replicas}"
                )
