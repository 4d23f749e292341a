"""Converts a Keras generator to a bundle: ONNX graph, weights, sample image, model card."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganzoo import images
from ganzoo.bundle.folder import CONFIG, CRITIC, DIRECTIONS, ENCODER, LIMITS, BundleConfig, BundleFacts, LatentSpec
from ganzoo.bundle.model_card import FILES, model_card
from ganzoo.bundle.onnx_guard import check_onnx
from ganzoo.bundle.presentable_names import presentable_names
from ganzoo.bundle.public_values import public_facts, public_values
from ganzoo.bundle.strict_json import write_json
from ganzoo.bundle.writing import write_bundle
from ganzoo.environment.process_settings import own_settings
from ganzoo.environment.versions import EXPORT_LIBRARIES, library_versions
from ganzoo.errors import BundleError, ExportError
from ganzoo.exporters.critic import Weights, export_critic
from ganzoo.exporters.encoder import export_encoder
from ganzoo.exporters.parity import FLOAT16_TOLERANCE, TOLERANCE, Runtime, check_parity
from ganzoo.exporters.truncation import style_mean
from ganzoo.sample_sheet import class_latents, classes_shown, draw_samples, preview_latents
from ganzoo.training.weight_names import named_weights

if TYPE_CHECKING:
    import keras
    from onnx import ModelProto

    from ganzoo.config.experiment import Config

_PREVIEW_BATCH = 8


@own_settings()
def export_bundle(
    generator: keras.Model,
    config: Config,
    folder: str | os.PathLike[str],
    *,
    fp16: bool = False,
    discriminator: Weights | None = None,
    encoder: keras.Model | None = None,
    directions: bytes | None = None,
    facts: BundleFacts | None = None,
    class_names: tuple[str, ...] | None = None,
) -> Path:
    """Export a generator as a bundle. On an error, an existing ``folder`` is unchanged.

    Args:
        generator: the output of ``ganzoo.training.networks.build_generator(config)``. A mixed-precision generator is
            exported in float32.
        config: the experiment.
        folder: path of the bundle; an existing bundle is replaced.
        fp16: add a float16 graph.
        discriminator: weights of the trained discriminator, as a checkpoint has them; adds a critic.
        encoder: the float32 encoder that was trained with the generator: samples -> latents; adds it.
        directions: content of directions.json, for exactly these weights.
        facts: provenance and metrics; this function adds the parity error.
        class_names: class names of a conditional generator, in label order.

    Raises:
        ExportError: if a network cannot be converted to ONNX, its graph differs from it too much, or the discriminator
            cannot be a critic.
        BundleError: if ``folder`` exists and is not a bundle, or it cannot be written.
    """
    from ganzoo.exporters.onnx import to_float16, to_onnx

    generator = float32_clone(generator, config)
    described = bundle_config(config, class_names=class_names)
    model = to_onnx(generator, num_classes=config.num_classes, style_mean=style_mean(generator, config))
    onnx, runtime, error = _checked(model, generator, described, tolerance=TOLERANCE, name="onnx")
    onnx_fp16 = None
    if fp16:
        half = to_float16(model)
        onnx_fp16, _, _ = _checked(half, generator, described, tolerance=FLOAT16_TOLERANCE, name="onnx float16")
    facts = replace(facts or BundleFacts(), parity_error=error)
    critic = None
    if discriminator is not None:
        critic = export_critic(config, described, discriminator, generator)
        recorded = {**(facts.training.get("critic") or {}), "parity_error": critic.parity_error}
        facts = replace(facts, training={**facts.training, "critic": recorded})
    encoding = None
    if encoder is not None:
        encoding = export_encoder(config, described, encoder, generator)
        facts = replace(facts, training={**facts.training, "encoder": {"parity_error": encoding.parity_error}})
    facts = public_facts(facts)
    parts = ((CRITIC, critic), (ENCODER, encoding), (DIRECTIONS, directions))
    added = [name for name, part in parts if part is not None]
    write_bundle(
        folder,
        config=described,
        onnx=onnx,
        onnx_fp16=onnx_fp16,
        critic=None if critic is None else critic.content,
        encoder=None if encoding is None else encoding.content,
        directions=directions,
        weights={name: np.ascontiguousarray(weight) for name, weight in named_weights(generator).items()},
        samples=_samples(runtime, described),
        classes=_classes(runtime, described),
        facts=facts,
        card=model_card(described, facts, files=(*FILES, *added)),
    )
    return Path(folder)


def bundle_config(config: Config, *, class_names: tuple[str, ...] | None = None) -> BundleConfig:
    """The content of config.json for the generator of an experiment.

    Args:
        config: the experiment.
        class_names: class names of the data source, converted by ``presentable_names``. They are left out if
            config.json would be too large.

    Raises:
        BundleError: if a value is out of a bundle's bounds.
    """
    names = presentable_names(class_names) if class_names is not None and config.num_classes else None
    described = BundleConfig(
        name=config.name,
        kind=config.sample_spec.kind,
        shape=config.sample_spec.shape,
        latent=LatentSpec(
            dim=config.generator.latent_dim,
            distribution=config.generator.latent,
            truncation="style" if config.generator.mapping else "latent",
        ),
        num_classes=config.num_classes or None,
        class_names=names,
        codes=config.objective.latent_codes(),
        model={"generator": public_values(config.generator, config.to_dict()["generator"])},
        versions=library_versions(EXPORT_LIBRARIES) | plugin_versions(config),
    )
    if names is not None and len(write_json(described.to_dict())) > LIMITS[CONFIG]:
        return replace(described, class_names=None)
    return described


def plugin_packages(config: Config) -> list[str]:
    """Names of the packages other than ganzoo that the generator's architecture and blocks come from."""
    parts = (config.generator, *config.generator.expand(config.sample_shape))
    return sorted({type(part).__module__.partition(".")[0] for part in parts} - {"ganzoo"})


