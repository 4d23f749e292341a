"""Makes ONNX Runtime sessions, and says plainly what is missing when it cannot."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from ganzoo.errors import BundleError, GanzooError, MissingDependencyError

Device = Literal["auto", "cpu", "cuda"]
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_FLAVOURS = ("onnxruntime", "onnxruntime-gpu")
_SILENT, _ERRORS = 4, 3


def make_session(content: bytes, *, device: Device = "auto", threads: int | None = None) -> tuple[Any, str]:
    """A session for ONNX bytes that ``onnx_inspection`` has accepted, and the device it runs on, "cpu" or "cuda".

    Raises:
        MissingDependencyError: if ONNX Runtime is missing, installed twice, or cannot use CUDA though asked to.
        BundleError: if ONNX Runtime refuses the graph.
        GanzooError: if an argument is out of range.
    """
    if device not in get_args(Device):
        raise GanzooError(f"No device '{device}'; allowed: {', '.join(get_args(Device))}.")
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 1024):
        raise GanzooError(f"Threads are a whole number from 1 to 1024; received {threads!r}.")
    runtime = import_runtime()
    providers = _providers(runtime, device)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or _cores()
    options.inter_op_num_threads = 1
    # Threads spin inside a run, which is faster for one image, and sleep after it, when others need the cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = _ERRORS if providers == [_CPU] else _SILENT
    try:
        session = runtime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # ONNX Runtime's own kinds have no common base but this
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise BundleError(f"ONNX Runtime refuses the graph: {reason}") from error
    used = "cuda" if session.get_providers()[0] == _CUDA else "cpu"
    if device == "cuda" and used != "cuda":
        raise MissingDependencyError(
            "CUDA was asked for, but ONNX Runtime could not start it and fell back to the CPU. "
            "Check the driver with nvidia-smi and run: pip install 'ganzoo-keras[gpu]'"
        )
    return session, used


def import_runtime() -> Any:
    """The ``onnxruntime`` module.

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
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            f"ONNX Runtime is installed and does not start: {error}. "
            "Run: pip install --force-reinstall 'ganzoo-keras[cpu]'"
        ) from error
    return onnxruntime


def check_single_runtime(site_packages: Path) -> None:
    """Two distributions write into the folder ``onnxruntime``; together they break each other.

    Looks at the names in ``site_packages`` alone: asking importlib.metadata costs 20 ms of a cold start.

    Raises:
        MissingDependencyError: if both are there, with the command that repairs it.
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


def _providers(runtime: Any, device: str) -> list[str]:
    if device == "cpu":
        return [_CPU]
    if _CUDA in runtime.get_available_providers():
        if hasattr(runtime, "preload_dlls"):
            runtime.preload_dlls()
        return [_CUDA, _CPU]
    if device == "cuda":
        raise MissingDependencyError(
            "CUDA was asked for, and this ONNX Runtime is built for the CPU only. "
            "Run: pip uninstall -y onnxruntime && pip install 'ganzoo-keras[gpu]'"
        )
    return [_CPU]


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
