"""The training loop and its helpers. The modules of this folder import TensorFlow; this file does not."""

from ganzoo.environment.tensorflow import set_variables

set_variables()
