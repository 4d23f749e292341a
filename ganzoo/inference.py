"""Generator: a bundle and an ONNX Runtime session. Never imports TensorFlow, Keras, pydantic or huggingface_hub."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

from ganzoo import images, latents
from ganzoo.bundle import ONNX, ONNX_FP16, Bundle, BundleConfig, read_bundle
from ganzoo.errors import BundleError, GanzooError, did_you_mean
from ganzoo.onnx_inspection import MAX_BATCH, OnnxReport, check_onnx
from ganzoo.onnx_session import OnnxSession
from ganzoo.runtime import Device, reason_of

if TYPE_CHECKING:
    from PIL.Image import Image

Precision = Literal["float32", "float16"]
Samples = NDArray[np.uint8] | NDArray[np.float32]
Label = int | str
_FILES = {"float32": ONNX, "float16": ONNX_FP16}
_BATCH_BYTES = 256 << 20
_RESULT_BYTES = 8 << 30


def graph_file(precision: Precision) -> str:
    """Name of the ONNX file of a precision.

    Raises:
        GanzooError: if there is no such precision.
    """
    if precision not in _FILES:
        raise GanzooError(f"No precision '{precision}'; allowed: {', '.join(_FILES)}.")
    return _FILES[precision]


class Generator:
    """A trained generator. Sample i of a call depends on its own seed alone, never on what else is asked for.

    Samples are images, uint8 ``[h, w, c]`` or PIL, or vectors, float32 ``[d]``: ``kind`` says which. The latent of a
    seed is the same everywhere; pixels may differ by one level between runtimes and batch sizes.
    """

    def __init__(self, bundle: Bundle, *, session: OnnxSession, report: OnnxReport) -> None:
        self.bundle = bundle
        self.config: BundleConfig = bundle.config
        self.report = report
        self._session = session

    @classmethod
    def from_bundle(
        cls,
        folder: str | os.PathLike[str],
        *,
        device: Device = "auto",
        threads: int | None = None,
        precision: Precision = "float32",
        download: bool = False,
    ) -> Generator:
        """Load a bundle: verify it, inspect the graph, make the session.

        Args:
            folder: the bundle.
            device: "cpu", "cuda", or "auto" for CUDA where it works and the CPU elsewhere.
            threads: of one run on the CPU; by default as many as there are cores.
            precision: "float16" takes ``onnx/model_fp16.onnx``, if the bundle has it.
            download: the folder is what was fetched of a repo; see ``read_bundle``.

        Raises:
            BundleError: if the bundle is damaged or unsafe.
            MissingDependencyError: if ONNX Runtime is not there, is there twice, or cannot use the device.
        """
        name = graph_file(precision)
        bundle = read_bundle(folder, unhashed=[name], download=download)
        content = bundle.read(name)
        try:
            report = check_onnx(content, bundle.config)
        except BundleError as error:
            raise BundleError(f"Bundle '{folder}', {name}: {error}") from error
        return cls(bundle, session=OnnxSession(content, device=device, threads=threads), report=report)

    @property
    def device(self) -> str:
        """Where it runs: "cpu" or "cuda"."""
        return self._session.device

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.config.name

    @property
    def kind(self) -> str:
        """What it makes: "image" or "vector"."""
        return self.config.kind

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample: (height, width, channels), or (dim,)."""
        return self.config.shape

    @property
    def latent_dim(self) -> int:
        """Numbers in one latent."""
        return self.config.latent.dim

    @property
    def num_classes(self) -> int | None:
        """Classes of a conditional model, else None."""
        return self.config.num_classes

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes, if they have some."""
        return self.config.class_names

    @property
    def batch_size(self) -> int:
        """Samples in one run: what 256 MiB hold, from 1 to 256."""
        return max(1, min(MAX_BATCH, _BATCH_BYTES // max(1, self.report.peak_bytes)))

    def generate(
        self,
        seeds: int | Iterable[int],
        *,
        label: Label | Sequence[Label] | None = None,
        truncation: float | None = None,
    ) -> Any:
        """One seed -> one PIL image; several -> a list of them. Vector models give float32 arrays.

        Args:
            seeds: whole numbers from 0 to 4294967295.
            label: class number or name, one for all or one a seed; by default each seed has its own
                (``ganzoo.latents.labels``).
            truncation: from 0 (the mean) to 1 (off); see ``ganzoo.latents.truncate``.

        Raises:
            GanzooError: if a seed, label or the truncation is out of range.
        """
        if isinstance(seeds, Iterable) and not isinstance(seeds, str):
            samples = self.sample(seeds, label=label, truncation=truncation)
            if self.kind == "vector":
                return list(samples)
            return images.ImageList(images.to_pil(cast("NDArray[np.uint8]", sample)) for sample in samples)
        sample = self.sample([latents.check_seed(seeds)], label=label, truncation=truncation)[0]
        return sample if self.kind == "vector" else images.to_pil(cast("NDArray[np.uint8]", sample))

    def sample(
        self,
        seeds: Iterable[int],
        *,
        label: Label | Sequence[Label] | None = None,
        truncation: float | None = None,
    ) -> Samples:
        """Samples of ``seeds`` as one array: uint8 ``[n, h, w, c]``, or float32 ``[n, d]`` for vector models.

        Raises:
            GanzooError: as ``generate``, and if the result would take more than 8 GiB (``iter_samples`` does not).
        """
        if isinstance(seeds, Sized):
            self._check_size(len(seeds))
        checked = latents.check_seeds(seeds)
        self._check_size(len(checked))
        labels = self._labels(checked, label)
        z = self.latents(checked, truncation=truncation)
        return self._finish(self._run(z, labels))

    def iter_samples(
        self,
        seeds: Iterable[int],
        *,
        label: Label | None = None,
        truncation: float | None = None,
        batch_size: int | None = None,
    ) -> Iterator[Samples]:
        """Samples of any number of seeds, in arrays of up to ``batch_size``: ``[<= batch_size, ...]`` as ``sample``.

        Seeds are drawn as they are needed, so ``iter_samples(range(1_000_000))`` and an endless iterator both run in
        constant memory.

        Raises:
            GanzooError: as ``generate``.
        """
        size = self.batch_size if batch_size is None else batch_size
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_BATCH:
            raise GanzooError(f"A batch has 1 to {MAX_BATCH} samples; received {batch_size!r}.")
        remaining = iter(seeds)
        while chunk := list(itertools.islice(remaining, size)):
            yield self.sample(chunk, label=label, truncation=truncation)

    def latents(self, seeds: Iterable[int], *, truncation: float | None = None) -> NDArray[np.float32]:
        """The latents of ``seeds``: float32 ``[n, latent_dim]``. The same on every machine, for ever."""
        latent = self.config.latent
        return latents.latents(seeds, dim=latent.dim, distribution=latent.distribution, truncation=truncation)

    def labels(self, seeds: Iterable[int]) -> NDArray[np.int32]:
        """The classes that ``seeds`` have when no label is given: int32 ``[n]``.

        Raises:
            GanzooError: if the model has no classes.
        """
        if self.num_classes is None:
            raise GanzooError(f"'{self.name}' has no classes.")
        return latents.labels(seeds, num_classes=self.num_classes)

    def decode(
        self, z: NDArray[np.floating], labels: Label | Sequence[Label] | NDArray[np.integer] | None = None
    ) -> NDArray[np.float32]:
        """Latents ``[n, latent_dim]`` -> float32 images ``[n, h, w, c]`` in [-1, 1], or vectors ``[n, d]``.

        A conditional model needs ``labels``: one class for all, or one a latent.

        Raises:
            GanzooError: if the latents are of another shape or not finite, or the labels do not fit.
        """
        z = np.asarray(z)
        if z.ndim != 2 or z.shape[1] != self.latent_dim or not len(z) or z.dtype.kind != "f":
            raise GanzooError(f"Latents are floats [n, {self.latent_dim}]; received {z.dtype} {list(z.shape)}.")
        if not np.isfinite(z).all():
            raise GanzooError("The latents hold values that are not finite.")
        if self.num_classes is not None and labels is None:
            raise GanzooError(f"'{self.name}' is conditional: decode needs labels from 0 to {self.num_classes - 1}.")
        return self._run(z.astype(np.float32, copy=False), self._labels(range(len(z)), labels))

    def interpolate(
        self, a: int, b: int, frames: int, *, label: Label | None = None, truncation: float | None = None
    ) -> Any:
        """The way from seed ``a`` to seed ``b``: a list of ``frames`` PIL images, or float32 ``[frames, d]``.

        The class of a conditional model stays the same all along: ``label``, or else the class of ``a``.

        Raises:
            GanzooError: as ``generate``, and if ``frames`` is below 2.
        """
        start, stop = self.latents([a, b], truncation=truncation)
        path = latents.interpolate(start, stop, frames=frames, distribution=self.config.latent.distribution)
        own = int(self.labels([a])[0]) if label is None and self.num_classes is not None else label
        samples = self._finish(self._run(path, self._labels(range(len(path)), own)))
        if self.kind == "vector":
            return samples
        return images.ImageList(images.to_pil(cast("NDArray[np.uint8]", sample)) for sample in samples)

    def grid(
        self,
        seeds: Iterable[int],
        *,
        columns: int | None = None,
        separator: int = 0,
        label: Label | Sequence[Label] | None = None,
        truncation: float | None = None,
    ) -> Image:
        """One picture of the images of ``seeds``, in rows. Options as ``ganzoo.images.grid`` and ``generate``.

        Raises:
            GanzooError: as ``generate``, and for a vector model.
        """
        if self.kind == "vector":
            raise GanzooError(f"'{self.name}' makes vectors, so there is no grid of images; use sample.")
        samples = cast("NDArray[np.uint8]", self.sample(seeds, label=label, truncation=truncation))
        return images.to_pil(images.grid(samples, columns=columns, separator=separator))

    def _run(self, z: NDArray[np.float32], labels: NDArray[np.int32] | None) -> NDArray[np.float32]:
        """Run in batches: float32 ``[n, ...]``."""
        out = np.empty((len(z), *self.shape), np.float32)
        for start in range(0, len(z), self.batch_size):
            part = slice(start, start + self.batch_size)
            feed: dict[str, NDArray[Any]] = {"latent": z[part]}
            if labels is not None:
                feed["label"] = labels[part]
            try:
                made = self._session.run((self.kind,), feed)[0]
            except Exception as error:  # ONNX Runtime's own kinds have no common base but this
                raise self._failed(error) from error
            if made.shape != out[part].shape:
                raise BundleError(f"The ONNX file makes {list(made.shape)} where {list(out[part].shape)} was declared.")
            out[part] = made
        return out

    def _failed(self, error: Exception) -> GanzooError:
        """What to say of a run that ONNX Runtime gave up, as when the GPU's memory is full."""
        text = f"ONNX Runtime could not run '{self.name}' on {self.device}: {reason_of(error)}."
        if self.device != "cuda":
            return GanzooError(text)
        return GanzooError(f"{text} See in nvidia-smi what else fills the GPU, or take device='cpu' (--device cpu).")

    def _finish(self, samples: NDArray[np.float32]) -> Samples:
        return images.to_uint8(samples) if self.kind == "image" else samples

    def _check_size(self, count: int) -> None:
        size = count * math.prod(self.shape) * 4
        if size > _RESULT_BYTES:
            raise GanzooError(
                f"{count:,} samples take {size / 2**30:.0f} GiB at once; iter_samples makes them in turn."
            )

    def _labels(self, seeds: Sequence[int], label: object) -> NDArray[np.int32] | None:
        """Class numbers, one a seed; None for a model without classes."""
        if self.num_classes is None:
            if label is not None:
                raise GanzooError(f"'{self.name}' has no classes, so it takes no label; received {label!r:.60}.")
            return None
        if label is None:
            return self.labels(seeds)
        if isinstance(label, str) or not isinstance(label, Iterable):
            return np.full(len(seeds), self._class(label), np.int32)
        numbers = [self._class(one) for one in label]
        if len(numbers) != len(seeds):
            raise GanzooError(f"Received {len(numbers)} labels for {len(seeds)} samples; give one, or one a sample.")
        return np.array(numbers, np.int32)

    def _class(self, label: object) -> int:
        """The number of a class given by number or name."""
        count, names = cast("int", self.num_classes), self.class_names or ()
        if isinstance(label, str):
            if label in names:
                return names.index(label)
            raise GanzooError(
                f"'{self.name}' has no class '{label}'.{did_you_mean(label, names)} "
                f"Classes: 0 to {count - 1}{': ' if names else ''}{', '.join(names[:20])}."
            )
        if isinstance(label, SupportsIndex) and not isinstance(label, bool) and 0 <= label.__index__() < count:
            return label.__index__()
        raise GanzooError(f"'{self.name}' has the classes 0 to {count - 1}; received {label!r:.60}.")

    def __repr__(self) -> str:
        size = " x ".join(str(n) for n in self.shape)
        classes = f", {self.num_classes} classes" if self.num_classes else ""
        return f"<Generator '{self.name}': {self.kind} {size}, latent {self.latent_dim}{classes}, on {self.device}>"

    def _repr_html_(self) -> str:
        """In a notebook: what it is, and eight samples."""
        import html

        text = f"<code>{html.escape(repr(self))}</code>"
        if self.kind == "vector":
            return text
        import base64

        samples = cast("NDArray[np.uint8]", self.sample(range(8)))
        data = base64.b64encode(images.encoded(images.grid(samples, columns=8, separator=2))).decode()
        return f'{text}<br><img alt="seeds 0 to 7" src="data:image/png;base64,{data}">'
