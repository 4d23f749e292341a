"""``ganzoo doctor``."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import typer

from ganzoo.cli.output import print_data, print_json, print_table
from ganzoo.environment.tensorflow import import_tensorflow

SMALL_NETWORK = {
    "name": "doctor",
    "data": {"source": "numpy", "resolution": 8, "channels": 3},
    "generator": {"latent_dim": 4, "base_channels": 4, "block": "conv_transpose"},
    "discriminator": {"base_channels": 4, "block": "strided_conv"},
    "training": {"steps": 1},
}


@dataclass
class Diagnosis:
    """What is here and what is not.

    Attributes:
        versions: of Python and the libraries.
        machine: system, and the cores and bytes of memory that this process may use.
        tensorflow_devices, onnxruntime_devices: what each can compute on; None if it is not installed. ONNX Runtime's
            CUDA is among them if it made an image.
        problems: what is broken, with the line that repairs it.
        missing: what cannot be done for want of a package, with the line that installs it.
    """

    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    tensorflow_devices: list[str] | None = None
    onnxruntime_devices: list[str] | None = None
    problems: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show versions and devices, what is missing, and the line that installs it. Exits with 1 if any is broken."""
    diagnosis = diagnose()
    if as_json:
        print_json(asdict(diagnosis))
    else:
        _print(diagnosis)
    if diagnosis.problems:
        raise typer.Exit(1)


def diagnose() -> Diagnosis:
    """Look at this installation and try it: make an image, and build, export and run a small network."""
    from ganzoo.environment.devices import available_memory, cpu_count
    from ganzoo.environment.requirements import EXPORT, is_installed
    from ganzoo.environment.versions import library_versions

    found = Diagnosis(
        versions={"python": platform.python_version(), **library_versions()},
        machine={"system": platform.platform(), "cpus": cpu_count(), "memory": available_memory()},
    )
    _look_at_tensorflow(found)
    _look_at_onnxruntime(found)
    if not found.problems and all(is_installed(module) for module in EXPORT):
        _try_an_export(found)
    _look_for_faces(found)
    return found


def _look_at_tensorflow(found: Diagnosis) -> None:
    from ganzoo.environment.requirements import EXPORT, is_installed, missing_text
    from ganzoo.errors import GanzooError

    absent = [module for module in EXPORT if module != "onnxruntime" and not is_installed(module)]
    if absent:
        found.missing.append(missing_text(absent, action="Training and exporting"))
    if "tensorflow" in absent:
        return
    try:
        import_tensorflow()
        import tensorflow as tf

        devices = tf.config.list_physical_devices()
        found.tensorflow_devices = [_tensorflow_device(tf, device) for device in devices]
    except GanzooError as error:
        found.problems.append(str(error))
    except Exception as error:  # a broken installation may raise anything
        found.problems.append(_broken("TensorFlow", error, "train"))


def _try_an_export(found: Diagnosis) -> None:
    """Build a small network of convolutions, convert it to ONNX, and run it in both forms."""
    from ganzoo.errors import GanzooError

    try:
        _export_a_network()
    except GanzooError as error:
        found.problems.append(f"A small network was built and could not be exported: {error}")
    except Exception as error:  # TensorFlow, Keras and tf2onnx raise almost anything
        reason = (str(error).splitlines() or [""])[0][:200]
        found.problems.append(
            f"A small network cannot be built and exported here: {type(error).__name__}: {reason}. "
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
    if device.device_type == "CPU":
        return "CPU"
    details = tf.config.experimental.get_device_details(device)
    return f"{device.device_type} {details.get('device_name', device.name)}"


def _look_at_onnxruntime(found: Diagnosis) -> None:
    from ganzoo.environment.requirements import is_installed
    from ganzoo.errors import GanzooError
    from ganzoo.inference.load import load
    from ganzoo.inference.onnx_runtime import built_for_cuda, import_runtime

    if not is_installed("onnxruntime"):
        found.missing.append(
            "Generating needs onnxruntime, which is not installed. Run: pip install 'ganzoo-keras[cpu]' "
            "(or, for an NVIDIA GPU: pip install 'ganzoo-keras[gpu]')"
        )
        return
    try:
        runtime = import_runtime()
        load("faces-64", device="cpu").generate(0)
        found.onnxruntime_devices = ["CPU"]
        if built_for_cuda(runtime):
            load("faces-64", device="cuda").generate(0)
            found.onnxruntime_devices.insert(0, "CUDA")
    except GanzooError as error:
        found.problems.append(str(error))
    except Exception as error:  # a broken installation may raise anything
        found.problems.append(_broken("ONNX Runtime", error, "cpu"))


def _look_for_faces(found: Diagnosis) -> None:
    from ganzoo.environment.requirements import EXTRAS, is_installed

    if not all(is_installed(module) for module, extra in EXTRAS.items() if extra == "faces"):
        found.missing.append(
            "The drawn faces of the data source 'faces' need packages that are not installed. "
            "Run: pip install 'ganzoo-keras[faces]'"
        )


def _broken(what: str, error: Exception, extra: str) -> str:
    first = (str(error).splitlines() or [""])[0]
    return (
        f"{what} is installed and does not start: {type(error).__name__}: {first}. "
        f"Run: pip install --force-reinstall 'ganzoo-keras[{extra}]'"
    )


def _print(found: Diagnosis) -> None:
    from ganzoo.environment.devices import gigabytes

    print_table(("library", "version"), list(found.versions.items()), header=False)
    print_data("")
    memory = gigabytes(found.machine["memory"])
    print_data(f"Machine: {found.machine['system']}, {found.machine['cpus']} cores, {memory} of memory available")
    for name, devices in (("TensorFlow", found.tensorflow_devices), ("ONNX Runtime", found.onnxruntime_devices)):
        print_data(f"{name}: {'not available' if devices is None else ', '.join(devices)}")
    for title, lines in (("Broken", found.problems), ("Missing", found.missing)):
        for line in lines:
            print_data(f"{title}: {line}")
    if not found.problems and not found.missing:
        print_data("Everything is here: training, exporting and generating work.")
