"""Runs the lessons, notebooks in ``examples/lessons/``, and writes them as pages of the documentation.

    python tools/lessons.py examples/lessons/8_latent_space.ipynb --folder work   # run it there, and keep its outputs

A lesson is committed with the outputs of a full run, so that it can be read without running it. Its first code cell has
the tag "parameters". The tests run every lesson with smaller values in a cell after it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

REPOSITORY = Path(__file__).parents[1]
LESSONS = REPOSITORY / "examples" / "lessons"
SECONDS = 7200
"""Longest time of a cell at full size."""

_TENSORFLOW = re.compile(r"^(?:WARNING: All log messages before absl|[IWE]\d{4} \d\d:\d\d:).*\n?", re.MULTILINE)
"""Lines that TensorFlow writes about the machine while it is imported."""
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def read(path: Path) -> Any:
    """The notebook in a file, checked against the format's schema."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def execute(notebook: Any, folder: Path, *, parameters: str = "", seconds: int = SECONDS) -> Any:
    """Run a notebook in a folder, and return it with its outputs.

    Args:
        notebook: is changed.
        folder: the working folder of its code.
        parameters: code that runs after the cell with the tag "parameters".
        seconds: longest time of a cell.

    Raises:
        ValueError: if it has no such cell.
        nbclient.exceptions.CellExecutionError: if a cell raises an error.
    """
    tagged = [number for number, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise ValueError(f'{len(tagged)} cells have the tag "parameters"; a lesson has one.')
    if parameters:
        notebook.cells.insert(tagged[0] + 1, nbformat.v4.new_code_cell(parameters))
    client = NotebookClient(
        notebook, timeout=seconds, coalesce_streams=True, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return notebook


def without_traces(notebook: Any) -> Any:
    """Remove what says where and when a notebook ran. Keep each picture as PNG only."""
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = _TENSORFLOW.sub("", output.text)
            if "image/png" in output.get("data", {}):
                output.data.pop("image/jpeg", None)
    return notebook


def text_of(notebook: Any) -> Iterator[str]:
    """Every text of a notebook: its cells, and their outputs."""
    for cell in notebook.cells:
        yield cell.source
        for output in cell.get("outputs", []):
            yield output.get("text", "")
            yield from (text for kind, text in output.get("data", {}).items() if kind.startswith("text/"))


def write_pages(folder: Path) -> None:
    """Write every lesson as a Markdown page with its pictures, and their list as index.md."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = (LESSONS / "README.md").read_text(encoding="utf-8")
    (folder / "index.md").write_text(_for_site(listed), encoding="utf-8")
    for path in sorted(LESSONS.glob("*.ipynb")):
        names = {"unique_key": path.stem, "output_files_dir": f"{path.stem}_files"}
        body, resources = MarkdownExporter().from_notebook_node(read(path), resources=names)
        source = f"*This lesson is a notebook: `examples/lessons/{path.name}`.*"
        title, _, rest = _for_site(_ANSI.sub("", body)).lstrip().partition("\n")
        (folder / f"{path.stem}.md").write_text(f"{title}\n\n{source}\n{rest}", encoding="utf-8")
        for name, content in resources["outputs"].items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)


def _for_site(text: str) -> str:
    """Links from ``examples/lessons/`` become links from ``generated/lessons/``."""
    for old, new in {"docs/": "../../", "BENCHMARKS.md": "../BENCHMARKS.md", "benchmarks/": "../benchmarks/"}.items():
        text = text.replace(f"](../../{old}", f"]({new}")
    return re.sub(r"(\]\(\w+)\.ipynb\)", r"\1.md)", text)


def main() -> None:
    """Run the lessons on the command line at full size."""
    parser = argparse.ArgumentParser(description="Run lessons at full size and keep their outputs.")
    parser.add_argument("lessons", nargs="+", type=Path)
    parser.add_argument("--folder", type=Path, default=Path(), help="where they run: their data and runs are there")
    arguments = parser.parse_args()
    for path in arguments.lessons:
        notebook = without_traces(execute(read(path), arguments.folder))
        nbformat.write(notebook, path)
        print(path)


if __name__ == "__main__":
    main()
