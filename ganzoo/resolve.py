"""From a name to a verified bundle: a bundle folder, a run, a pretrained model of the zoo, or a model on the Hub.

Slow packages are imported where they are needed, because this module is on the way to the first image.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ganzoo.environment.commands import command, run_word
from ganzoo.environment.places import check_name, expanded
from ganzoo.environment.requirements import EXPORT, require
from ganzoo.errors import BundleError, GanzooError, HubError, RunError, UnknownNameError, did_you_mean
from ganzoo.hub.reference import DEFAULTS, SCHEME, ZOO, HubOptions, is_run_name, parse_reference

if TYPE_CHECKING:
    from ganzoo.bundle.folder import Bundle
    from ganzoo.runs import Run

Info = Callable[[str], None]


class _Candidate(NamedTuple):
    """Something that a name fits.

    Attributes:
        name: the name that fits nothing else.
        open: verifies the bundle and returns it.
        folder: of a bundle or run; None for a pretrained model.
    """

    name: str
    open: Callable[[], Bundle]
    folder: Path | None = None


def resolve(
    what: str | os.PathLike[str],
    *,
    files: Collection[str],
    hub: HubOptions | None = DEFAULTS,
    root: str | os.PathLike[str] | None = None,
    info: Info = lambda text: None,
) -> Bundle:
    """The verified bundle that ``what`` names.

    The order is: a bundle folder or run folder, a run in ``root``, a pretrained model of the zoo, a model on the Hub.
    If a name fits several of the first three, a warning names the one that is used. ``./NAME``, ``run:NAME``,
    ``zoo:NAME`` and ``hf://user/name`` fit only one. A run without an up-to-date bundle is exported.

    Args:
        what: a name or a folder. A path object is always a folder.
        files: the files that the caller reads next. Their content is kept in the bundle, so each file is read and
            hashed once. Of a model on the Hub only these are fetched, with config.json and metadata.json.
        hub: how to fetch; None for bundles and runs on this machine only.
        root: folder of the runs; by default the variable GANZOO_RUNS, or ``runs/`` in the current folder.
        info: called with a message before a run is exported, which takes a while.

    Raises:
        GanzooError: if the name fits nothing, or the bundle is damaged or unsafe.
    """
    check_name(what, "a name or a folder, such as 'faces-64' or a run's folder (run.folder)")
    candidates = list(_candidates(what, files=files, hub=hub, root=root, info=info))
    if candidates:
        chosen, *others = candidates
        if chosen.folder is not None and hub is not None and hub.revision is not None:
            raise HubError(f"Only models on the Hub have revisions, and '{os.fspath(what)}' is here: {chosen.folder}")
        if others:
            _warn(os.fspath(what), chosen, others)
        return chosen.open()
    if hub is not None and isinstance(what, str) and not Path(what).exists():
        reference = parse_reference(what, revision=hub.revision)
        if reference is not None:
            from ganzoo.hub.fetch import fetch

            return fetch(reference, hub, files=files)
    raise _nothing(what, root)


def _candidates(
    what: str | os.PathLike[str],
    *,
    files: Collection[str],
    hub: HubOptions | None,
    root: str | os.PathLike[str] | None,
    info: Info,
) -> Iterator[_Candidate]:
    """Everything on this machine or in the zoo that the name fits, in the order of ``resolve``."""
    from ganzoo.runs import SCHEME as RUN
    from ganzoo.runs import named_run, run_at

    text, here = os.fspath(what), None
    if not text.startswith((RUN, ZOO, SCHEME)):
        folder = expanded(what)
        if is_bundle(folder):
            from ganzoo.bundle.folder import read_bundle

            yield _Candidate(f"./{text}", partial(read_bundle, folder, keep=files), folder)
        elif (here := run_at(folder)) is not None:
            yield _Candidate(f"./{text}", partial(run_bundle, here, files=files, info=info), here.folder)
        if _is_path(what):
            return
    if not text.startswith((ZOO, SCHEME)):
        run = named_run(text, root=root)
        if run is not None and not (here is not None and here.folder.samefile(run.folder)):
            yield _Candidate(f"{RUN}{run.name}", partial(run_bundle, run, files=files, info=info), run.folder)
    if hub is not None and not text.startswith((RUN, SCHEME)):
        from ganzoo.hub.pretrained import find_pretrained, open_pretrained

        model = find_pretrained(text)
        if model is not None:
            yield _Candidate(f"{ZOO}{text.removeprefix(ZOO)}", partial(open_pretrained, model, hub, files=files))


def _warn(text: str, chosen: _Candidate, others: list[_Candidate]) -> None:
    import logging

    names = " or ".join(other.name for other in others)
    logging.getLogger("ganzoo").warning(
        "'%s' has several meanings: used %s. For the other: %s", text, chosen.name, names
    )


def find_training(what: str | os.PathLike[str] | None, *, root: str | os.PathLike[str] | None = None) -> Run:
    """The run that ``what`` names, as ``find_run`` finds it, for commands that need a training and not its result.

    Raises:
        RunError: if there is no such run. For the name of a pretrained model it says what can be done with it.
    """
    from ganzoo.hub.pretrained import find_pretrained
    from ganzoo.runs import find_run

    try:
        return find_run(what, root=root)
    except RunError as error:
        if not isinstance(what, str) or find_pretrained(what) is None:
            raise
        name, (first, *rest) = what.removeprefix(ZOO), str(error).splitlines()
        exported = f"It is a pretrained model, which is exported already: {command('pull', name)}."
        first += f" {exported} To train further from it: training.init_from={name}"
        raise RunError("\n".join([first, *rest])) from error


def run_bundle(run: Run, *, files: Collection[str] = (), info: Info = lambda text: None) -> Bundle:
    """The bundle in a run's folder, of the chosen checkpoint or a newer one. It is exported first if needed.

    A bundle whose checkpoint or blend the user chose is never replaced. Another bundle keeps its license, limits, fp16
    and critic.

    Args:
        run: the run.
        files, info: as in ``resolve``.

    Raises:
        RunError: if the run has no checkpoint.
        MissingDependencyError: if an export is needed, and TensorFlow is not installed.
    """
    from ganzoo.bundle.card_text import sentences
    from ganzoo.bundle.folder import CRITIC, ONNX_FP16, BundleFacts, read_bundle
    from ganzoo.bundle.model_card import stated_license
    from ganzoo.runs import exporting

    bundle = _exported(run, files)
    if bundle is not None and _is_new_enough(bundle, run, info):
        return bundle
    if run.chosen_step() is None:
        raise RunError(f"Run {run.name} has no checkpoint yet, so there is nothing to generate from.")
    try:
        require(EXPORT, action="Exporting a run")
        info(f"Exporting run {run.name} at step {run.chosen_step()} ...")
        with exporting(run):
            meanwhile = _exported(run, files)  # by another process
            if meanwhile is not None and _is_new_enough(meanwhile, run, info):
                return meanwhile
            from ganzoo.exporters import export_run

            has = () if bundle is None else bundle.metadata.files  # a newer export keeps what the user asked for
            kept = [name for name, file in (("fp16", ONNX_FP16), ("critic", CRITIC)) if file in has]
            facts = BundleFacts() if bundle is None else bundle.metadata.facts
            license, limits = stated_license(facts), sentences(facts.training.get("limits"))
            formats = ["onnx", *kept]
            made = export_run(run, run.bundle_folder, formats=formats, license=license, limits=limits, info=info)
            return read_bundle(made, keep=files)
    except GanzooError as error:
        if bundle is None:
            raise
        step = bundle.metadata.facts.training_step
        raise type(error)(f"{error}\nA bundle of step {step} exists: {bundle.folder}") from error


def read_or_fetch(bundle: Bundle, name: str, hub: HubOptions) -> bytes:
    """The content of one file of a verified bundle. If it was not fetched so far, it is, from the same commit.

    Args:
        bundle: the bundle.
        name: a file that its metadata.json lists.
        hub: how to fetch; the revision and the cache are those of the bundle.

    Raises:
        BundleError: if the file is missing or damaged.
        HubError: if it cannot be fetched.
    """
    from dataclasses import replace

    from ganzoo.hub.reference import HubReference, is_snapshot

    folder = bundle.folder
    if name in bundle.kept or (folder / name).exists() or not is_fetched(bundle):
        return bundle.read(name)
    options = hub._replace(revision=None, force_download=False)
    if is_snapshot(folder):
        from ganzoo.hub.fetch import fetch

        repo = folder.parents[1].name.removeprefix("models--").replace("--", "/")
        place = options._replace(cache_dir=folder.parents[2])
        fetched = fetch(HubReference(repo, folder.name), place, files=[name])
    else:
        from ganzoo.hub.pretrained import open_pretrained, shipped_model

        fetched = open_pretrained(shipped_model(folder), options, files=[name])
    return replace(bundle, folder=fetched.folder, kept={}).read(name)  # by the hash of this bundle


def exported_step(run: Run) -> int | None:
    """Training step of the bundle in a run's folder; None if there is none. The bundle is not verified."""
    from ganzoo.bundle.folder import read_metadata

    try:
        return read_metadata(run.bundle_folder).facts.training_step
    except BundleError:
        return None


