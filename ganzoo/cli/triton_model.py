"""The model of ``ganzoo export --triton``: from its RUN and its options to a folder."""

from __future__ import annotations

from pathlib import Path

from ganzoo.bundle.folder import ONNX
from ganzoo.bundle.triton import check_folder, write_triton_model
from ganzoo.cli.output import info, print_data
from ganzoo.environment.commands import path_word
from ganzoo.environment.places import expanded
from ganzoo.hub.load_name import short_name

REPOSITORY = Path("models")


def export_triton(what: str | None, output: str | None, *, runs: Path | None) -> None:
    """Write any model that ``ganzoo.load`` takes as a model of Triton. The folder is printed.

    Args:
        what: a run, a bundle folder, a pretrained model or a model on the Hub; None for the newest run.
        output: the model's folder; by default ``models/NAME`` in the current folder.
        runs: folder of the runs.

    Raises:
        GanzooError: if there is no such model, or the folder cannot be written.
    """
    from ganzoo.resolve import resolve
    from ganzoo.runs import find_run

    folder = None if output is None else expanded(output)
    if folder is not None:
        check_folder(folder)
    bundle = resolve(what or str(find_run(None, root=runs).folder), files=[ONNX], root=runs, info=info)
    folder = write_triton_model(bundle, folder or REPOSITORY / short_name(bundle))
    print_data(str(folder))
    info(f"Serve it with Triton: tritonserver --model-repository={path_word(folder.parent)}")
