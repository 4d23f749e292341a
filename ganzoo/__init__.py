"""ganzoo: a pluggable GAN model zoo for TensorFlow/Keras."""

__version__ = "0.1.0"
