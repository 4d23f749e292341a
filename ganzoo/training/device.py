"""Chooses the device of a training as ``training.device`` sets, and describes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganzoo.config.training import TrainingConfig
from ganzoo.environment.devices import cpu_count
from ganzoo.environment.gpus import card_of, grow_memory, nvidia_cards, unsupported, why_no_gpu
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from ganzoo.training.input_pipeline import InputPipeline

NEW_PROCESS = "TensorFlow has already started its devices in this process. Start a new process"


def choose_device(
    training: TrainingConfig, numbers: Sequence[int] | None = None, *, info: Callable[[str], None]
) -> None:
    """Let TensorFlow use only the devices that ``training.device`` allows. This applies to the whole process.

    ``deterministic`` applies to the whole process, too: TensorFlow has no public function that turns it off.

    Args:
        training: the settings.
        numbers: numbers of the GPUs to use, of those that TensorFlow lists; None means all.
        info: called with a warning if a GPU of the machine is not used.

    Raises:
        ConfigError: if there is no GPU with one of the numbers.
        TrainingError: if ``training.device`` is ``gpu`` and there is no usable GPU, or the devices cannot change any
            more in this process.
    """
    import tensorflow as tf

    if training.deterministic:
        tf.config.experimental.enable_op_determinism()
    if training.device == "cpu":
        if numbers is not None:
            raise ConfigError("training.device=cpu uses no GPU, so --devices has no effect: leave one of them out")
        _show(tf, [])
        return
    grow_memory(tf)
    build, devices = tf.sysconfig.get_build_info(), _chosen(tf.config.get_visible_devices("GPU"), numbers)
    problems = {device.name: problem for device in devices if (problem := unsupported(card_of(tf, device), build))}
    usable = [device for device in devices if device.name not in problems]
    for problem in problems.values() if usable or training.device == "auto" else ():
        info(f"A GPU is not used: {problem}")
    if not usable and training.device == "gpu":
        raise TrainingError(f"training.device=gpu, but there is no usable GPU: {_reason(tf, build, problems.values())}")
    if not usable and not problems:
        missing = why_no_gpu(build)
        if missing.is_expected and not tf.config.list_physical_devices("GPU"):
            info(f"The CPU is used, because {missing.reason}. {missing.advice}".rstrip())
    _show(tf, usable)


def uses_gpu() -> bool:
    """Whether a training in this process uses a GPU."""
    import tensorflow as tf

    return bool(tf.config.get_visible_devices("GPU"))


def description(training: TrainingConfig, pipeline: InputPipeline) -> str:
    """Describe the device, the precision and the place of the data, in one line."""
    import tensorflow as tf

    gpus, cores = tf.config.get_visible_devices("GPU"), cpu_count()
    listed = nvidia_cards() if gpus else []
    device = (
        "; ".join(str(card_of(tf, gpu, listed=listed)) for gpu in gpus)
        if gpus
        else f"CPU, {cores} {'core' if cores == 1 else 'cores'}"
    )
    data = f"{bytes_text(pipeline.size)}, {'in memory' if pipeline.in_memory else 'streamed from the disk'}"
    return f"Device: {device}. Precision: {training.precision}. Data: {data}."


def _chosen(gpus: list[Any], numbers: Sequence[int] | None) -> list[Any]:
    if numbers is None:
        return gpus
    if not gpus:
        raise ConfigError("--devices: TensorFlow finds no GPU on this machine (ganzoo doctor shows why)")
    if not numbers or len(set(numbers)) != len(numbers) or not all(0 <= number < len(gpus) for number in numbers):
        received = ",".join(map(str, numbers))
        raise ConfigError(f"--devices: received '{received}'; allowed are different numbers from 0 to {len(gpus) - 1}")
    return [gpus[number] for number in numbers]


def _reason(tf: Any, build: Mapping[str, Any], problems: Collection[str]) -> str:
    if problems:
        return " ".join(problems)
    if tf.config.list_physical_devices("GPU"):
        return f"this process has hidden its GPUs. {NEW_PROCESS}."
    missing = why_no_gpu(build)
    return f"{missing.reason}. {missing.advice}".rstrip()


def _show(tf: Any, gpus: Sequence[Any]) -> None:
    """Hide all GPUs but these."""
    if list(gpus) == list(tf.config.get_visible_devices("GPU")):
        return
    try:
        tf.config.set_visible_devices(list(gpus), "GPU")
    except RuntimeError as error:
        raise TrainingError(
            f"The GPU cannot be turned off: {NEW_PROCESS}, or set CUDA_VISIBLE_DEVICES=-1 before."
        ) from error
