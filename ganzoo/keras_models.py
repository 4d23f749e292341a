"""The two Keras models of a config, for training loops of one's own.

Everything that can be checked without TensorFlow is checked before TensorFlow is imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from ganzoo.api import experiment
from ganzoo.bundle.generator_config import recorded_config
from ganzoo.environment.requirements import TRAINING, require
from ganzoo.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import keras

    from ganzoo.config.experiment import Config

Info = Callable[[str], None]
Precision = Literal["float32", "mixed_bfloat16"]


@dataclass(frozen=True)
class Networks:
    """The two Keras models of a config: ``generator, discriminator = ganzoo.create_model("dcgan-faces-32")``.

    The inputs of each model are a list: ``generator([z])``, or ``generator([z, labels])`` if it is conditional.

    Attributes:
        generator: latents float32 ``[b, latent_dim]``, and classes int32 ``[b]`` if the model is conditional -> images
            float32 ``[b, h, w, c]`` in [-1, 1], or vectors ``[b, d]``.
        discriminator: images (or vectors), and classes if the model is conditional -> logits float32 ``[b, 1]``.
        config: the config that describes them.
    """

    generator: keras.Model
    discriminator: keras.Model
    config: Config

    def __iter__(self) -> Iterator[keras.Model]:
        return iter((self.generator, self.discriminator))


def create_model(
    what: str | Path | Config,
    *,
    pretrained: bool = False,
    data: Any = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    precision: Precision = "float32",
    root: str | os.PathLike[str] | None = None,
    info: Info = lambda text: None,
) -> Networks:
    """Create the generator and the discriminator of a model. No data are read, and nothing is trained.

    With ``pretrained``, the generator has the trained (averaged) weights. The discriminator has new random weights,
    because published models contain only the generator; with ``training.init_discriminator``, those of a run.

    Args:
        what: a config of the zoo, a path to a YAML file, a config, or a pretrained model such as ``faces-64`` (its
            config). With ``pretrained`` also anything that ``ganzoo.load`` takes: a model on the Hugging Face Hub, a
            bundle or a run.
        pretrained: load trained weights into the generator: those of ``what``, or, if ``what`` is a config, those of
            the pretrained model that was trained with it.
        data, seed, overrides: change the config as in ``ganzoo.train``. ``seed`` is the seed of the random weights.
        precision: dtype policy of the layers, ``float32`` or ``mixed_bfloat16``. Like the optimizers and the loss in
            ``training``, the config's precision is that of ganzoo's own loop, and is not used here.
        root: folder of the runs; by default the variable GANZOO_RUNS, or ``runs/`` in the current folder.
        info: called with messages: before a run is exported, and if only a part of the weights fits.

    Raises:
        GanzooError: if the name or the config is wrong, or there are no weights that fit.
        MissingDependencyError: if TensorFlow is not installed.
    """
    from ganzoo.training import init_discriminator, init_from

    if precision not in get_args(Precision):
        near = did_you_mean(str(precision), get_args(Precision))
        raise ConfigError(f"precision: received {precision!r}; allowed is {' or '.join(get_args(Precision))}.{near}")
    base = _base(what, pretrained=pretrained, root=root, info=info)
    config = experiment(base, data=data, seed=seed, overrides=overrides)
    if pretrained:
        if any(text.startswith("training.init_from=") for text in overrides):
            raise ConfigError("pretrained=True and training.init_from both name weights; leave one of them out.")
        config = config.replace(**{"training.init_from": _weights_of(what, config)})
    config, weights = init_from.resolve(config, root=root)
    require(TRAINING, action="Building a model")
    from ganzoo.environment.tensorflow import import_tensorflow

    import_tensorflow()
    networks = config.objective.networks(config.replace(**{"training.precision": precision}))
    if weights is not None:
        init_from.assign(config, weights, [networks["generator"]], info=info)
    others = init_discriminator.find(config, info=info)
    if others is not None:
        init_discriminator.assign(config, others, networks, {})
    return Networks(networks["generator"], networks["discriminator"], config)


def _base(
    what: str | Path | Config, *, pretrained: bool, root: str | os.PathLike[str] | None, info: Info
) -> str | Path | Config:
    """What ``experiment`` reads: ``what`` if it is a config, else the config that the weights were trained with."""
    from ganzoo.hub.pretrained import find_pretrained
    from ganzoo.resolve import resolve

    if _is_config(what):
        return what
    if pretrained:
        return recorded_config(resolve(cast("str | Path", what), files=(), root=root, info=info))
    if isinstance(what, str) and find_pretrained(what) is not None:
        return recorded_config(resolve(_zoo_name(what), files=(), root=root))
    return what


def _is_config(what: str | Path | Config) -> bool:
    """Whether it is a config, and not only weights."""
    from ganzoo.config.experiment import Config
    from ganzoo.config.zoo import config_files

    if isinstance(what, str | os.PathLike) and Path(what).suffix in (".yaml", ".yml"):
        return True
    return isinstance(what, Config) or (isinstance(what, str) and what in config_files())


def _weights_of(what: str | Path | Config, config: Config) -> str:
    """The name of the weights for ``training.init_from``."""
    from ganzoo.hub.pretrained import find_pretrained, pretrained_versions

    if not _is_config(what):
        name = str(what)
        return _zoo_name(name) if find_pretrained(name) is not None and not Path(name).exists() else name
    versions = [model for models in pretrained_versions().values() for model in models.values()]
    found = {model.name: model for model in versions if model.facts.config == config.name}
    if not found:
        known = sorted({model.facts.config for model in versions if model.facts.config})
        raise ConfigError(
            f"There are no pretrained weights for the config '{config.name}'; there are for {', '.join(known)}. "
            "For the weights of a run or a bundle, name it instead, or set training.init_from in overrides."
        )
    if len(found) > 1:
        raise ConfigError(f"Several pretrained models have the config '{config.name}'; name one: {', '.join(found)}.")
    (model,) = found.values()
    return _zoo_name(model.exact_name)


def _zoo_name(name: str) -> str:
    from ganzoo.hub.reference import ZOO

    return f"{ZOO}{name.removeprefix(ZOO)}"
