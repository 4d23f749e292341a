"""The training loop and what surrounds it. Every module in here imports TensorFlow; this file does not."""

from ganzoo.environment.tensorflow import set_variables

set_variables()