def is_bundle(folder: Path) -> bool:
    """Whether a folder is meant as a bundle, which may be damaged."""
    return (folder / "metadata.json").is_file() or (folder / "config.json").is_file()


def is_fetched(bundle: Bundle) -> bool:
    """Whether a bundle is in the Hub's cache or comes with ganzoo, so nothing may be written next to it."""
    from ganzoo.hub.pretrained import SHIPPED
    from ganzoo.hub.reference import is_snapshot

    return SHIPPED in bundle.folder.parents or is_snapshot(bundle.folder)


def _exported(run: Run, files: Collection[str]) -> Bundle | None:
    """The verified bundle in a run's folder; None if there is none, or a damaged one."""
    from ganzoo.bundle.folder import read_bundle

    try:
        return read_bundle(run.bundle_folder, keep=files)
    except BundleError:
        return None


def _is_new_enough(bundle: Bundle, run: Run, info: Info) -> bool:
    """Whether a bundle is of the run's chosen checkpoint, or of a newer one, or of one that the user chose."""
    facts, chosen = bundle.metadata.facts, run.chosen_step()
    exported = facts.training_step
    if exported is None or chosen is None or exported >= chosen:
        return exported is not None
    if facts.training.keys().isdisjoint(("checkpoint", "blend")):
        return False
    again = command("export", run_word(run.folder))
    info(f"Using the bundle of step {exported}, as it was exported. For step {chosen}: {again}")
    return True


