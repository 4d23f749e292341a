"""From seeds to arrays, batch by batch, with a verified bundle and its ONNX Runtime session."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo import images, latents
from ganzoo.arguments import whole_number
from ganzoo.bundle.folder import Bundle, BundleConfig
from ganzoo.bundle.onnx_guard import MAX_BATCH, OnnxReport
from ganzoo.errors import BundleError, GanzooError
from ganzoo.hub.load_name import message_name
from ganzoo.inference.bundle_directions import BundleDirections
from ganzoo.inference.class_labels import class_index
from ganzoo.inference.codes import Codes, code_values, with_codes
from ganzoo.inference.critic import Critic, check_best_of
from ganzoo.inference.directions import offset
from ganzoo.inference.encoder import Encoder
from ganzoo.inference.onnx_session import OnnxSession
from ganzoo.inference.sampling_options import Label, SamplingOptions
from ganzoo.sample_spec import SampleSpec

Samples = NDArray[np.uint8] | NDArray[np.float32]
_BATCH_BYTES = {"cpu": 32 << 20, "cuda": 256 << 20}
"""Bytes of the graph's tensors per batch. ONNX Runtime needs up to three times more; more is not faster on a CPU."""
_RESULT_BYTES = 8 << 30


class Sampler:
    """The part of ``Generator`` for arrays.

    Args:
        bundle: the verified bundle.
        session: the session of the bundle's graph.
        report: memory and multiply-adds of the graph.
        critic: the bundle's critic; by default it is loaded when it is needed.
        encoder: the bundle's encoder; by default it is loaded when it is needed.
        directions: the bundle's directions; by default they are read when they are needed.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        session: OnnxSession,
        report: OnnxReport,
        critic: Critic | None = None,
        encoder: Encoder | None = None,
        directions: BundleDirections | None = None,
    ) -> None:
        self.bundle = bundle
        self.config: BundleConfig = bundle.config
        self.report = report
        self._session = session
        self._critic = critic or Critic(bundle)
        self._encoder = encoder or Encoder(bundle)
        self._bundle_directions = directions or BundleDirections(bundle)

    @property
    def device(self) -> str:
        """The device: "cpu" or "cuda"."""
        return self._session.device

    @property
    def name(self) -> str:
        """What ``ganzoo.load`` takes for a pretrained model or a repo on the Hub, else the name in the config."""
        return message_name(self.bundle)

    @property
    def sample_spec(self) -> SampleSpec:
        """Whether a sample is an image or a vector, and its size."""
        return self.config.sample_spec

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample: (height, width, channels), or (dim,)."""
        return self.config.shape

    @property
    def latent_dim(self) -> int:
        """The size of one latent."""
        return self.config.latent.dim

    @property
    def num_classes(self) -> int | None:
        """The number of classes of a conditional model, else None."""
        return self.config.num_classes

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes, if they have names."""
        return self.config.class_names

    @property
    def codes(self) -> int:
        """The number of continuous codes, which are the first entries of the latent; 0 for most models."""
        return self.config.codes

    @property
    def batch_size(self) -> int:
        """The number of samples in one run, from 1 to 256, limited by memory: 32 MiB on the CPU, 256 MiB on a GPU."""
        return max(1, min(MAX_BATCH, _BATCH_BYTES[self.device] // max(1, self.report.peak_bytes)))

    @property
    def has_critic(self) -> bool:
        """Whether the bundle has a critic, which ``best_of`` above 1 needs."""
        return self._critic.exists

    @property
    def has_encoder(self) -> bool:
        """Whether the bundle has an encoder, which ``encode`` needs."""
        return self._encoder.exists

    def load_encoder(self) -> None:
        """Load the encoder, if this was not done before.

        Raises:
            BundleError: if the bundle has no encoder, or it is damaged or unsafe.
        """
        self._encoder.load()

    def check_best_of(self, best_of: int) -> int:
        """``best_of`` as an int. Above 1, the critic is loaded.

        Raises:
            GanzooError: if it is not from 1 to 64, or is above 1 and the bundle has no usable critic.
        """
        count = check_best_of(best_of)
        if count > 1:
            self._critic.load()
        return count

    def sample(
        self,
        seeds: Iterable[int],
        *,
        label: Label | Sequence[Label] | None = None,
        truncation: float | None = None,
        best_of: int = 1,
        directions: Mapping[str, float] | None = None,
        codes: Codes | None = None,
    ) -> Samples:
        """Samples of ``seeds`` as one array: uint8 ``[n, h, w, c]``, or float32 ``[n, d]`` for vector models.

        Raises:
            GanzooError: as ``generate``, and if the result would take more than 8 GiB (``iter_samples`` does not).
        """
        checked = self.check_result(seeds, bytes_each=math.prod(self.shape) * self.dtype.itemsize)
        samples = np.empty((len(checked), *self.shape), self.dtype)
        options = SamplingOptions(
            label=label, truncation=truncation, best_of=best_of, directions=directions, codes=codes
        )
        for part, batch in self.placed_batches(checked, options):
            samples[part] = batch
        return samples

    def iter_samples(
        self,
        seeds: Iterable[int],
        *,
        label: Label | None = None,
        truncation: float | None = None,
        best_of: int = 1,
        directions: Mapping[str, float] | None = None,
        codes: Codes | None = None,
        batch_size: int | None = None,
    ) -> Iterator[Samples]:
        """Samples of any number of seeds, in arrays of up to ``batch_size`` samples.

        Seeds are read when they are needed, so a million seeds or an endless iterator need constant memory.

        Raises:
            GanzooError: as ``generate``.
        """
        size = max(1, self.batch_size // self.check_best_of(best_of))
        if batch_size is not None:
            size = whole_number(batch_size, low=1, high=MAX_BATCH, what=f"A batch has 1 to {MAX_BATCH} samples")
        if not latents.are_several(seeds):
            latents.check_seeds(seeds)
        remaining = iter(seeds)
        while chunk := list(itertools.islice(remaining, size)):
            yield self.sample(
                chunk, label=label, truncation=truncation, best_of=best_of, directions=directions, codes=codes
            )

    @property
    def truncates_style(self) -> bool:
        """Whether truncation moves what the mapping network makes of a latent, and not the latent itself."""
        return self.config.latent.truncation == "style"

    def latents(self, seeds: Iterable[int], *, truncation: float | None = None) -> NDArray[np.float32]:
        """The latents of ``seeds``: float32 ``[n, latent_dim]``, equal on every machine and in every version.

        Raises:
            GanzooError: if a seed or the truncation is out of range, or the truncation does not act on latents.
        """
        latent = self.config.latent
        if truncation is not None and self.truncates_style:
            raise GanzooError(
                f"Truncation of '{self.name}' moves styles, not latents; use decode with truncation={truncation}."
            )
        return latents.latents(seeds, dim=latent.dim, distribution=latent.distribution, truncation=truncation)

    def labels(self, seeds: Iterable[int]) -> NDArray[np.int32]:
        """The classes of ``seeds`` if no label is given: int32 ``[n]``.

        Raises:
            GanzooError: if the model has no classes.
        """
        if self.num_classes is None:
            raise GanzooError(f"'{self.name}' has no classes.")
        return latents.labels(seeds, num_classes=self.num_classes)

    def decode(
        self,
        z: NDArray[np.floating],
        labels: Label | Sequence[Label] | NDArray[np.integer] | None = None,
        *,
        truncation: float | None = None,
    ) -> NDArray[np.float32]:
        """Latents ``[n, latent_dim]`` -> float32 images ``[n, h, w, c]`` in [-1, 1], or vectors ``[n, d]``.

        A conditional model needs ``labels``: one class for all latents, or one per latent.

        Raises:
            GanzooError: if the latents have another shape or are not finite, the labels do not fit, or the truncation
                is out of range.
        """
        z = np.asarray(z)
        if z.ndim != 2 or z.shape[1] != self.latent_dim or not len(z) or z.dtype.kind != "f":
            raise GanzooError(f"Latents are floats [n, {self.latent_dim}]; received {z.dtype} {list(z.shape)}.")
        if not np.isfinite(z).all():
            raise GanzooError("The latents have values that are not finite.")
        if self.num_classes is not None and labels is None:
            raise GanzooError(f"'{self.name}' is conditional: decode needs labels from 0 to {self.num_classes - 1}.")
        z = z.astype(np.float32, copy=False)
        truncated = latents.truncate(z, truncation)  # checks the truncation, too
        own = self.label_indices(range(len(z)), labels)
        return self._run(z, own, truncation) if self.truncates_style else self._run(truncated, own)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of samples: uint8 for images, float32 for vectors."""
        return np.dtype(np.uint8 if self.sample_spec.is_image else np.float32)

    def check_result(self, seeds: Iterable[object], *, bytes_each: int) -> list[int]:
        """The seeds as a list, if their samples need at most 8 GiB.

        Raises:
            GanzooError: if they need more, or one of them is not a seed.
        """
        if isinstance(seeds, Sequence):
            _check_size(len(seeds) * bytes_each, len(seeds))
        elif latents.are_several(seeds):  # an iterator may be endless
            seeds = itertools.islice(seeds, _RESULT_BYTES // bytes_each + 1)
        checked = latents.check_seeds(seeds)
        _check_size(len(checked) * bytes_each, len(checked))
        return checked

    def placed_batches(self, seeds: Sequence[int], options: SamplingOptions) -> Iterator[tuple[slice, Any]]:
        """The samples of checked ``seeds`` batch by batch, each with its slice of the whole.

        Raises:
            GanzooError: as ``generate``, before the first batch is made.
        """
        labels = self.label_indices(seeds, options.label)
        shift = self._offset(options.directions)
        codes = code_values(options.codes, count=self.config.codes, model=self.name)
        count = self.check_best_of(options.best_of)
        latents.truncate(shift, options.truncation)  # checks the truncation

        def moved(z: NDArray[np.float32]) -> NDArray[np.float32]:
            return with_codes(z + shift, codes)

        return self._batches(seeds, labels, moved, count, options.truncation)

    def _batches(
        self,
        seeds: Sequence[int],
        labels: NDArray[np.int32] | None,
        moved: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        count: int,
        truncation: float | None,
    ) -> Iterator[tuple[slice, Any]]:
        latent = self.config.latent
        size = max(1, self.batch_size // count)
        of_style, of_latent = (truncation, None) if self.truncates_style else (None, truncation)
        for start in range(0, len(seeds), size):
            part = slice(start, min(start + size, len(seeds)))
            z = latents.candidates(
                seeds[part], count, dim=latent.dim, distribution=latent.distribution, truncation=of_latent
            )
            yield part, self._finish(self._best(moved(z), None if labels is None else labels[part], of_style))

    def _best(
        self, z: NDArray[np.float32], labels: NDArray[np.int32] | None, truncation: float | None
    ) -> NDArray[np.float32]:
        """From candidates ``[n, k, latent_dim]`` to the samples that the critic prefers: float32 ``[n, ...]``.

        Args:
            z: the candidates.
            labels: one class per row.
            truncation: of the style.
        """
        if z.shape[1] == 1:
            return self._run(z[:, 0], labels, truncation)
        decode = functools.partial(self._run, truncation=truncation)
        return self._critic.best(z, labels, decode=decode, batch_size=self.batch_size)

    def _offset(self, wanted: Mapping[str, float] | None) -> NDArray[np.float32]:
        """What is added to each latent: float32 ``[latent_dim]``."""
        latent = self.config.latent
        if not wanted:
            return np.zeros(latent.dim, np.float32)
        if not isinstance(wanted, Mapping):
            raise GanzooError(f"Directions are names with strengths, as in {{'1': 2.0}}; received {wanted!r:.60}.")
        vectors = self._bundle_directions.vectors(self, wanted)
        return offset(wanted, vectors, dim=latent.dim, distribution=latent.distribution)

    def _run(
        self, z: NDArray[np.float32], labels: NDArray[np.int32] | None, truncation: float | None = None
    ) -> NDArray[np.float32]:
        """Run in batches: float32 ``[n, ...]``. The truncation is that of the style; other models have none here."""
        out = np.empty((len(z), *self.shape), np.float32)
        for start in range(0, len(z), self.batch_size):
            part = slice(start, start + self.batch_size)
            feed: dict[str, NDArray[Any]] = {"latent": z[part]}
            if labels is not None:
                feed["label"] = labels[part]
            if truncation is not None:
                feed["truncation"] = np.array(truncation, np.float32)
            samples = self._session.run((self.sample_spec.kind,), feed)[0]
            if samples.shape != out[part].shape:
                shapes = f"{list(samples.shape)}, and declares {list(out[part].shape)}"
                raise BundleError(f"The ONNX file returns the shape {shapes}.")
            out[part] = samples
        return out

    def _finish(self, samples: NDArray[np.float32]) -> Samples:
        return images.to_uint8(samples) if self.sample_spec.is_image else samples

    def label_indices(self, seeds: Sequence[int], label: object) -> NDArray[np.int32] | None:
        """The classes of ``seeds`` for ``label`` as in ``generate``: int32 ``[n]``; None for a model without classes.

        Raises:
            GanzooError: if there is no such class, or the numbers of labels and seeds differ.
        """
        if self.num_classes is None:
            if label is not None:
                raise GanzooError(f"'{self.name}' has no classes, so it takes no label; received {label!r:.60}.")
            return None
        if label is None:
            return self.labels(seeds)
        if not latents.are_several(label):
            return np.full(len(seeds), self._class(label), np.int32)
        numbers = [self._class(one) for one in label]
        if len(numbers) != len(seeds):
            received = f"{len(numbers)} {'label' if len(numbers) == 1 else 'labels'}"
            raise GanzooError(f"Received {received} for {len(seeds)} samples; give one label, or one per sample.")
        return np.array(numbers, np.int32)

    def _class(self, label: object) -> int:
        return class_index(label, count=self.num_classes or 0, names=self.class_names or (), model=self.name)


def _check_size(size: int, count: int) -> None:
    if size > _RESULT_BYTES:
        raise GanzooError(f"{count:,} samples need {size / 2**30:.0f} GiB; use iter_samples, which returns batches.")
