"""``ganzoo doctor``."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import typer

from ganzoo.cli.output import print_data, print_json, print_table

SMALL_NETWORK = {
    "name": "doctor",
    "data": {"source": "numpy", "resolution": 8, "channels": 3},
    "generator": {"latent_dim": 4, "base_channels": 4, "block": "conv_transpose"},
    "discriminator": {"base_channels": 4, "block": "strided_conv"},
    "training": {"steps": 1},
}


@dataclass
class Diagnosis:
    """The state of this installation.

    Attributes:
        versions: the versions of Python and the libraries.
        machine: the system, and the cores and bytes of memory that this process may use.
        tensorflow_devices, onnxruntime_devices: the devices of each library; None if it is not installed. CUDA is a
            device of ONNX Runtime only if it generated an image.
        unused_gpus: GPUs that TensorFlow cannot use: the reason, and what to do.
        problems: broken packages, and the commands that repair them.
        missing: features whose packages are not installed, and the commands that install them.
        optional: the same for features that few users need.
    """

    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    tensorflow_devices: list[str] | None = None
    onnxruntime_devices: list[str] | None = None
    unused_gpus: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check this installation: versions, devices and missing packages. Exits with 1 if a package is broken."""
    diagnosis = diagnose()
    if as_json:
        print_json(asdict(diagnosis))
    else:
        _print(diagnosis)
    if diagnosis.problems:
        raise typer.Exit(1)


def diagnose() -> Diagnosis:
    """Check this installation and try it: generate an image; build, export and run a small network."""
    from ganzoo.environment.devices import available_memory, cpu_count, has_bfloat16
    from ganzoo.environment.requirements import EXPORT, is_installed
    from ganzoo.environment.versions import library_versions

    diagnosis = Diagnosis(
        versions={"python": platform.python_version(), **library_versions()},
        machine={
            "system": platform.platform(),
            "cpus": cpu_count(),
            "memory": available_memory(),
            "bfloat16": has_bfloat16(),
        },
    )
    _check_tensorflow(diagnosis)
    _check_onnxruntime(diagnosis)
    if not diagnosis.problems and all(is_installed(module) for module in EXPORT):
        _try_an_export(diagnosis)
    _check_faces(diagnosis)
    _check_optional(diagnosis)
    return diagnosis


def _check_tensorflow(diagnosis: Diagnosis) -> None:
    from ganzoo.environment.requirements import EXPORT, is_installed, missing_text
    from ganzoo.environment.tensorflow import import_tensorflow
    from ganzoo.errors import GanzooError

    missing = [module for module in EXPORT if module != "onnxruntime" and not is_installed(module)]
    if missing:
        diagnosis.missing.append(missing_text(missing, action="Training"))
    if "tensorflow" in missing:
        return
    try:
        import_tensorflow()
        import tensorflow as tf

        devices = tf.config.list_physical_devices()
        diagnosis.tensorflow_devices = [_tensorflow_device(tf, device) for device in devices]
        diagnosis.unused_gpus = _unused_gpus(tf)
    except GanzooError as error:
        diagnosis.problems.append(str(error))
    except Exception as error:  # a broken installation may raise any error
        diagnosis.problems.append(_broken("TensorFlow", error, "train"))


def _try_an_export(diagnosis: Diagnosis) -> None:
    """Build a small convolutional network, convert it to ONNX, and run both."""
    from ganzoo.errors import GanzooError

    try:
        _export_a_network()
    except GanzooError as error:
        diagnosis.problems.append(f"Cannot export a small network: {error}")
    except Exception as error:  # TensorFlow, Keras and tf2onnx may raise any error
        reason = (str(error).splitlines() or [""])[0][:200]
        diagnosis.problems.append(
            f"Cannot build and export a small network: {type(error).__name__}: {reason}. "
            "Run: pip install --force-reinstall 'ganzoo-keras[train]'"
        )


def _export_a_network() -> None:
    from ganzoo.config.experiment import Config
    from ganzoo.environment.process_settings import own_settings
    from ganzoo.exporters.onnx import onnx_runtime, to_onnx
    from ganzoo.exporters.parity import TOLERANCE, check_parity
    from ganzoo.training import networks

    config = Config.read(SMALL_NETWORK)
    with own_settings():
        generator = networks.build_generator(config)
        model = to_onnx(generator)
        runtime = onnx_runtime(model.SerializeToString())
        check_parity(generator, runtime, distribution=config.generator.latent, tolerance=TOLERANCE, name="onnx")


