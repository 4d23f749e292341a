"""Measures the averaged generator during training, and saves the averaged networks of the best step."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ganzoo import images, latents
from ganzoo.config.evaluation import EvaluationConfig
from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.errors import EvaluationError
from ganzoo.evaluation.classes import Classes, classes_of
from ganzoo.evaluation.evaluator import Evaluator, Number, Sample, check_fit, subject_of
from ganzoo.metrics.base import LEAST_SAMPLES
from ganzoo.runs import BEST, Run
from ganzoo.sample_spec import SampleSpec
from ganzoo.training import checkpoint, preview
from ganzoo.training.checkpointed_array import CheckpointedArray
from ganzoo.training.weight_names import average_group, named_variables

FIRST_SEED = 4_000_000_000
"""First seed of the measured samples. ``ganzoo evaluate`` starts at 0 and never reaches these seeds."""


class BestWeights:
    """The best measured step of a training so far.

    Args:
        config: the experiment; ``config.training.evaluation`` sets the metrics.
        dataset: the real samples.
        averages: the averaged networks by name. The generator is measured, and all are saved.
        run: the run; the weights are saved in its folder ``best/``.

    Attributes:
        left_out: why the last measurement could not select the best step; empty if it could.

    Raises:
        EvaluationError: if a metric does not fit the samples.
        GanzooError: if the extractor cannot be loaded.
    """

    def __init__(self, config: Config, dataset: Dataset, averages: Mapping[str, keras.Model], run: Run) -> None:
        settings = config.training.evaluation
        if settings is None:
            raise ValueError("there is no evaluation")
        spec = config.sample_spec
        self.every = settings.every
        self._name = settings.number_for(spec)
        self._evaluator = Evaluator(
            dataset,
            config.data,
            metrics=settings.metrics_for(spec),
            extractor=settings.extractor_for(spec),
            classes=_classes(config, dataset),
            count=settings.samples,
            real_count=_real_count(settings, dataset),
            real_limit=2 * settings.samples,
            draws=1,
            first_seed=FIRST_SEED,
            with_floor=False,
        )
        self._averages, self._folder = averages, run.folder / BEST
        self._sample = sampler(config, averages["generator"])
        self._value, self._step = CheckpointedArray("value", 1), CheckpointedArray("step", 1)
        self.variables = (self._value, self._step)
        self.left_out = ""

    @classmethod
    def of(cls, config: Config, dataset: Dataset, averages: Mapping[str, keras.Model], run: Run) -> BestWeights | None:
        """Return None if ``is_due`` is False, so that nothing is measured."""
        return cls(config, dataset, averages, run) if is_due(config, dataset) else None

    @property
    def step(self) -> int:
        """The best step so far, at a multiple of ``every``; 0 before the first measurement."""
        return int(self._step.value[0])

    def mark(self) -> tuple[float, ...]:
        """Return the best value and its step, for ``set_mark``."""
        return tuple(float(slot.value[0]) for slot in self.variables)

    def set_mark(self, mark: tuple[float, ...]) -> None:
        """Restore an earlier ``mark``."""
        for slot, value in zip(self.variables, mark, strict=True):
            slot.assign(value)

    def measure(self, step: int) -> dict[str, float]:
        """Measure the generator at ``step``, and save the averaged networks if it is the best so far.

        The end of a training can be between two measurements. Its weights are saved in addition to the best ones, and
        ``forget_end`` removes them: a training that did not end there would not have measured them.

        Returns:
            The numbers for the log, by their labels. Without the number that selects the best step, nothing is saved,
            and ``left_out`` says why.

        Raises:
            EvaluationError: if a number cannot be measured.
            RunError: if the weights cannot be written. The earlier best weights are then unchanged.
        """
        numbers = self._evaluator.measure(self._sample)
        values = {number.label: number.measured.value for number in numbers}
        chosen = next((number for number in numbers if number.name == self._name), None)
        if chosen is None:
            self.left_out = (
                f"No best step is selected: the metrics leave out '{self._name}' for so few samples. In a new "
                "training, use more training.evaluation.samples, or another training.evaluation.best_by"
            )
        elif self._is_better(chosen):
            is_regular = step % self.every == 0
            self._save(step, chosen, values, also=() if is_regular else (self.step,))
            if is_regular:
                self._value.assign(chosen.measured.value)
                self._step.assign(step)
        return values

    def forget_end(self) -> None:
        """Remove weights that are newer than the best step, because the training goes on."""
        if self.step and checkpoint.checkpoint_folder(self._folder, self.step).exists():
            checkpoint.drop_after(self._folder, self.step)

    def _is_better(self, number: Number) -> bool:
        """Compare with the best step. A later step wins a tie: samples often sharpen after all modes are found."""
        if not self.step:
            return True
        gain = number.measured.value - float(self._value.value[0])
        return gain <= 0 if number.better == "lower" else gain >= 0

    def _save(self, step: int, chosen: Number, values: dict[str, float], *, also: Collection[int]) -> None:
        weights = {
            average_group(name): {key: np.asarray(value) for key, value in named_variables(network.variables).items()}
            for name, network in self._averages.items()
        }
        measured = {label: np.array(value, np.float64) for label, value in values.items()}
        state = {**weights, "measured": measured, "chosen_by": {chosen.label: np.array(step)}}
        checkpoint.save(self._folder, step=step, state=state, keep=1, also=also)


def is_due(config: Config, dataset: Dataset) -> bool:
    """Return whether a training is measured.

    It is not if evaluation is off, the training is shorter than the first interval, or there are too few real samples.
    """
    settings = config.training.evaluation
    return settings is not None and config.training.steps >= settings.every and len(dataset) >= 2 * LEAST_SAMPLES


def check(config: Config, dataset: Dataset) -> None:
    """Check that a training can be measured, before its run is created.

    Raises:
        EvaluationError: if a metric does not fit the samples, or the number that selects the best step is best near its
            floor.
        GanzooError: if the extractor cannot be loaded.
    """
    settings = config.training.evaluation
    if settings is None or not is_due(config, dataset):
        return
    spec = config.sample_spec
    _check_direction(settings, spec)
    loaded = settings.extractor_for(spec).load(spec)
    subject = subject_of(config.data, loaded, _classes(config, dataset))
    check_fit(settings.metrics_for(spec), subject, _real_count(settings, dataset))


def _check_direction(settings: EvaluationConfig, spec: SampleSpec) -> None:
    numbers = {name: better for metric in settings.metrics_for(spec) for name, better in metric.numbers.items()}
    chosen = settings.number_for(spec)
    if numbers[chosen] == "near floor":
        others = ", ".join(name for name, better in numbers.items() if better != "near floor")
        which = "training.evaluation.best_by" if settings.best_by else "The first number of training.evaluation.metrics"
        raise EvaluationError(
            f"{which} is '{chosen}', which is best near the value of other real samples, so the least or greatest "
            "value does not select the best step. "
            + (
                f"Set training.evaluation.best_by to one of these: {others}"
                if others
                else "Add another metric, such as frechet, and set training.evaluation.best_by to it"
            )
        )


def _classes(config: Config, dataset: Dataset) -> Classes:
    return classes_of(dataset, count=config.num_classes, of_data=config.objective.uses_labels)


def _real_count(settings: EvaluationConfig, dataset: Dataset) -> int:
    """Return the number of real samples to measure against.

    A small dataset is used completely, with more generated than real samples, as for models of 100 images (Zhao et
    al. 2020, arXiv:2006.10738). With equally few generated samples, a distance would be mostly noise.
    """
    return min(settings.samples, len(dataset))


def sampler(config: Config, generator: keras.Model) -> Sample:
    """Return a function from seeds to samples. They equal those of a bundle: uint8 images or float32 vectors."""
    decode = preview.decoder(config, generator)
    dim, distribution = config.generator.latent_dim, config.generator.latent

    def sample(seeds: Sequence[int], *, label: Sequence[int] | None = None) -> NDArray[Any]:
        labels = None if label is None else np.array(label, np.int32)
        if config.num_classes and labels is None:
            labels = latents.labels(seeds, num_classes=config.num_classes)
        samples = decode(latents.latents(seeds, dim=dim, distribution=distribution), labels)
        if not np.isfinite(samples).all():
            return np.full_like(samples, math.nan)
        return images.to_uint8(samples) if config.sample_spec.is_image else samples

    return sample
