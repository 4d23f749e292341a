"""From a trained generator, or a run's checkpoint, to a bundle: converted, folded, checked, compared."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo import latents
from ganzoo.bundle.folder import CONFIG, LIMITS, BundleConfig, BundleFacts, LatentSpec, write_bundle
from ganzoo.bundle.model_card import check_license, model_card
from ganzoo.bundle.onnx_guard import check_onnx
from ganzoo.bundle.presentable_names import MAX_NUMBER, presentable_names, presentable_tree
from ganzoo.bundle.public_values import public_facts, public_values
from ganzoo.bundle.schema import check_tree, write_json
from ganzoo.environment.process_settings import own_settings
from ganzoo.environment.requirements import EXPORT, require
from ganzoo.environment.tensorflow import import_tensorflow
from ganzoo.errors import BundleError, ExportError, RunError
from ganzoo.exporters.base import exporters
from ganzoo.exporters.parity import Runtime, check_parity
from ganzoo.exporters.restore import WhichCheckpoint, chosen_by, load_averaged, restored_generator
from ganzoo.training.weight_names import named_weights

if TYPE_CHECKING:
    import keras
    from onnx import ModelProto

    from ganzoo.config.experiment import Config
    from ganzoo.runs import Run

TOLERANCE = 1e-4
"""Largest allowed difference between Keras and the bundle's float32 graph, where samples lie in [-1, 1]."""
_LIBRARIES = ("ganzoo-keras", "keras", "numpy", "onnx", "onnxruntime", "tensorflow", "tf2onnx")
_GRID_SEEDS, _POINT_SEEDS = range(64), range(2500)
_CLASS_NAMES = "class_names.json"
_MAX_FACTS = 1 << 18


def export_run(
    run: Run,
    folder: str | os.PathLike[str] | None = None,
    *,
    checkpoint: WhichCheckpoint = "best",
    onnx: bool = True,
    fp16: bool = False,
    savedmodel: bool = False,
    tflite: bool = False,
    license: str | None = None,
    limits: Sequence[str] = (),
) -> Path:
    """Export the averaged generator of a run's best checkpoint, or of another.

    Args:
        run: the run.
        folder: of the bundle; by default ``bundle`` in the run's folder. Other forms stand beside it, under their own
            names; if one other form alone is asked for, this is its path.
        checkpoint: ``best`` by what was measured while training (the newest if nothing was), ``newest``, or the step
            of one that is still there.
        onnx: write the bundle.
        fp16: put a float16 graph into it, too.
        savedmodel, tflite: write these forms.
        license: of the weights, an identifier of the Hub such as "cc-by-4.0", for the model card.
        limits: sentences for the card: what is wrong with the samples, what they should not be used for.

    Returns:
        The folder of the bundle, or else the path of the first other form.

    Raises:
        RunError: if the run has no such checkpoint that is whole, or it does not fit the config.
        ExportError: if a form cannot say what the generator does, or differs from it too much.
        GanzooError: if the licence is none.
        MissingDependencyError: if TensorFlow, tf2onnx or ONNX Runtime is not installed.
    """
    others = [name for name, wanted in (("savedmodel", savedmodel), ("tflite", tflite)) if wanted]
    if not onnx and not others:
        raise ExportError("Nothing to export; choose of onnx, savedmodel and tflite.")
    if license is not None:
        check_license(license)
    require(EXPORT, action="Exporting")
    import_tensorflow()
    config: Config = run.config
    found = load_averaged(run, checkpoint)
    generator, step = restored_generator(run, found), found.step
    bundle = Path(folder) if folder is not None else run.folder / "bundle"
    written: list[Path] = []
    if onnx:
        training = _recorded(_training_facts(run, license, limits) | chosen_by(run, found))
        facts = BundleFacts(training_step=step, training=training)
        export_bundle(generator, config, bundle, fp16=fp16, facts=facts, class_names=_class_names(run))
        written.append(bundle)
    for name in others:
        exporter = exporters.get(name)()
        alone = folder is not None and not onnx and len(others) == 1
        path = bundle if alone else bundle.parent / exporter.file_name
        exporter.export(generator, path, distribution=config.generator.latent, num_classes=config.num_classes)
        written.append(path)
    return written[0]


