"""Creates ONNX Runtime sessions, with clear errors for a missing or broken installation."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from ganzoo.environment.devices import cpu_count
from ganzoo.errors import BundleError, GanzooError, MissingDependencyError, reason

Device = Literal["auto", "cpu", "cuda"]
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
"""TF32 changes pixels by up to four levels. The exhaustive search pauses at every new batch size and finds nothing
faster. Measured by ``benchmarks/generate_cuda.py``."""
_CUDA_FAILURE = re.compile(r"\bCU\w+ failure \d+: [^;\n]*[^;\s]")
_FLAVOURS = ("onnxruntime", "onnxruntime-gpu")
_SILENT, _ERRORS = 4, 3
_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"


def make_session(content: bytes, *, device: Device = "auto", threads: int | None = None) -> tuple[Any, str]:
    """A session for ONNX bytes that ``onnx_guard`` has accepted, and its device, "cpu" or "cuda".

    Raises:
        MissingDependencyError: if ONNX Runtime is missing, installed twice, or cannot use the device "cuda".
        BundleError: if ONNX Runtime refuses the graph.
        GanzooError: if an argument is out of range.
    """
    if device not in get_args(Device):
        hint = " An NVIDIA GPU is cuda." if str(device).lower() == "gpu" else ""
        raise GanzooError(f"No device '{device}'; allowed: {', '.join(get_args(Device))}.{hint}")
    runtime = import_runtime()
    failure = "it fell back to the CPU"
    if _wants_cuda(runtime, device):
        try:
            session = _session(runtime, content, [(_CUDA, _CUDA_OPTIONS), _CPU], threads=threads, log_level=_SILENT)
            if session.get_providers()[0] == _CUDA:
                return session, "cuda"
        except Exception as error:  # caused by CUDA, or by the graph, which the CPU then refuses, too
            failure = reason_of(error)
    try:
        session = _session(runtime, content, [_CPU], threads=threads, log_level=_ERRORS)
    except Exception as error:  # the exceptions of ONNX Runtime have no other common base
        raise BundleError(f"ONNX Runtime refuses the graph: {reason_of(error)}") from error
    if device == "cuda":
        raise MissingDependencyError(
            f"The device is cuda, but ONNX Runtime could not start CUDA: {failure}. "
            "Check the driver with nvidia-smi and run: pip install 'ganzoo-keras[gpu]'"
        )
    return session, "cpu"


def _session(runtime: Any, content: bytes, providers: list[Any], *, threads: int | None, log_level: int) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or cpu_count()
    options.inter_op_num_threads = 1
    # Threads spin during a run, which is faster for one image, and sleep after it, so other programs get the cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("optimization.constant_folding_max_output_size_in_bytes", str(1 << 26))
    options.log_severity_level = log_level
    # The fallback to the CPU inside ONNX Runtime prints to stdout.
    return runtime.InferenceSession(content, options, providers=providers, enable_fallback=0)


def reason_of(error: Exception) -> str:
    """The reason of an ONNX Runtime exception in one line; CUDA's message, if CUDA caused it."""
    found = _CUDA_FAILURE.search(str(error))
    text = found.group() if found else str(error)
    return text.splitlines()[0][:200] if text else type(error).__name__


def import_runtime() -> Any:
    """The ``onnxruntime`` module with its telemetry turned off. Call this before importing a part of it.

    Since version 1.31 the import writes a device id and a database of events into the user's cache folder, and starts a
    thread that sends them. The variable ORT_DISABLE_TELEMETRY turns this off. It is set here unless the user has set it
    (``0`` leaves the telemetry on), and child processes inherit it.

    If other code imported ``onnxruntime`` earlier, its first event is recorded already; no further events are recorded.

    Raises:
        MissingDependencyError: if it is not installed, installed twice, or broken.
    """
    spec = find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            "ONNX Runtime is not installed. Run: pip install 'ganzoo-keras[cpu]' "
            "(or, for an NVIDIA GPU: pip install 'ganzoo-keras[gpu]')"
        )
    check_single_runtime(Path(spec.origin).parent.parent)
    started = "onnxruntime" in sys.modules
    if not started:
        os.environ.setdefault(_NO_TELEMETRY, "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            f"ONNX Runtime is installed but does not start: {reason(error)}. "
            "Run: pip install --force-reinstall 'ganzoo-keras[cpu]'"
        ) from error
    if started and _NO_TELEMETRY not in os.environ:
        onnxruntime.disable_telemetry_events()
    return onnxruntime


def built_for_cuda(runtime: Any) -> bool:
    """Whether ``onnxruntime`` is the GPU build. The machine may have no GPU."""
    return _CUDA in runtime.get_available_providers()


def check_single_runtime(site_packages: Path) -> None:
    """Refuse two distributions in the folder ``onnxruntime``, which break each other.

    Only the names in ``site_packages`` are read, because importlib.metadata takes 20 ms of a cold start.

    Raises:
        MissingDependencyError: if both are installed; with the command that repairs it.
    """
    installed = _distributions(path.name for path in site_packages.iterdir())
    if len(installed) > 1:
        raise MissingDependencyError(
            f"{' and '.join(installed)} are both installed and overwrite each other. "
            f"Keep one: pip uninstall -y {' '.join(installed)} && pip install 'ganzoo-keras[cpu]' (or [gpu])"
        )


def _distributions(names: Iterable[str]) -> list[str]:
    found = {name.split("-")[0].lower().replace("_", "-") for name in names if name.endswith(".dist-info")}
    return [flavour for flavour in _FLAVOURS if flavour in found]


def _wants_cuda(runtime: Any, device: str) -> bool:
    """Whether to try CUDA. If so, its libraries are loaded."""
    if device == "cpu":
        return False
    if built_for_cuda(runtime):
        if hasattr(runtime, "preload_dlls"):
            runtime.preload_dlls()
        return True
    if device == "cuda":
        raise MissingDependencyError(
            "The device is cuda, but this ONNX Runtime is built for the CPU only. "
            "Run: pip uninstall -y onnxruntime && pip install 'ganzoo-keras[gpu]'"
        )
    return False
