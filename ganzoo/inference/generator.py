"""Generator: a bundle and an ONNX Runtime session. Never imports TensorFlow, Keras, pydantic or huggingface_hub."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ganzoo import images, latents
from ganzoo.bundle.folder import Bundle, read_bundle
from ganzoo.captioned_grid import CaptionedGrid
from ganzoo.environment.places import expanded
from ganzoo.errors import GanzooError
from ganzoo.hub.load_name import message_name
from ganzoo.hub.reference import DEFAULTS, HubOptions
from ganzoo.inference.bundle_directions import BundleDirections
from ganzoo.inference.bundle_graph import Precision, graph_file, inspected_graph
from ganzoo.inference.class_labels import described
from ganzoo.inference.codes import Codes, WalkCodes
from ganzoo.inference.critic import Critic
from ganzoo.inference.encoder import Encoder
from ganzoo.inference.image_list import ImageList
from ganzoo.inference.onnx_runtime import Device
from ganzoo.inference.onnx_session import OnnxSession
from ganzoo.inference.sampling_options import Label, SamplingOptions
from ganzoo.inference.style_mixing import StyleMixer
from ganzoo.inference.style_space import StyleSpace

if TYPE_CHECKING:
    from PIL.Image import Image


class Generator(StyleSpace):
    """A trained generator. Sample i of a call depends on its own seed only, not on the other seeds.

    Samples are images, uint8 ``[h, w, c]`` or PIL, if ``kind`` is "image", and vectors, float32 ``[d]``, if it is
    "vector". The latent of a seed is equal everywhere; pixels may differ by one level between runtimes and batch sizes.
    """

    @classmethod
    def from_bundle(
        cls,
        bundle: Bundle | str | os.PathLike[str],
        *,
        device: Device = "auto",
        threads: int | None = None,
        precision: Precision = "float32",
        hub: HubOptions = DEFAULTS,
    ) -> Generator:
        """Load a bundle: inspect its graph and create the session.

        Args:
            bundle: a verified bundle, or the folder of a bundle, which is verified first.
            device: "cpu", "cuda", or "auto" for CUDA if it works and the CPU otherwise.
            threads: CPU threads of one run; by default one per core.
            precision: "float16" uses ``onnx/model_fp16.onnx``, if the bundle has it.
            hub: how to fetch the critic or the encoder, if a method needs it and the bundle is in the Hub's cache
                without it.

        Raises:
            BundleError: if the bundle is damaged or unsafe.
            MissingDependencyError: if ONNX Runtime is not installed, is installed twice, or cannot use the device.
        """
        if not isinstance(bundle, Bundle):
            bundle = read_bundle(bundle, keep=[graph_file(precision)])
        content, report = inspected_graph(bundle, precision)
        session = OnnxSession(content, name=message_name(bundle), device=device, threads=threads)
        bundle = replace(bundle, kept={})
        critic = Critic(bundle, device=device, threads=threads, hub=hub)
        encoder = Encoder(bundle, device=device, threads=threads, hub=hub)
        named = BundleDirections(bundle, hub=hub)
        styles = StyleMixer(bundle, file=graph_file(precision), device=device, threads=threads, hub=hub)
        return cls(
            bundle, session=session, report=report, critic=critic, encoder=encoder, directions=named, styles=styles
        )

    def generate(
        self,
        seeds: int | Iterable[int],
        *,
        label: Label | Sequence[Label] | None = None,
        truncation: float | None = None,
        best_of: int = 1,
        directions: Mapping[str, float] | None = None,
        codes: Codes | None = None,
    ) -> Any:
        """One seed -> one PIL image; several -> a list of them. Vector models give float32 arrays.

        Args:
            seeds: whole numbers from 0 to 4294967295.
            label: class, one for all seeds or one per seed: a whole number is its index, a text its name, or its index
                if no class has that name (``ganzoo.inference.class_labels``). By default the seed chooses the class.
            truncation: from 0 (the mean) to 1 (off); see ``ganzoo.latents.truncate``. In a model with a mapping network
                it scales the style around its mean, and not the latent.
            best_of: number of samples per seed, from 1 to 64, of which the bundle's critic chooses one; all have the
                same class. The first is that of ``best_of=1``. Fewer failures, less variety, ``best_of`` times the
                time. If two scores are nearly equal, another runtime or batch size may choose the other sample.
            directions: name -> strength, as in ``{"light": 2.0}``. A name is one of the model's ``directions``; for
                every model also a number, ``"1"``, of ``directions(method="sefa")``, and ``"pca:1"``. The strength is
                from -10 to 10, in standard deviations of the latent. It is added after the truncation of the latent.
            codes: values of the continuous codes, for models with ``codes`` above 0: one for each code, or number of a
                code -> value, as in ``{0: 1.5}``. They are from -10 to 10 and replace these entries of the latent at
                the end; the seed gives the others.

        Raises:
            GanzooError: if a seed, a label, the truncation, ``best_of``, a strength or a code is out of range, the
                bundle has no critic, or there is no such direction or code.
        """
        several = latents.are_several(seeds)
        chosen: Iterable[int] = cast("Iterable[int]", seeds) if several else [latents.check_seed(seeds)]
        options = SamplingOptions(
            label=label, truncation=truncation, best_of=best_of, directions=directions, codes=codes
        )
        is_image = self.sample_spec.is_image
        checked = self.check_result(chosen, bytes_each=math.prod(self.shape) * (1 if is_image else 4))
        samples = (sample for _, batch in self.placed_batches(checked, options) for sample in batch)
        if not is_image:
            return list(samples) if several else next(samples)
        pictures = ImageList(images.to_pil(sample) for sample in samples)
        return pictures if several else pictures[0]

    def interpolate(
        self,
        a: int,
        b: int,
        frames: int,
        *,
        label: Label | None = None,
        truncation: float | None = None,
        directions: Mapping[str, float] | None = None,
        codes: WalkCodes | None = None,
    ) -> Any:
        """Samples between the latents of seeds ``a`` and ``b``: ``frames`` PIL images, or float32 ``[frames, d]``.

        All frames of a conditional model have the same class: ``label``, or the class of ``a``. ``codes`` are those of
        all frames, or a list with the codes at ``a`` and at ``b``, as in ``walk``.

        Raises:
            GanzooError: as ``generate``, and if ``frames`` is below 2.
        """
        return self.walk([a, b], frames, label=label, truncation=truncation, directions=directions, codes=codes)

    def walk(
        self,
        seeds: Sequence[int],
        frames: int,
        *,
        label: Label | None = None,
        truncation: float | None = None,
        directions: Mapping[str, float] | None = None,
        codes: WalkCodes | None = None,
    ) -> Any:
        """Samples on the way through the latents of several seeds: PIL images, or float32 ``[n, d]``.

        Args:
            seeds: two or more seeds.
            frames: number of samples from one seed to the next, including both.
            label: class of all samples; by default the class of the first seed.
            truncation, directions: as in ``generate``.
            codes: as in ``generate``, of all samples; or a list with the codes at each seed, as in
                ``walk([7, 7], 60, codes=[{0: -2}, {0: 2}])``. Between two seeds they change evenly.

        Raises:
            GanzooError: as ``generate``, and for fewer than two seeds or ``frames`` below 2.
        """
        samples = self.iter_walk(seeds, frames, label=label, truncation=truncation, directions=directions, codes=codes)
        if not self.sample_spec.is_image:
            return np.stack(list(samples))
        return ImageList(images.to_pil(cast("NDArray[np.uint8]", sample)) for sample in samples)

    def grid(
        self,
        seeds: Iterable[int],
        *,
        columns: int | None = None,
        separator: int = 0,
        scale: int = 1,
        label: Label | Sequence[Label] | None = None,
        truncation: float | Sequence[float] | None = None,
        best_of: int = 1,
        directions: Mapping[str, float] | None = None,
        codes: Codes | None = None,
    ) -> Image:
        """One image with the images of ``seeds`` in rows. Options as in ``ganzoo.images.grid`` and ``generate``.

        Args:
            scale: enlarges each image 1 to 16 times, with the Lanczos filter.
            truncation: several values make a contact sheet: one seed in each row, one value in each column, with
                captions. Small images are enlarged until the captions fit.

        Raises:
            GanzooError: as ``generate``, and for a vector model, or ``columns`` with several truncations.
        """
        self._check_pictures()
        values = _truncations(truncation)
        each = math.prod(self.shape) * images.check_scale(scale) ** 2 * len(values)
        checked = self.check_result(seeds, bytes_each=each)
        options = SamplingOptions(label=label, best_of=best_of, directions=directions, codes=codes)
        layout, batches = self._grid(checked, values, options, columns=columns, separator=separator, scale=scale)
        return images.to_pil(layout.filled(batches))

    def write_grid(
        self,
        file: BinaryIO,
        seeds: Sequence[int],
        *,
        columns: int | None = None,
        separator: int = 0,
        scale: int = 1,
        label: Label | Sequence[Label] | None = None,
        truncation: float | Sequence[float] | None = None,
        best_of: int = 1,
        directions: Mapping[str, float] | None = None,
        codes: Codes | None = None,
    ) -> None:
        """Write ``grid`` as a PNG to an open file. One batch and one row of images are in memory.

        Raises:
            GanzooError: as ``grid``.
        """
        from ganzoo.inference.png_stream import write_png

        self._check_pictures()
        checked = latents.check_seeds(seeds)
        options = SamplingOptions(label=label, best_of=best_of, directions=directions, codes=codes)
        values = _truncations(truncation)
        layout, batches = self._grid(checked, values, options, columns=columns, separator=separator, scale=scale)
        write_png(file, layout.strips(batches), shape=layout.shape)

    def _grid(
        self,
        seeds: Sequence[int],
        truncations: Sequence[float | None],
        options: SamplingOptions,
        *,
        columns: int | None,
        separator: int,
        scale: int,
    ) -> tuple[images.GridLayout | CaptionedGrid, Iterator[NDArray[np.uint8]]]:
        """The layout of a grid, and its images in batches."""
        parts = [self.placed_batches(seeds, replace(options, truncation=value)) for value in truncations]
        if len(truncations) == 1:
            layout = images.GridLayout(len(seeds), self.shape, columns=columns, separator=separator, scale=scale)
            return layout, (batch for _, batch in parts[0])
        if columns is not None:
            raise GanzooError(f"Several truncations make one column each, so columns={columns} is not possible.")
        rows, captions = [f"seed {seed}" for seed in seeds], [f"{value:g}" for value in truncations]
        sheet = CaptionedGrid(
            self.shape, rows=rows, columns=captions, groups=["truncation"], separator=separator, scale=scale
        )
        # Batches of the same seeds, one for each truncation: [k, values, h, w, c] in the order of the sheet.
        columns_of = (np.stack([batch for _, batch in same], axis=1) for same in zip(*parts, strict=True))
        return sheet, (batch.reshape(-1, *self.shape) for batch in columns_of)

    def export_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a web page with this generator: one HTML file that works offline, without a server.

        Args:
            path: the file. An existing file is replaced.

        Raises:
            GanzooError: for a vector model, a graph with an operator that the page cannot run, a path in the bundle, or
                a file that cannot be written, or has to be fetched from the Hub and cannot be.
        """
        from ganzoo.web.page import write_page

        return write_page(self.bundle, expanded(path), hub=self._bundle_directions.hub)

    def _check_pictures(self) -> None:
        if not self.sample_spec.is_image:
            raise GanzooError(f"'{self.name}' generates vectors, so there is no grid of images; use sample.")

    def __repr__(self) -> str:
        classes = f", {described(self.num_classes, self.class_names or ())}" if self.num_classes else ""
        codes = f", {self.codes} continuous code{'s' if self.codes > 1 else ''}" if self.codes else ""
        return (
            f"<Generator '{self.name}': {self.sample_spec}, latent {self.latent_dim}{classes}{codes}, on {self.device}>"
        )

    def _repr_html_(self) -> str:
        """For a notebook: the ``repr`` and eight samples."""
        import html

        text = f"<code>{html.escape(repr(self))}</code>"
        if not self.sample_spec.is_image:
            return text
        import base64

        samples = cast("NDArray[np.uint8]", self.sample(range(8)))
        data = base64.b64encode(images.encoded(images.grid(samples, columns=8, separator=2))).decode()
        return f'{text}<br><img alt="seeds 0 to 7" src="data:image/png;base64,{data}">'


def _truncations(truncation: float | Sequence[float] | None) -> Sequence[float | None]:
    """The truncation, or those of the columns of a contact sheet.

    Raises:
        GanzooError: if there is none.
    """
    if truncation is None or np.ndim(truncation) == 0:
        return [cast("float | None", truncation)]
    values = [*cast("Sequence[float]", truncation)]
    if not values:
        raise GanzooError("A grid needs one truncation or more; received an empty list.")
    return values
