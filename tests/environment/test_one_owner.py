"""Only one module reads cores and memory, and only one imports ONNX Runtime."""

import ast
from pathlib import Path

import pytest

import ganzoo

ROOT = Path(ganzoo.__file__).parent
LOOKING = {"cpu_count", "sched_getaffinity", "process_cpu_count", "sysconf"}


def sources():
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}


@pytest.mark.slow
def test_only_devices_asks_the_system_for_cores_and_memory():
    asking = {
        name
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in LOOKING and isinstance(node.value, ast.Name)
        if node.value.id in ("os", "multiprocessing")
    }
    assert asking == {"environment/devices.py"}


@pytest.mark.slow
def test_only_files_saves_arrays():
    """``numpy.save`` to an open file on a full disk may write a part of the array without an error."""
    saving = {
        name
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"save", "savez", "savez_compressed", "tofile"}
        if isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy")
    }
    assert saving == {"environment/files.py"}


def imports_of(tree, package):
    """Line numbers of the imports of a package or its parts."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.split(".")[0] == package for name in names):
            yield node.lineno


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted(name for name, tree in sources().items() if any(imports_of(tree, "onnxruntime")))
)
def test_onnx_runtime_is_imported_with_its_telemetry_off(name):
    """By ``import_runtime``, or after a call of it in the same function."""
    if name == "inference/onnx_runtime.py":
        return
    for function in ast.walk(sources()[name]):
        if isinstance(function, ast.FunctionDef) and any(imports_of(function, "onnxruntime")):
            calls = [
                node.lineno
                for node in ast.walk(function)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "import_runtime"
            ]
            assert calls, f"{name}: {function.name}"
            assert min(calls) < min(imports_of(function, "onnxruntime"))
