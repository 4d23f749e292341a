"""A ganzoo config, trained as ``ganzoo train`` does it.

All that ``ganzoo train`` does beside the steps is counted as training time: checkpoints, previews, the collapse watch,
logs and, if the config asks for it, evaluation. The samples are those of the averaged generator (EMA). The classes of
the samples of a conditional model have the frequencies of the training data.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clock
import numpy as np
from numpy.typing import NDArray

from ganzoo.environment.tensorflow import import_tensorflow

import_tensorflow()

from ganzoo.config.experiment import Config  # noqa: E402
from ganzoo.data import Dataset  # noqa: E402
from ganzoo.environment.process_settings import own_settings  # noqa: E402
from ganzoo.runs import CHECKPOINTS, Run, new_run  # noqa: E402
from ganzoo.training import checkpoint, preview  # noqa: E402
from ganzoo.training.networks import build_generator  # noqa: E402
from ganzoo.training.running_means import RunningMeans  # noqa: E402
from ganzoo.training.trainer import Trainer  # noqa: E402

STATE = "state.json"
CHUNK = 50
"""Samples that the generator makes at once."""


class TickingTrainer(Trainer):
    """The trainer, with a clock that ticks after each chunk of steps."""

    tick: Callable[[int], None]

    def run_chunk(self, count: int, means: RunningMeans) -> float:
        first = self.step
        seconds = super().run_chunk(count, means)
        self.tick((self.step - first) * self.config.training.batch_size)
        return seconds


class GanzooRecipe:
    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.config = Config.read(settings["config"])
        data = Path(settings["data"])
        names = tuple(json.loads((data / "class_names.json").read_text(encoding="utf-8")))
        labels = np.load(data / "labels.npy") if names else None
        self.dataset = Dataset(np.load(data / "images.npy"), labels, names)
        self.runs = folder / "runs"

    def build(self, state: Path | None) -> None:
        if state:
            saved = json.loads((state / STATE).read_text(encoding="utf-8"))
            run = Run(self.runs / saved["run"])
            checkpoint.drop_after(run.folder / CHECKPOINTS, saved["step"])
        else:
            run = new_run(self.config.name, root=self.runs)
        with own_settings():
            self.trainer = TickingTrainer(self.config, self.dataset, run)
            if state:
                self.trainer.state.restore()

    def train(self, tick: Callable[[int], None]) -> None:
        self.trainer.tick = tick
        with own_settings():
            self.trainer.train(quiet=True, info=print)

    def weights(self) -> clock.Weights:
        return {f"{number:03d}": value for number, value in enumerate(self.trainer.state.ema.get_weights())}

    def save(self, folder: Path) -> None:
        self.trainer.state.save()
        run = self.trainer.run.folder.relative_to(self.runs)
        clock.write_json(folder / STATE, {"run": str(run), "step": self.trainer.step})

    def sample(self, weights: clock.Weights, count: int) -> NDArray[np.uint8]:
        ema = build_generator(self.config)
        ema.set_weights([weights[name] for name in sorted(weights)])
        z = clock.latents(count, self.config.generator.latent_dim)
        labels = np.zeros(count, np.int32)
        if self.dataset.labels is not None:
            labels = np.random.RandomState(0).choice(self.dataset.labels, count).astype(np.int32)
        decode = preview.decoder(self.config, ema)
        with own_settings():
            made = [decode(z[n : n + CHUNK], labels[n : n + CHUNK]) for n in range(0, count, CHUNK)]
        return np.clip(np.round((np.concatenate(made) + 1) * 127.5), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    clock.main(GanzooRecipe)
