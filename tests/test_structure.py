"""Tests the imports between the files: no circles, and the light half does not import the training half."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ganzoo"
LIGHT = ("config", "bundle", "inference", "hub", "evaluation", "environment", "web")
TRAINING = ("ganzoo.training", "ganzoo.exporters", "ganzoo.testing")


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path, known=FILES):
    """Modules of the package that a file imports anywhere: at its top, inside functions, or for type checkers."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "ganzoo":
            full = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in full.values()}
    return found


def circle(graph):
    """The modules of one circle, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def graph_of_the_package():
    # The public face hands names on lazily, so it may name everything; nothing may import from it.
    return {name: imports(path) - {name} for name, path in FILES.items() if name != "ganzoo"}


def test_no_two_files_import_each_other():
    assert circle(graph_of_the_package()) is None


def test_no_file_imports_from_the_public_face():
    assert [name for name, found in graph_of_the_package().items() if "ganzoo" in found] == []


def test_a_circle_is_seen(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    from ganzoo import b\n")
    (tmp_path / "b.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ganzoo.a import f\n")
    known = {"ganzoo.a", "ganzoo.b"}
    graph = {f"ganzoo.{name}": imports(tmp_path / f"{name}.py", known) for name in ("a", "b")}
    assert set(circle(graph)) == known


@pytest.mark.parametrize("folder", LIGHT)
def test_a_light_folder_does_not_import_the_training_half(folder):
    inside = {name: path for name, path in FILES.items() if name.startswith(f"ganzoo.{folder}.")}
    assert inside
    wrong = {name: [found for found in imports(path) if found.startswith(TRAINING)] for name, path in inside.items()}
    assert not {name: found for name, found in wrong.items() if found}


def test_only_data_sources_are_where_they_are_looked_for():
    """The registry imports every file of this folder, so a file without a source would cost every start."""
    for path in (PACKAGE / "data" / "sources").glob("[!_]*.py"):
        assert "@data_sources.register(" in path.read_text(encoding="utf-8"), path
