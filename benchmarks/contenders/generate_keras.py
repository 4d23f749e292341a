"""Generation with TensorFlow. Arguments: "function" or "predict", and the batch size."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parents[1]))

from contenders.networks_keras import LATENT_DIM, config
from interleaved import serve

from ganzoo.training.networks import build_generator


def main(how: str, batch: int) -> None:
    model: keras.Model = build_generator(config("alternating"))
    z = np.random.RandomState(0).standard_normal((batch, LATENT_DIM)).astype(np.float32)
    call = tf.function(lambda x: model([x], training=False), reduce_retracing=True)
    calls = max(4, 128 // batch)

    def work() -> float:
        begun = time.perf_counter()
        for _ in range(calls):
            if how == "predict":
                model.predict(z, verbose=0)
            else:
                call(tf.constant(z)).numpy()
        return (time.perf_counter() - begun) / (calls * batch)

    serve(work)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
