"""Distributions of the first weights, as registered parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    import keras


class Initializer(Part):
    """A distribution of weights. By default it is the Keras initializer of the registered name."""

    def build(self) -> keras.initializers.Initializer:
        """The Keras initializer. It must have a ``seed``, which ganzoo sets for each weight."""
        import keras

        return keras.initializers.get(self.registered_name)


initializers: Registry[Initializer] = Registry(
    "initializers", kind="initializer", base=Initializer, package="ganzoo.initializers", compact=True
)
InitializerPart = Annotated[Initializer, initializers.field()]


@initializers.register("normal")
class Normal(Initializer):
    """A normal distribution with one standard deviation for all layers.

    Attributes:
        stddev: standard deviation.
    """

    stddev: float = Field(0.02, gt=0, le=10)

    def build(self) -> keras.initializers.Initializer:
        import keras

        return keras.initializers.RandomNormal(stddev=self.stddev)


@initializers.register("normal_0.02")
class DcganNormal(Initializer):
    """The normal distribution of DCGAN, with a standard deviation of 0.02 (Radford et al. 2016, arXiv:1511.06434)."""

    def build(self) -> keras.initializers.Initializer:
        import keras

        return keras.initializers.RandomNormal(stddev=0.02)


@initializers.register("glorot_uniform")
class GlorotUniform(Initializer):
    """Uniform, scaled by the numbers of inputs and outputs (Glorot and Bengio 2010)."""


@initializers.register("he_normal")
class HeNormal(Initializer):
    """Truncated normal, scaled by the number of inputs, for ReLU (He et al. 2015, arXiv:1502.01852)."""


@initializers.register("lecun_normal")
class LecunNormal(Initializer):
    """Truncated normal, scaled by the number of inputs (LeCun et al. 1998)."""


@initializers.register("orthogonal")
class Orthogonal(Initializer):
    """A random orthogonal matrix (Saxe et al. 2014, arXiv:1312.6120)."""