@own_settings()
def export_bundle(
    generator: keras.Model,
    config: Config,
    folder: str | os.PathLike[str],
    *,
    fp16: bool = False,
    facts: BundleFacts | None = None,
    class_names: tuple[str, ...] | None = None,
) -> Path:
    """Write a generator as a bundle. What stood at ``folder`` is untouched if anything is wrong.

    Args:
        generator: as ``ganzoo.training.networks.build_generator(config)`` makes it;
            mixed precision is exported in float32.
        config: its experiment.
        folder: the bundle; an older one is replaced.
        fp16: put a float16 graph into it, too.
        facts: what is known of the training; the parity error is filled in.
        class_names: of a conditional generator, in order.

    Raises:
        ExportError: if ONNX cannot say what the generator does, or differs from it too much.
        BundleError: if something else than a bundle stands at ``folder``, or it cannot be written.
    """
    from ganzoo.exporters.onnx import FP16_TOLERANCE, to_float16, to_onnx

    generator = float32_clone(generator, config)
    described = bundle_config(config, class_names=class_names)
    model = to_onnx(generator, num_classes=config.num_classes)
    onnx, runtime, error = _checked(model, generator, described, tolerance=TOLERANCE, name="onnx")
    onnx_fp16 = None
    if fp16:
        half = to_float16(model)
        onnx_fp16, _, _ = _checked(half, generator, described, tolerance=FP16_TOLERANCE, name="onnx float16")
    known = {} if facts is None else {name: getattr(facts, name) for name in BundleFacts.__dataclass_fields__}
    facts = public_facts(BundleFacts(**{**known, "parity_error": error}))
    write_bundle(
        folder,
        config=described,
        onnx=onnx,
        onnx_fp16=onnx_fp16,
        weights={name: np.ascontiguousarray(variable) for name, variable in named_weights(generator).items()},
        samples=_samples(runtime, described),
        facts=facts,
        card=model_card(described, facts),
    )
    return Path(folder)


def bundle_config(config: Config, *, class_names: tuple[str, ...] | None = None) -> BundleConfig:
    """What a bundle of this experiment's generator says about itself.

    Args:
        config: the experiment.
        class_names: as the data source has them; ``presentable_names`` makes those of the bundle. A bundle has none if
            they are too many for its config.json.

    Raises:
        BundleError: if a value is out of a bundle's bounds.
    """
    from ganzoo.environment.versions import library_versions

    versions = library_versions()
    names = presentable_names(class_names) if class_names is not None and config.num_classes else None
    made = BundleConfig(
        name=config.name,
        kind="image" if len(config.sample_shape) == 3 else "vector",
        shape=tuple(config.sample_shape),
        latent=LatentSpec(dim=config.generator.latent_dim, distribution=config.generator.latent),
        num_classes=config.num_classes or None,
        class_names=names,
        model={"generator": public_values(config.generator, config.to_dict()["generator"])},
        versions={name: versions[name] for name in _LIBRARIES if name in versions} | plugin_versions(config),
    )
    if names is not None and len(write_json(made.to_dict())) > LIMITS[CONFIG]:
        return replace(made, class_names=None)
    return made


def plugin_blocks(config: Config) -> list[str]:
    """The packages, other than ganzoo, whose blocks the generator is made of."""
    modules = {type(block).__module__.partition(".")[0] for block in config.generator.expand(config.sample_shape)}
    return sorted(modules - {"ganzoo"})


def plugin_versions(config: Config) -> dict[str, str]:
    """The packages that the generator's blocks come from, other than ganzoo, and their versions."""
    from importlib.metadata import packages_distributions, version

    modules = plugin_blocks(config)
    homes = packages_distributions() if modules else {}
    return {home: version(home) for module in modules for home in homes.get(module, ())[:1]}


