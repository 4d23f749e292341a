"""A graph of a bundle next to the generator's, such as the critic. It is opened at its first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ganzoo.bundle.folder import Bundle
from ganzoo.bundle.onnx_guard import MAX_BATCH, OnnxReport
from ganzoo.bundle.schema import BundleConfig
from ganzoo.errors import BundleError
from ganzoo.hub.load_name import message_name
from ganzoo.hub.reference import DEFAULTS, HubOptions
from ganzoo.inference.onnx_runtime import Device
from ganzoo.inference.onnx_session import OnnxSession

_BATCH_BYTES = 32 << 20


class OpenedGraph(NamedTuple):
    """The session of a graph, and the largest number of samples in one run."""

    session: OnnxSession
    batch_size: int


class LazyGraph:
    """Reads, verifies and inspects a graph at its first use.

    Args:
        bundle: the verified bundle, with or without the graph.
        file: its name in bundles.
        check: inspects its bytes, as ``onnx_guard.check_critic``.
        role: for errors, for example "critic".
        device, threads: as in ``Generator.from_bundle``.
        hub: how to fetch the graph, if the bundle is in the Hub's cache without it.
    """

    def __init__(
        self,
        bundle: Bundle,
        file: str,
        check: Callable[[bytes, BundleConfig], OnnxReport],
        *,
        role: str,
        device: Device = "auto",
        threads: int | None = None,
        hub: HubOptions = DEFAULTS,
    ) -> None:
        self.bundle, self.file = bundle, file
        self._check, self._role, self._hub = check, role, hub
        self._device: Device = device
        self._threads = threads
        self._opened: OpenedGraph | None = None

    @property
    def exists(self) -> bool:
        """Whether the bundle has the graph."""
        return self.file in self.bundle.metadata.files

    def current(self) -> OpenedGraph:
        """Open the graph, if this was not done before.

        Raises:
            BundleError: if the graph is damaged or unsafe, or the bundle has none.
            HubError: if the graph has to be fetched and cannot be.
        """
        if self._opened is None:  # two threads may both open it, which is slower and does no harm
            self._opened = self._open()
        return self._opened

    def _open(self) -> OpenedGraph:
        from ganzoo.resolve import read_or_fetch

        bundle = self.bundle
        content = read_or_fetch(bundle, self.file, self._hub)
        try:
            report = self._check(content, bundle.config)
        except BundleError as error:
            raise BundleError(f"Bundle '{bundle.folder}', {self.file}: {error}") from error
        name = f"the {self._role} of {message_name(bundle)}"
        session = OnnxSession(content, name=name, device=self._device, threads=self._threads)
        return OpenedGraph(session, max(1, min(MAX_BATCH, _BATCH_BYTES // max(1, report.peak_bytes))))

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy."""
        return {**vars(self), "_hub": self._hub.without_token()}
