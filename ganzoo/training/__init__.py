"""The training loop and what surrounds it. Only the modules that build or run networks import TensorFlow."""

from ganzoo.environment.tensorflow import set_variables

set_variables()
