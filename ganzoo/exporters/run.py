"""Exports the generator of a run's checkpoint: a bundle, and other formats."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.arguments import shortened
from ganzoo.bundle.directions_file import read_directions
from ganzoo.bundle.folder import DIRECTIONS, WEIGHTS, BundleFacts, read_bundle
from ganzoo.bundle.model_card import check_license
from ganzoo.bundle.presentable_names import MAX_NUMBER, presentable_tree
from ganzoo.bundle.strict_json import check_tree, write_json
from ganzoo.environment.commands import command, run_word
from ganzoo.environment.requirements import EXPORT, require
from ganzoo.environment.tensorflow import import_tensorflow
from ganzoo.errors import BundleError, ExportError, RunError
from ganzoo.exporters.blend import Blend
from ganzoo.exporters.bundle import export_bundle
from ganzoo.exporters.critic import check_possible
from ganzoo.exporters.formats import Format, Formats
from ganzoo.exporters.restore import (
    WhichCheckpoint,
    chosen_by,
    discriminator_near,
    load_averaged,
    restored_encoder,
    restored_generator,
)
from ganzoo.runs import CLASS_NAMES, VERSIONS, read_small_json, trained_seconds
from ganzoo.training.weight_names import named_weights

if TYPE_CHECKING:
    import keras

    from ganzoo.config.experiment import Config
    from ganzoo.runs import Run

_MAX_FACTS = 1 << 18


def export_run(
    run: Run,
    folder: str | os.PathLike[str] | None = None,
    *,
    checkpoint: WhichCheckpoint = "best",
    formats: Sequence[Format] = ("onnx",),
    blend: Blend | None = None,
    license: str | None = None,
    limits: Sequence[str] = (),
    info: Callable[[str], None] = lambda text: None,
) -> Path:
    """Export the EMA generator of a run, and the encoder if its objective has one.

    Args:
        run: the run.
        folder: path of the bundle. Default: ``bundle`` in the run folder. Other formats are written next to it, under
            their own names. If exactly one other format is requested, and no bundle, this is its path. The default
            names of a blend end with its share.
        checkpoint: ``best`` by the evaluation during training (the newest if there was none), ``newest``, or the step
            of an existing checkpoint. A choice other than ``best`` is recorded in metadata.json, and such a bundle is
            not replaced when the run has a newer checkpoint.
        formats: ``onnx`` writes the bundle. ``fp16`` adds a float16 graph to it, and ``critic`` the discriminator of
            the nearest checkpoint, for ``generate(seed, best_of=4)``. All others are exporters, such as ``savedmodel``,
            ``tflite`` and those of plug-ins: a name, a mapping with the name and the exporter's fields, or an exporter.
        blend: average the run's weights with those of before the training; see ``check_blend``.
        license: license of the weights for the model card, an identifier of the Hub such as "cc-by-4.0".
        limits: sentences for the model card: known flaws of the samples, and uses to avoid.
        info: called with the named directions of the bundle that is replaced, if they belong to other weights.

    Returns:
        The folder of the bundle, or the path of the first other format if no bundle was requested.

    Raises:
        RunError: if the run has no such intact checkpoint, or the checkpoint does not match the config.
        UnknownNameError: if there is no such format.
        ExportError: if the generator cannot be converted, the result differs from it too much, or the discriminator
            cannot be a critic, the weights of ``blend`` are those of another generator, or ``limits`` is one text.
        GanzooError: if ``license`` is not a license identifier.
        MissingDependencyError: if TensorFlow, tf2onnx or ONNX Runtime is not installed.
    """
    wanted = Formats.of(formats)
    if license is not None:
        check_license(license)
    if isinstance(limits, str):
        raise ExportError(f"limits: received {shortened(limits)}; allowed is a list of sentences, such as ['...'].")
    config: Config = run.config
    if wanted.critic:
        check_possible(config)
    require(EXPORT, action="Exporting")
    import_tensorflow()
    found = load_averaged(run, checkpoint)
    generator = restored_generator(run, found)
    if blend is not None:
        blend.apply(generator)
    paths = wanted.paths(run, folder, share=None if blend is None else blend.share)
    if wanted.bundle:
        chosen = chosen_by(run, found) if blend is None else {}  # measured without the blend
        training = _recorded(_training_facts(run, license, limits) | chosen)
        training |= {} if blend is None else {"blend": blend.share}
        training |= {} if checkpoint == "best" else {"checkpoint": checkpoint}
        judge = discriminator_near(run, found) if wanted.critic else None
        if judge is not None:
            training["critic"] = {"step": judge.step}
        export_bundle(
            generator,
            config,
            paths["onnx"],
            fp16=wanted.fp16,
            encoder=restored_encoder(run, found),
            discriminator=None if judge is None else judge.state["discriminator"],
            directions=_kept_directions(run, paths["onnx"], generator, info),
            facts=BundleFacts(training_step=found.step, training=training),
            class_names=_class_names(run),
        )
    for exporter in wanted.others:
        path = paths[exporter.registered_name]
        exporter.export(generator, path, distribution=config.generator.latent, num_classes=config.num_classes)
    return next(iter(paths.values()))


def _kept_directions(run: Run, folder: Path, generator: keras.Model, info: Callable[[str], None]) -> bytes | None:
    """The named directions of the bundle that is replaced, if they were found for the same weights."""
    try:
        older = read_bundle(folder, keep=[WEIGHTS, DIRECTIONS])
        if DIRECTIONS not in older.metadata.files:
            return None
        weights, content = older.weights(), older.read(DIRECTIONS)
        names = [one.name for one in read_directions(content, DIRECTIONS, latent_dim=older.config.latent.dim)]
    except BundleError:
        return None
    now = named_weights(generator)
    if weights.keys() == now.keys() and all(np.array_equal(weights[name], now[name]) for name in now):
        return content
    again = command("directions", run_word(run.folder))
    info(f"The directions {', '.join(names)} were those of other weights. To find them again: {again}")
    return None


def _training_facts(run: Run, license: str | None, limits: Sequence[str]) -> dict[str, Any]:
    """The facts about the training for the model card."""
    notes = run.config.data.notes()
    config = run.config.to_dict()
    del config["training"]["hub"]  # where the owner saves the run, which is not a part of the recipe
    facts: dict[str, Any] = {"config": config}
    facts |= {"data_credits": list(notes.credits), "data_limits": list(notes.limits)}
    facts |= {"hub_dataset": notes.hub_dataset} if notes.hub_dataset else {}
    facts |= ({"license": license} if license else {}) | ({"limits": list(limits)} if limits else {})
    seconds = trained_seconds(run.log())
    if seconds:
        facts["seconds"] = round(seconds, 1)
    try:
        versions = read_small_json(run.folder / VERSIONS, dict)
    except (OSError, ValueError):
        return facts
    facts |= {"command": versions["command"]} if "command" in versions else {}
    return facts | {"machine": {key: versions[key] for key in ("platform", "cpus", "devices") if key in versions}}


def _recorded(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts in the form of metadata.json. A very large config is left out, so that the export does not fail."""
    shown: dict[str, Any] = presentable_tree(facts)
    try:
        fits = check_tree(shown, "training", max_number=MAX_NUMBER) and len(write_json(shown)) <= _MAX_FACTS
    except BundleError:
        fits = False
    return shown if fits else {key: value for key, value in shown.items() if key != "config"}


def _class_names(run: Run) -> tuple[str, ...] | None:
    """The class names, if the run recorded them.

    Raises:
        RunError: if the file is damaged.
    """
    path = run.folder / CLASS_NAMES
    if not path.is_file():
        return None
    try:
        return tuple(read_small_json(path, list))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is not readable: {error}. Delete it to export without class names.") from error
