"""Imports TensorFlow and Keras without their C++ startup log, and sets the variables that their imports read."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from ganzoo.environment import devices
from ganzoo.environment.gpus import grow_memory
from ganzoo.environment.places import has_home
from ganzoo.environment.process_settings import check_process
from ganzoo.errors import MissingDependencyError

LEVEL, BACKEND = "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND"

_log = logging.getLogger("ganzoo")


def set_variables() -> None:
    """Set the environment variables that TensorFlow and Keras read during their import, unless the user set them."""
    # TensorFlow turns oneDNN off on processors without AVX-512. There oneDNN makes convolutions nearly twice as fast.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if not has_home():  # Keras would create a folder called "~"; it cannot create one at this path
        os.environ.setdefault("KERAS_HOME", f"{os.devnull}/keras")


def import_tensorflow() -> None:
    """Import TensorFlow and Keras, and initialize TensorFlow's devices, without output on standard error.

    If the user has set TF_CPP_MIN_LOG_LEVEL, the output is not suppressed. Setting this variable is not enough to
    suppress it, because TensorFlow writes some lines before it reads the variable.

    If Keras is not imported yet, it is imported with the backend TensorFlow. KERAS_BACKEND and
    ``~/.keras/keras.json`` are ignored, and are not changed.

    Raises:
        MissingDependencyError: if TensorFlow or Keras cannot be imported, or this process already uses one of them
            with settings that cannot change any more.
    """
    set_variables()
    new = "tensorflow" not in sys.modules
    quiet = new and LEVEL not in os.environ
    if quiet:
        os.environ[LEVEL] = "3"
        logging.getLogger("absl").setLevel(logging.ERROR)
    with _keras_on_tensorflow(), _no_stderr() if quiet else contextlib.nullcontext():
        tf = _imported("tensorflow")
        if new:
            _limit_threads(tf)
            tf.config.list_physical_devices()
            grow_memory(tf)
        keras = _imported("keras")
    check_process(keras, tf)


@contextlib.contextmanager
def _keras_on_tensorflow() -> Iterator[None]:
    """Context in which Keras is imported with the backend TensorFlow. Importing TensorFlow may import Keras."""
    before = os.environ.get(BACKEND)
    if "keras" in sys.modules or before == "tensorflow":
        yield
        return
    os.environ[BACKEND] = "tensorflow"
    try:
        yield
    finally:
        del os.environ[BACKEND]
        if before is not None:
            os.environ[BACKEND] = before
    if before:
        _log.warning("KERAS_BACKEND is %s, but ganzoo needs TensorFlow: Keras uses it in this process.", before)


def _imported(name: str) -> Any:
    """Import a module. If the import fails, the error names the likely cause."""
    try:
        return import_module(name)
    except Exception as error:  # TensorFlow and Keras may raise any error, even AssertionError
        title = {"tensorflow": "TensorFlow", "keras": "Keras"}[name]
        raise MissingDependencyError(f"{title} cannot be imported: {_reason(error)}. {_remedy(error)}") from error


def _reason(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0].strip().rstrip(".")
    return f"{type(error).__name__}: {first[:200]}" if first else type(error).__name__


def _remedy(error: Exception) -> str:
    """Return what to do: correct the settings of Keras, which both imports read, or else reinstall."""
    variables = [
        name for name in sorted(os.environ) if name.startswith("KERAS_") and name not in (BACKEND, "KERAS_HOME")
    ]
    sources = [str(path) for path in [keras_json()] if path.is_file()] + variables
    if not isinstance(error, ImportError | OSError) and sources:
        return f"Its settings are from {' and '.join(sources)}. Correct or remove them."
    return "Run: pip install --force-reinstall 'ganzoo-keras[train]'"


def keras_json() -> Path:
    """Return the path of the settings file of Keras: in KERAS_HOME, else in ``~/.keras``."""
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")  # noqa: PTH118 - "~" may be unknown
    return Path(os.path.expanduser(home)) / "keras.json"  # noqa: PTH111 - as Keras does; Path.expanduser may raise


def _limit_threads(tf: Any) -> None:
    """Limit TensorFlow to a container's share of processor time. By default it starts a thread for every core."""
    cores = devices.cpu_count()
    if cores >= devices.affinity_count():
        return
    for get, set_number, variable in (
        (
            tf.config.threading.get_intra_op_parallelism_threads,
            tf.config.threading.set_intra_op_parallelism_threads,
            "TF_NUM_INTRAOP_THREADS",
        ),
        (
            tf.config.threading.get_inter_op_parallelism_threads,
            tf.config.threading.set_inter_op_parallelism_threads,
            "TF_NUM_INTEROP_THREADS",
        ),
    ):
        if variable not in os.environ and not get():
            set_number(cores)


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """Redirect the file descriptor of standard error to ``/dev/null``, because C++ does not use ``sys.stderr``."""
    try:
        sys.stderr.flush()
        original = os.dup(2)
    except (AttributeError, OSError, ValueError):
        yield  # standard error is closed, and ``sys.stderr`` is None
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        os.close(null)
