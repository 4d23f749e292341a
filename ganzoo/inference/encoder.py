"""The encoder of a bundle, from samples to latents, which some models are trained with (the objective ``bigan``)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ganzoo.bundle.folder import ENCODER, Bundle
from ganzoo.bundle.onnx_guard import check_encoder
from ganzoo.environment.commands import command
from ganzoo.errors import BundleError, GanzooError
from ganzoo.hub.load_name import command_word, message_name
from ganzoo.hub.reference import DEFAULTS, HubOptions
from ganzoo.inference.lazy_graph import LazyGraph
from ganzoo.inference.onnx_runtime import Device


class Encoder:
    """Computes the latents of samples. The graph is read, verified and inspected at the first use.

    Args:
        bundle: the verified bundle, with or without an encoder.
        device, threads, hub: as in ``LazyGraph``.
    """

    def __init__(
        self, bundle: Bundle, *, device: Device = "auto", threads: int | None = None, hub: HubOptions = DEFAULTS
    ) -> None:
        self._bundle = bundle
        self._graph = LazyGraph(bundle, ENCODER, check_encoder, role="encoder", device=device, threads=threads, hub=hub)

    @property
    def exists(self) -> bool:
        """Whether the bundle has an encoder."""
        return self._graph.exists

    def load(self) -> None:
        """Load the graph, if this was not done before.

        Raises:
            BundleError: if the bundle has no encoder, or its graph is damaged or unsafe.
            HubError: if the graph has to be fetched and cannot be.
        """
        if not self.exists:
            search = ""
            if self._bundle.config.kind == "image":
                search = f" For any image model: {command('project', command_word(self._bundle), options='IMAGE')}"
            name = message_name(self._bundle)
            raise BundleError(f"'{name}' has no encoder; models of the objective bigan have one.{search}")
        self._graph.current()

    def latents(self, samples: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The latents of samples in the model's shape and range: float32 ``[n, latent_dim]``. One batch is in memory.

        Raises:
            GanzooError: if there is no sample.
            BundleError: as ``load``, and if a latent is not finite.
        """
        opened, config = self._graph.current(), self._bundle.config
        remaining, parts = iter(samples), []
        while batch := list(itertools.islice(remaining, opened.batch_size)):
            found = opened.session.run(("latent",), {config.kind: np.stack(batch)})[0]
            if found.shape != (len(batch), config.latent.dim) or not np.isfinite(found).all():
                raise BundleError(f"The encoder of '{message_name(self._bundle)}' returns latents that are not finite.")
            parts.append(found)
        if not parts:
            raise GanzooError("encode needs one sample or more; received none.")
        latents: NDArray[np.float32] = np.concatenate(parts)
        return latents