def plugin_versions(config: Config) -> dict[str, str]:
    """Distributions other than ganzoo that the generator's architecture and blocks come from, and their versions."""
    from importlib.metadata import packages_distributions, version

    modules = plugin_packages(config)
    homes = packages_distributions() if modules else {}
    return {home: version(home) for module in modules for home in homes.get(module, ())[:1]}


def float32_clone(generator: keras.Model, config: Config) -> keras.Model:
    """The generator with the same weights, computing in float32. A float32 generator is returned unchanged."""
    from ganzoo.training import networks

    if all(layer.compute_dtype == "float32" for layer in generator.layers):
        return generator
    clone = networks.build_generator(config)
    clone.set_weights(generator.get_weights())
    return clone


def _checked(
    model: ModelProto, generator: keras.Model, described: BundleConfig, *, tolerance: float, name: str
) -> tuple[bytes, Runtime, float]:
    """Validate a graph as ``read_bundle`` and ``load`` do. Returns its bytes, its runtime and the parity error."""
    from ganzoo.exporters.onnx import onnx_runtime

    content = model.SerializeToString()
    try:
        check_onnx(content, described)
    except BundleError as error:
        raise ExportError(f"The generator's graph is not allowed in a bundle: {error}") from error
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
    """The content of samples.png: the samples of the preview seeds."""
    z, labels = preview_latents(
        described.sample_spec,
        latent_dim=described.latent.dim,
        distribution=described.latent.distribution,
        num_classes=described.num_classes or 0,
    )
    return images.encoded(draw_samples(_decoded(runtime, z, labels)))


def _classes(runtime: Runtime, described: BundleConfig) -> bytes | None:
    """The content of classes.png: a few seeds in every class; None for models without classes or images."""
    if not described.num_classes or not described.sample_spec.is_image:
        return None
    z, labels = class_latents(
        latent_dim=described.latent.dim,
        distribution=described.latent.distribution,
        num_classes=described.num_classes,
    )
    made = images.to_uint8(_decoded(runtime, z, labels))
    return images.encoded(images.grid(made, columns=len(classes_shown(described.num_classes)), separator=1))


def _decoded(runtime: Runtime, z: NDArray[np.float32], labels: NDArray[np.int32] | None) -> NDArray[np.float32]:
    """The samples of latents, made in small batches."""
    batches = [slice(start, start + _PREVIEW_BATCH) for start in range(0, len(z), _PREVIEW_BATCH)]
    return np.concatenate([runtime(z[rows], None if labels is None else labels[rows]) for rows in batches])
