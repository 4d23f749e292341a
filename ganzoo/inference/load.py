"""``ganzoo.load``: from a name or a folder to a Generator.

A bundle that is named by its folder is loaded without pydantic, YAML or any network library, because this is the way
to the first picture. Everything else is imported where it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ganzoo.errors import HubError
from ganzoo.hub.reference import DEFAULTS, HubOptions
from ganzoo.resolve import fetched, local_bundle

if TYPE_CHECKING:
    from ganzoo.inference.generator import Generator, Precision
    from ganzoo.inference.onnx_runtime import Device
    from ganzoo.runs import Run


def load(
    what: str | os.PathLike[str],
    *,
    device: Device = "auto",
    threads: int | None = None,
    precision: Precision = "float32",
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    root: str | os.PathLike[str] | None = None,
) -> Generator:
    """Load a trained generator; TensorFlow is not needed, unless a run has to be exported first.

    Args:
        what: a bundle folder, a run folder, ``model/number`` or a model's name for a run in ``root``, a pretrained
            model of the zoo (``ganzoo list --pretrained``), or a model on the Hugging Face Hub: ``user/name``,
            ``user/name@revision``, ``hf://user/name``. The first that is there is taken; ``hf://`` is always the Hub,
            and ``name/number`` never.
        device: "cpu", "cuda", or "auto" for CUDA where it works and the CPU elsewhere.
        threads: of one run on the CPU; by default as many as there are cores.
        precision: "float16" takes ``onnx/model_fp16.onnx``, if the bundle has it.
        revision: branch, tag or commit on the Hub; by default ``main``. A full commit is loaded without asking the Hub
            once it is in the cache.
        token: for private and gated models; by default HF_TOKEN or what ``hf auth login`` has saved.
        cache_dir: by default the Hub's cache (HF_HOME).
        local_files_only: never ask the Hub.
        force_download: fetch the files again.
        root: where runs are kept; by default the variable GANZOO_RUNS, or ``runs/`` in the present folder.

    Raises:
        GanzooError: if nothing answers to the name, or what does is damaged, unsafe or cannot run here.
    """
    hub = HubOptions(revision, token, cache_dir, local_files_only, force_download)
    return open_generator(what, hub=hub, device=device, threads=threads, precision=precision, root=root)


def open_generator(
    what: str | os.PathLike[str],
    *,
    hub: HubOptions = DEFAULTS,
    before_export: Callable[[Run], None] = lambda run: None,
    device: Device = "auto",
    threads: int | None = None,
    precision: Precision = "float32",
    root: str | os.PathLike[str] | None = None,
) -> Generator:
    """``load`` for the command line: ``before_export`` is called with a run that has to be exported first."""
    from ganzoo.inference.generator import Generator, graph_file

    local = local_bundle(what, root=root, before_export=before_export)
    if local is not None and hub.revision is not None:
        raise HubError(f"A revision is of a model on the Hub, but '{os.fspath(what)}' is here: {local}")
    folder = local or fetched(what, hub, files=[graph_file(precision)], root=root)
    return Generator.from_bundle(folder, device=device, threads=threads, precision=precision, download=local is None)
