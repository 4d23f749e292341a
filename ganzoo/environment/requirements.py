"""The optional packages that an action needs, and the command that installs them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from ganzoo.errors import MissingDependencyError

TRAINING = ("tensorflow", "keras")
EXPORT = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime")

EXTRAS = {
    "tensorflow": "train",
    "keras": "train",
    "tf2onnx": "train",
    "onnx": "train",
    "tensorboard": "train",
    "matplotlib": "train",
    "onnxruntime": "cpu",
    "dicebear": "faces",
    "dicebear_styles": "faces",
    "resvg_py": "faces",
    "imageio_ffmpeg": "video",
    "pyarrow": "parquet",
    "pillow_heif": "heic",
}
"""Optional module -> the extra of ganzoo-keras that installs it."""
OPTIONAL = {
    "parquet": "data in parquet files and data sets of the Hub",
    "heic": "HEIC photographs",
    "video": "MP4 animations",
}
"""Extra that few users need -> what it is for."""


_ORDER = [*OPTIONAL, "faces", "cpu", "train"]
"""An extra includes what is needed of those before it."""


def is_installed(module: str) -> bool:
    """Return whether a module is installed. The module is not imported."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def require(modules: Iterable[str], *, action: str) -> None:
    """Check that modules are installed.

    Args:
        modules: for example ``TRAINING``.
        action: the action that needs them, as the subject of a sentence: ``"Training"``.

    Raises:
        MissingDependencyError: if a module is missing. The message has the command that installs it.
    """
    missing = [module for module in modules if not is_installed(module)]
    if missing:
        raise MissingDependencyError(missing_text(missing, action=action))


def missing_text(missing: list[str], *, action: str) -> str:
    """Return the message for modules that are not installed."""
    extra = max((EXTRAS.get(module, "train") for module in missing), key=_ORDER.index)
    names = f"{', '.join(missing[:-1])} and {missing[-1]}" if len(missing) > 1 else missing[0]
    verb = "are" if len(missing) > 1 else "is"
    return f"{action} needs {names}, which {verb} not installed. Run: pip install 'ganzoo-keras[{extra}]'"
