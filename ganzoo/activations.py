"""Activations, as registered parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    from keras import KerasTensor


class Activation(Part):
    """A function of each number of a tensor. By default it is the Keras activation of the registered name."""

    def build(self, x: KerasTensor, *, slope: float, name: str) -> KerasTensor:
        """Apply the activation.

        Args:
            x: features.
            slope: the negative slope of the block, for activations that have one.
            name: of the Keras layer.
        """
        import keras

        return keras.layers.Activation(self.registered_name, name=name)(x)


activations: Registry[Activation] = Registry(
    "activations", kind="activation", base=Activation, package="ganzoo.activations", compact=True
)
ActivationPart = Annotated[Activation, activations.field()]


@activations.register("linear")
class Linear(Activation):
    """No activation."""

    def build(self, x: KerasTensor, *, slope: float, name: str) -> KerasTensor:
        return x


@activations.register("leaky_relu")
class LeakyReLU(Activation):
    """``max(x, slope * x)`` (Maas et al. 2013). The slope is that of the block."""

    also_known_as: ClassVar[tuple[str, ...]] = ("lrelu",)

    def build(self, x: KerasTensor, *, slope: float, name: str) -> KerasTensor:
        import keras

        return keras.layers.LeakyReLU(negative_slope=slope, name=name)(x)


@activations.register("relu")
class ReLU(Activation):
    """``max(x, 0)``."""


@activations.register("elu")
class ELU(Activation):
    """Exponential linear unit (Clevert et al. 2016, arXiv:1511.07289)."""


@activations.register("gelu")
class GELU(Activation):
    """Gaussian error linear unit (Hendrycks and Gimpel 2016, arXiv:1606.08415)."""


@activations.register("silu")
class SiLU(Activation):
    """``x * sigmoid(x)`` (Elfwing et al. 2018, arXiv:1702.03118)."""

    also_known_as: ClassVar[tuple[str, ...]] = ("swish",)


@activations.register("tanh")
class Tanh(Activation):
    """Hyperbolic tangent."""


@activations.register("sigmoid")
class Sigmoid(Activation):
    """Logistic function."""