def _is_path(what: str | os.PathLike[str]) -> bool:
    """Whether ``what`` can only be a path, and not a name."""
    return not isinstance(what, str) or what.startswith((".", "~")) or Path(what).is_absolute()


def _nothing(what: str | os.PathLike[str], root: str | os.PathLike[str] | None) -> GanzooError:
    """The error for a name that fits nothing: why, and what is possible."""
    from ganzoo.config.zoo import config_files
    from ganzoo.hub.pretrained import find_pretrained, pretrained_models, unknown_pretrained
    from ganzoo.hub.pretrained_index import split_version
    from ganzoo.runs import ELSEWHERE, list_runs, runs_folder
    from ganzoo.runs import SCHEME as RUN

    text, folder = os.fspath(what), expanded(what)
    if folder.is_file():
        return BundleError(f"'{text}' is a file, and a bundle is a folder. If it is an archive, unpack it first.")
    if folder.is_dir() and (_is_path(what) or os.sep in text):
        return BundleError(
            f"'{text}' is neither a bundle (it has no config.json) nor a run (it has no config.yaml). See: ganzoo runs"
        )
    if _is_path(what):
        return BundleError(f"No bundle or run at '{text}': the folder does not exist. See: ganzoo runs")
    models, pretrained = config_files(), pretrained_models()
    name = text.removeprefix(ZOO)
    if find_pretrained(text) is not None:
        return BundleError(f"'{name}' is a pretrained model; a bundle or run on this machine is needed: ganzoo runs")
    if name in models:
        return RunError(
            f"'{name}' is a model of the zoo without trained weights here. Train it: {command('train', name)}"
        )
    if text.startswith(ZOO) or split_version(text)[0] in pretrained:
        return unknown_pretrained(text)
    name = text.removeprefix(RUN)
    runs = [found for run in list_runs(root=root) for found in (run.name, run.folder.parent.name)]
    if is_run_name(name) or text.startswith(RUN):
        near = did_you_mean(name, runs)
        hub = f" If a model on the Hugging Face Hub has this name: {SCHEME}{name}" if "/" in name else ""
        return UnknownNameError(
            f"No run '{name}' in '{runs_folder(root).absolute()}'.{near} See all: ganzoo runs\n{ELSEWHERE}{hub}"
        )
    return UnknownNameError(
        f"No bundle, run or model named '{text}'.{did_you_mean(text, {*models, *runs, *pretrained})}\n"
        "See all: ganzoo list, ganzoo list --pretrained and, for models trained here, ganzoo runs. "
        "A model on the Hugging Face Hub is named user/name."
    )