def float32_clone(generator: keras.Model, config: Config) -> keras.Model:
    """The generator with the same weights, computing in float32; itself if it does so already."""
    from ganzoo.training import networks

    if all(layer.compute_dtype == "float32" for layer in generator.layers):
        return generator
    clone = networks.build_generator(config)
    clone.set_weights(generator.get_weights())
    return clone


def _checked(
    model: ModelProto, generator: keras.Model, described: BundleConfig, *, tolerance: float, name: str
) -> tuple[bytes, Runtime, float]:
    """The graph's bytes, what runs them, and the parity error; refused as a reader of the bundle would refuse it."""
    from ganzoo.exporters.onnx import onnx_runtime

    content = model.SerializeToString()
    try:
        check_onnx(content, described)
    except BundleError as error:
        raise ExportError(f"The generator makes a graph that no bundle may hold: {error}") from error
    runtime = onnx_runtime(content)
    difference = check_parity(
        generator,
        runtime,
        distribution=described.latent.distribution,
        num_classes=described.num_classes or 0,
        tolerance=tolerance,
        name=name,
    )
    return content, runtime, difference


def _samples(runtime: Runtime, described: BundleConfig) -> bytes:
    """samples.png: the first seeds as a grid, classes in turn; vectors as points."""
    from ganzoo import images
    from ganzoo.sample_sheet import picture

    seeds = _GRID_SEEDS if described.kind == "image" else _POINT_SEEDS
    z = latents.latents(seeds, dim=described.latent.dim, distribution=described.latent.distribution)
    labels = None
    if described.num_classes:
        labels = np.arange(len(seeds), dtype=np.int32) % described.num_classes
    step = 8
    parts = [runtime(z[i : i + step], None if labels is None else labels[i : i + step]) for i in range(0, len(z), step)]
    return images.encoded(picture(np.concatenate(parts)))


def _training_facts(run: Run, license: str | None = None, limits: Sequence[str] = ()) -> dict[str, Any]:
    """What the card tells of the training."""
    notes = run.config.data.notes()
    facts: dict[str, Any] = {"config": run.config.to_dict()}
    facts |= {"data_credits": list(notes.credits), "data_limits": list(notes.limits)}
    facts |= ({"license": license} if license else {}) | ({"limits": list(limits)} if limits else {})
    seconds = sum(_session_seconds(run.log()))
    if seconds:
        facts["seconds"] = round(seconds, 1)
    try:
        versions = json.loads((run.folder / "versions.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return facts
    facts |= {"command": versions["command"]} if "command" in versions else {}
    return facts | {"machine": {key: versions[key] for key in ("platform", "cpus", "devices") if key in versions}}


def _recorded(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts in the form that metadata.json takes. A huge config is left out: no fact is worth a refused export."""
    shown: dict[str, Any] = presentable_tree(facts)
    try:
        fits = check_tree(shown, "training", max_number=MAX_NUMBER) and len(write_json(shown)) <= _MAX_FACTS
    except BundleError:
        fits = False
    return shown if fits else {key: value for key, value in shown.items() if key != "config"}


def _session_seconds(log: list[dict[str, Any]]) -> list[float]:
    """How long each start of the run took: the clock in the log begins anew with every one."""
    clock = [float(record["seconds"]) for record in log if "seconds" in record]
    return [now for now, then in zip(clock, [*clock[1:], 0.0], strict=False) if then < now]


def _class_names(run: Run) -> tuple[str, ...] | None:
    """The names of the classes, if the run kept them.

    Raises:
        RunError: if the file is damaged.
    """
    path = run.folder / _CLASS_NAMES
    if not path.is_file():
        return None
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is not readable: {error}. Delete it to export without names of classes.") from error
    return tuple(names) if isinstance(names, list) else None
