"""The critic of a bundle: the trained discriminator, which chooses the best of several samples (``best_of``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.arguments import whole_number
from ganzoo.bundle.folder import CRITIC, Bundle
from ganzoo.bundle.onnx_guard import check_critic
from ganzoo.errors import BundleError
from ganzoo.hub.load_name import message_name
from ganzoo.hub.reference import DEFAULTS, HubOptions
from ganzoo.inference.lazy_graph import LazyGraph
from ganzoo.inference.onnx_runtime import Device

MAX_BEST_OF = 64
Labels = NDArray[np.int32] | None
Decode = Callable[[NDArray[np.float32], Labels], NDArray[np.float32]]
"""Latents and classes -> samples, as ``Sampler.decode``."""


class Critic:
    """Scores samples. The graph is read, verified and inspected at the first use.

    Args:
        bundle: the verified bundle, with or without a critic.
        device, threads, hub: as in ``LazyGraph``.
    """

    def __init__(
        self, bundle: Bundle, *, device: Device = "auto", threads: int | None = None, hub: HubOptions = DEFAULTS
    ) -> None:
        self._bundle = bundle
        self._graph = LazyGraph(bundle, CRITIC, check_critic, role="critic", device=device, threads=threads, hub=hub)

    @property
    def exists(self) -> bool:
        """Whether the bundle has a critic."""
        return self._graph.exists

    def load(self) -> None:
        """Load the graph, if this was not done before.

        Raises:
            BundleError: if the bundle has no critic, or its graph is damaged or unsafe.
            HubError: if the graph has to be fetched and cannot be.
        """
        if not self.exists:
            raise BundleError(
                f"'{message_name(self._bundle)}' has no critic, which best_of (--best-of) needs. "
                f"{_how_to_export(self._bundle)}"
            )
        self._graph.current()

    def scores(self, samples: NDArray[np.float32], labels: Labels) -> NDArray[np.float32]:
        """The logits of samples with their classes: float32 ``[n]``; a larger one means "more real".

        Raises:
            BundleError: as ``load``, and if a logit is not finite.
        """
        opened, kind = self._graph.current(), self._bundle.config.kind
        parts = []
        for start in range(0, len(samples), opened.batch_size):
            part = slice(start, start + opened.batch_size)
            feed: dict[str, NDArray[Any]] = {kind: samples[part]}
            if labels is not None:
                feed["label"] = labels[part]
            parts.append(opened.session.run(("logit",), feed)[0])
        logits: NDArray[np.float32] = np.concatenate(parts)
        if logits.shape != (len(samples), 1) or not np.isfinite(logits).all():
            raise BundleError(
                f"The critic of '{message_name(self._bundle)}' returns logits that are not finite numbers."
            )
        return logits[:, 0]

    def best(self, z: NDArray[np.float32], labels: Labels, *, decode: Decode, batch_size: int) -> NDArray[np.float32]:
        """The sample with the highest score of each row's latents; of equal ones the first.

        Args:
            z: latents float32 ``[n, count, latent_dim]``.
            labels: one class per row.
            decode: the generator.
            batch_size: number of samples in memory, next to the ``n`` results.
        """
        rows = np.repeat(np.arange(len(z)), z.shape[1])
        flat = z.reshape(-1, z.shape[2])
        highest = np.full(len(z), -np.inf, np.float32)
        best: NDArray[np.float32] | None = None
        for start in range(0, len(flat), batch_size):
            part = slice(start, start + batch_size)
            own = None if labels is None else labels[rows[part]]
            samples = decode(flat[part], own)
            if best is None:
                best = np.empty((len(z), *samples.shape[1:]), np.float32)
            for row, sample, score in zip(rows[part], samples, self.scores(samples, own), strict=True):
                if score > highest[row]:
                    highest[row], best[row] = score, sample
        if best is None:
            raise ValueError("there are no latents")
        return best


def check_best_of(value: object) -> int:
    """Return ``value`` as an int.

    Raises:
        GanzooError: if it is not a whole number from 1 to ``MAX_BEST_OF``.
    """
    return whole_number(value, low=1, high=MAX_BEST_OF, what=f"best_of is a whole number from 1 to {MAX_BEST_OF}")


def _how_to_export(bundle: Bundle) -> str:
    """A sentence with the command that exports a bundle's run with a critic."""
    from ganzoo.environment.commands import command, run_word
    from ganzoo.runs import run_of_bundle

    run = run_of_bundle(bundle.folder)
    if run is not None:
        return f"Export the run with one: {command('export', run_word(run.folder), options='--critic')}"
    return "If you have its run, export it with one: ganzoo export RUN --critic"
