"""Process-wide settings of other libraries. ganzoo changes them for its work, then restores them.

A notebook, a ``~/.keras/keras.json`` or an environment variable may have set another floating-point type, channel
order or error handling. ganzoo's networks need one fixed set of values.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ganzoo.errors import MissingDependencyError

FLOATX, DATA_FORMAT, EPSILON = "float32", "channels_last", 1e-7


@contextlib.contextmanager
def own_settings(*, dtype_policy: str = FLOATX) -> Iterator[None]:
    """Context manager (and decorator) with the settings of Keras, TensorFlow and NumPy that ganzoo's networks need.

    The settings of Keras and TensorFlow apply to all threads of the process. The earlier settings are restored at the
    end. The context imports Keras, so only the training half uses it.

    Args:
        dtype_policy: the type of the Keras layers' computations and weights.

    Raises:
        MissingDependencyError: if the process runs Keras on another backend, or TensorFlow as version 1.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    check_process(keras, tf)
    before = keras.config.floatx(), keras.config.image_data_format(), keras.config.epsilon()
    policy, eager = keras.config.dtype_policy(), tf.config.functions_run_eagerly()
    try:
        _set_keras(keras, FLOATX, DATA_FORMAT, EPSILON)
        keras.config.set_dtype_policy(dtype_policy)
        tf.config.run_functions_eagerly(False)
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            yield
    finally:
        _set_keras(keras, *before)
        keras.config.set_dtype_policy(policy)
        tf.config.run_functions_eagerly(eager)


def check_process(keras: Any, tf: Any) -> None:
    """Check the settings that cannot change after the libraries are imported.

    Raises:
        MissingDependencyError: if the process runs Keras on another backend, or TensorFlow as version 1.
    """
    backend = keras.config.backend()
    if backend != "tensorflow":
        raise MissingDependencyError(
            f"Keras already uses the backend '{backend}' in this process, but ganzoo trains and exports with "
            "TensorFlow. Start a new process, and set KERAS_BACKEND=tensorflow before Keras is imported."
        )
    if not tf.compat.v1.executing_eagerly_outside_functions():
        raise MissingDependencyError(
            "TensorFlow runs as version 1 in this process (tf.compat.v1.disable_v2_behavior or "
            "disable_eager_execution), but ganzoo needs version 2. Start a new process without that call."
        )


def _set_keras(keras: Any, floatx: str, data_format: str, epsilon: float) -> None:
    keras.config.set_floatx(floatx)
    keras.config.set_image_data_format(data_format)
    keras.config.set_epsilon(epsilon)
