"""``ganzoo.load``: from a name or a folder to a Generator.

A bundle that is named by its folder is loaded without pydantic, YAML or any network library, because this is the way
to the first image. Everything else is imported where it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ganzoo.hub.reference import HubOptions
from ganzoo.resolve import resolve

if TYPE_CHECKING:
    from ganzoo.inference.bundle_graph import Precision
    from ganzoo.inference.generator import Generator
    from ganzoo.inference.onnx_runtime import Device


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
    info: Callable[[str], None] = lambda text: None,
) -> Generator:
    """Load a trained generator. TensorFlow is only needed if a run has to be exported first.

    Args:
        what: a bundle folder or a run folder; a run in ``root`` (``model/number``, or a model for its newest run); a
            pretrained model of the zoo (``ganzoo list --pretrained``): ``faces-64`` is its newest version and
            ``faces-64@1`` always the same weights; or a model on the Hugging Face Hub:
            ``user/name`` or ``user/name@revision``. The first match is used, with a warning if there are several.
            ``./NAME``, ``run:NAME``, ``zoo:NAME`` and ``hf://user/name`` are unambiguous. ``name/number`` is
            always a run.
        device: "cpu", "cuda", or "auto" for CUDA if it works and the CPU otherwise.
        threads: CPU threads of one run; by default one per core.
        precision: "float16" uses ``onnx/model_fp16.onnx``, if the bundle has it.
        revision: branch, tag or commit on the Hub; by default ``main``. A full commit is loaded without a request to
            the Hub once it is in the cache.
        token: for private and gated models; by default HF_TOKEN or the token saved by ``hf auth login``.
        cache_dir: by default the Hub's cache (HF_HOME).
        local_files_only: use the cache only.
        force_download: fetch the files again.
        root: folder of the runs; by default the variable GANZOO_RUNS, or ``runs/`` in the current folder.
        info: called with messages: before a run is exported, and if "auto" chose another device than the CPU.

    Raises:
        GanzooError: if the name fits nothing, or the bundle is damaged, unsafe or cannot run here.
    """
    from ganzoo.inference.bundle_graph import graph_file
    from ganzoo.inference.generator import Generator

    hub = HubOptions(revision, token, cache_dir, local_files_only, force_download)
    bundle = resolve(what, files=[graph_file(precision)], hub=hub, root=root, info=info)
    generator = Generator.from_bundle(bundle, device=device, threads=threads, precision=precision, hub=hub)
    if device == "auto" and generator.device != "cpu":
        info(f"Running on {generator.device}.")
    return generator
