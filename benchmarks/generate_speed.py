"""Compares the generation speed of a bundle on ONNX Runtime with tf.function, PyTorch and Keras predict."""

from __future__ import annotations

import tempfile
from pathlib import Path

from interleaved import Contender, compare, keep, report

OURS, TORCH, PREDICT = "ganzoo", "PyTorch, channels last", "Keras predict"
FUNCTION, FUNCTION_ONE_DNN = "tf.function", "tf.function, oneDNN on"


def make_bundle(folder: Path) -> str:
    """Train the generator of the benchmarks for one step, and export it."""
    import numpy as np
    from contenders.networks_keras import config

    from ganzoo.api import export
    from ganzoo.config.yaml_files import dump
    from ganzoo.data import Dataset
    from ganzoo.runs import CONFIG, new_run
    from ganzoo.training.trainer import Trainer

    run, settings = new_run("bench", root=folder), config("simultaneous")
    (run.folder / CONFIG).write_text(dump(settings.to_dict()), encoding="utf-8")
    samples = np.random.default_rng(0).integers(0, 256, (64, 64, 64, 3), np.uint8)
    Trainer(settings, Dataset(samples), run).train(max_steps=1, quiet=True)
    return str(export(run))


def main() -> None:
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        bundle = make_bundle(Path(folder))
        for batch in (1, 16, 64):
            contenders = {
                OURS: Contender("generate_ganzoo.py", bundle, str(batch)),
                FUNCTION: Contender("generate_keras.py", "function", str(batch)),
                FUNCTION_ONE_DNN: Contender("generate_keras.py", "function", str(batch), one_dnn=True),
                TORCH: Contender("generate_torch.py", str(batch)),
                PREDICT: Contender("generate_keras.py", "predict", str(batch)),
            }
            rates = compare(contenders, units=1)
            title = f"Generating with DCGAN-64, batch {batch}"
            tables.append(report(title, rates, ours=(OURS,), against=(FUNCTION, FUNCTION_ONE_DNN, TORCH, PREDICT)))
    keep("generate_speed", tables)


if __name__ == "__main__":
    main()