def _tensorflow_device(tf: Any, device: Any) -> str:
    from ganzoo.environment.gpus import card_of

    return "CPU" if device.device_type == "CPU" else f"{device.device_type} {card_of(tf, device)}"


def _unused_gpus(tf: Any) -> list[str]:
    """What keeps TensorFlow from using the GPUs of this machine, one line each."""
    from ganzoo.environment.gpus import card_of, nvidia_cards, unsupported, why_no_gpu

    build, listed = tf.sysconfig.get_build_info(), tf.config.list_physical_devices("GPU")
    cards = [card_of(tf, device) for device in listed] if listed else nvidia_cards()
    lines = [line for card in cards if (line := unsupported(card, build))]
    if listed or lines:
        return lines
    missing = why_no_gpu(build)
    names = ", ".join(map(str, cards)) or "the GPU"
    return (
        [f"TensorFlow cannot use {names}: {missing.reason}. {missing.advice}".rstrip()] if missing.is_expected else []
    )


def _check_onnxruntime(diagnosis: Diagnosis) -> None:
    from ganzoo.environment.requirements import is_installed
    from ganzoo.errors import GanzooError
    from ganzoo.inference.load import load
    from ganzoo.inference.onnx_runtime import built_for_cuda, import_runtime

    if not is_installed("onnxruntime"):
        diagnosis.missing.append(
            "Generating needs onnxruntime, which is not installed. Run: pip install 'ganzoo-keras[cpu]' "
            "(or, for an NVIDIA GPU: pip install 'ganzoo-keras[gpu]')"
        )
        return
    try:
        runtime = import_runtime()
        load("zoo:faces-64", device="cpu").generate(0)
        diagnosis.onnxruntime_devices = ["CPU"]
        if built_for_cuda(runtime):
            load("zoo:faces-64", device="cuda").generate(0)
            diagnosis.onnxruntime_devices.insert(0, "CUDA")
    except GanzooError as error:
        diagnosis.problems.append(str(error))
    except Exception as error:  # a broken installation may raise any error
        diagnosis.problems.append(_broken("ONNX Runtime", error, "cpu"))


def _check_faces(diagnosis: Diagnosis) -> None:
    from ganzoo.environment.requirements import EXTRAS, is_installed

    if not all(is_installed(module) for module, extra in EXTRAS.items() if extra == "faces"):
        diagnosis.missing.append(
            "The data source 'faces' needs packages that are not installed. Run: pip install 'ganzoo-keras[faces]'"
        )


def _check_optional(diagnosis: Diagnosis) -> None:
    from ganzoo.environment.requirements import EXTRAS, OPTIONAL, is_installed

    for extra, purpose in OPTIONAL.items():
        if not all(is_installed(module) for module, own in EXTRAS.items() if own == extra):
            diagnosis.optional.append(f"For {purpose}, run: pip install 'ganzoo-keras[{extra}]'")


def _broken(library: str, error: Exception, extra: str) -> str:
    first = (str(error).splitlines() or [""])[0]
    return (
        f"{library} is installed but does not work: {type(error).__name__}: {first}. "
        f"Run: pip install --force-reinstall 'ganzoo-keras[{extra}]'"
    )


def _print(diagnosis: Diagnosis) -> None:
    from ganzoo.environment.quantities import bytes_text, cores_text

    print_table(("library", "version"), list(diagnosis.versions.items()), header=False)
    print_data("")
    memory = bytes_text(diagnosis.machine["memory"])
    print_data(
        f"Machine: {diagnosis.machine['system']}, {cores_text(diagnosis.machine['cpus'])}, {memory} of memory available"
    )
    if diagnosis.machine["bfloat16"]:
        print_data("The processor has bfloat16 instructions: training.precision=mixed_bfloat16 may be faster.")
    for name, devices in (
        ("TensorFlow", diagnosis.tensorflow_devices),
        ("ONNX Runtime", diagnosis.onnxruntime_devices),
    ):
        print_data(f"{name}: {'not available' if devices is None else ', '.join(devices)}")
    titled = (
        ("GPU", diagnosis.unused_gpus),
        ("Broken", diagnosis.problems),
        ("Missing", diagnosis.missing),
        ("Optional", diagnosis.optional),
    )
    for title, lines in titled:
        for line in lines:
            print_data(f"{title}: {line}")
    if not diagnosis.problems and not diagnosis.missing:
        print_data("Everything works: training, exporting and generating.")
