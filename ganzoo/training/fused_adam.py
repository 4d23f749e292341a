"""Adam and AdamW with one large TensorFlow operation for each weight.

Keras uses about twenty small ones, which are slower and take long to trace.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class _FusedUpdate:
    """Replaces the update of one weight. The formula is that of Keras."""

    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        dtype = variable.dtype
        number = tf.cast(self.iterations.value, dtype) + 1
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.constant(self.beta_1, dtype), number),
            beta2_power=tf.pow(tf.constant(self.beta_2, dtype), number),
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.constant(self.beta_1, dtype),
            beta2=tf.constant(self.beta_2, dtype),
            epsilon=tf.constant(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


class FusedAdam(_FusedUpdate, keras.optimizers.Adam):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980)."""


class FusedAdamW(_FusedUpdate, keras.optimizers.AdamW):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101)."""
