"""The page of ``ganzoo export --html``: from its RUN and its options to one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.bundle.folder import ONNX, Bundle, read_bundle
from ganzoo.cli.destination import HTML_SUFFIXES, Output
from ganzoo.cli.output import info, print_data
from ganzoo.environment.places import expanded
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import GanzooError
from ganzoo.hub.load_name import short_name
from ganzoo.web.page import PAGE, check_images, check_place, check_replaceable, page, write_page

if TYPE_CHECKING:
    from ganzoo.runs import Run


def export_page(what: str | None, output: str | None, *, runs: Path | None) -> None:
    """Write the page of any model that ``ganzoo.load`` takes. The path is printed.

    Without ``output``, the page of a run is ``index.html`` in the run's folder, next to its bundle. The page of another
    model is ``NAME.html`` in the current folder.

    Args:
        what: a run, a bundle folder, a pretrained model or a model on the Hub; None for the newest run.
        output: a file, a folder for ``index.html``, or "-" for standard output. An existing file is replaced.
        runs: folder of the runs.

    Raises:
        GanzooError: if there is no such model, a page cannot be made of it, or the file cannot be written.
    """
    from ganzoo.resolve import resolve
    from ganzoo.runs import find_run, named_run, run_at

    target = _target(output)
    if what is None:
        what = str(find_run(None, root=runs).folder)
    run = run_at(expanded(what)) or named_run(what, root=runs)
    if run is not None:
        check_images(run.name, run.config.sample_spec)  # before the run is exported
        if target is None:
            check_replaceable(run.folder / PAGE)
    bundle = resolve(what, files=[ONNX], root=runs, info=info)
    if target is None:
        path = _default_path(bundle)
        check_replaceable(path)
        _write(bundle, path)
    elif target.is_stdout:
        content = page(bundle).encode()
        with target.opened() as file:
            file.write(content)
    else:
        _write(bundle, target.path)


def check_page_of(run: Run, output: str | None) -> None:
    """Check, before a run is exported to the bundle ``output``, that its page can be written next to the bundle.

    Raises:
        GanzooError: if the run generates vectors, ``output`` is a name for a page, or another file has the page's name.
    """
    check_images(run.name, run.config.sample_spec)
    if output is None:
        check_replaceable(run.folder / PAGE)
        return
    if Path(output).suffix.lower() in HTML_SUFFIXES:
        raise GanzooError(
            f"With a bundle, -o is the bundle's folder, and the page is next to it; received -o '{output}'. "
            "For the page alone, use --html without other formats."
        )
    check_replaceable(Path(output).parent / PAGE)


def write_page_next_to(folder: Path) -> None:
    """Write the page of an exported bundle next to it. The path is printed.

    Raises:
        GanzooError: if a page cannot be made of the bundle, or the file cannot be written.
    """
    _write(read_bundle(folder, keep=[ONNX]), folder.parent / PAGE)


def _target(output: str | None) -> Output | None:
    if output is None:
        return None
    target = Output.parse(output)
    if target.is_folder:
        return target.file(PAGE)
    if not target.is_stdout:
        target.check_suffix(HTML_SUFFIXES)
    return target


def _default_path(bundle: Bundle) -> Path:
    from ganzoo.runs import run_of_bundle

    is_of_run = run_of_bundle(bundle.folder) is not None
    return bundle.folder.parent / PAGE if is_of_run else Path(f"{short_name(bundle)}.html")


def _write(bundle: Bundle, path: Path) -> None:
    check_place(bundle, path)
    write_page(bundle, path)
    print_data(str(path))
    info(f"One file of {bytes_text(path.stat().st_size)}, which works offline: open it in a browser.")
