"""The processes of a cluster that train one run: the chief decides what is done next, and the others follow.

TensorFlow exchanges the gradients. This module has the rest: the followers receive commands, and all end when one of
them fails. ``joining`` connects the processes. Imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ganzoo.environment.cluster import Cluster
from ganzoo.errors import GanzooError, TrainingError
from ganzoo.training.channel import Channel, ChannelError

ALIVE_SECONDS = 5.0
"""Each process shows at this interval that it is alive."""
SILENCE_SECONDS = 30.0
"""A process that is silent for this time counts as hung."""
GRACE_SECONDS = 20.0
"""After a failure, a process that does not end by itself for this time is ended. It may wait in TensorFlow forever."""

Info = Callable[[str], None]
Message = tuple[dict[str, Any], bytes]


class TeamError(TrainingError):
    """Another process of the cluster has failed, or the connection to it."""


@dataclass(frozen=True)
class Peer:
    """Another process of the cluster."""

    rank: int
    host: str
    channel: Channel

    def __str__(self) -> str:
        return f"process {self.rank} on {self.host}"


class Team:
    """This process and its connections to the others. ``joining.joined`` makes it.

    Attributes:
        cluster: what describes the cluster.
        servers: ``host:port`` of TensorFlow's server in each process, in the order of the ranks.
        interrupted: set on the chief if a signal asks any of the processes to stop.
    """

    def __init__(self, cluster: Cluster, servers: tuple[str, ...], peers: list[Peer]) -> None:
        self.cluster = cluster
        self.servers = servers
        self.interrupted = threading.Event()
        self._peers = peers
        self._messages: queue.Queue[Message] = queue.Queue()
        self._reason: str | None = None
        self._failed = threading.Event()
        self._closing = threading.Event()
        self._on_failure: Callable[[str], None] = lambda text: None
        self._lock = threading.Lock()
        for peer in peers:
            threading.Thread(target=self._listen, args=(peer,), daemon=True).start()
        threading.Thread(target=self._show_alive, daemon=True).start()

    @property
    def is_chief(self) -> bool:
        """Whether this process decides, and writes the run folder."""
        return self.cluster.is_chief

    def share_of(self, batch_size: int) -> slice:
        """The part of each batch that this process trains on."""
        size = batch_size // self.cluster.size
        return slice(self.cluster.rank * size, (self.cluster.rank + 1) * size)

    def send(self, kind: str, payload: bytes = b"", **values: Any) -> None:
        """Send a message: from the chief to all, from a follower to the chief.

        Raises:
            TeamError: if a process has failed.
        """
        self.check()
        for peer in self._peers:
            try:
                peer.channel.send(kind, payload, **values)
            except ChannelError as error:
                self._fail(f"{peer}: {error}")
                self.check()

    def receive(self, *kinds: str) -> Message:
        """Wait for the next message, of one of these kinds.

        Raises:
            TeamError: if a process has failed.
        """
        while True:
            self.check()
            try:
                message = self._messages.get(timeout=0.2)
            except queue.Empty:
                continue
            if message[0]["kind"] in kinds:
                return message
            raise TrainingError(f"Received the message '{message[0]['kind']}', but expected {' or '.join(kinds)}.")

    def receive_from_all(self, kind: str) -> list[dict[str, Any]]:
        """Wait for a message of each follower. Returns them in any order, with ``rank``."""
        return [self.receive(kind)[0] for _ in self._peers]

    def stop(self, run: str, *, step: int, reason: str) -> None:
        """Tell the followers that the last step is done. Called by the chief, which does not need them any more."""
        self._closing.set()
        for peer in self._peers:
            with contextlib.suppress(ChannelError):
                peer.channel.send("stop", run=run, step=step, reason=reason)

    def check(self) -> None:
        """Raise TeamError if a process has failed. The text is that of the first failure."""
        if self._reason is not None:
            raise TeamError(self._failure)

    def explain(self, error: Exception) -> TeamError:
        """The reason why TensorFlow raised an error during an exchange, which may be known only a little later."""
        self._failed.wait(SILENCE_SECONDS + ALIVE_SECONDS)
        if self._reason is None:
            return TeamError(f"The exchange with the other processes failed: {str(error)[:300]}")
        return TeamError(self._failure)

    def on_failure(self, stop: Callable[[str], None]) -> None:
        """Set what frees this process from an exchange with processes that have failed. Called on another thread."""
        self._on_failure = stop
        if self._reason is not None:
            stop(self._failure)

    @contextlib.contextmanager
    def until_end(self) -> Iterator[None]:
        """Inside, the training runs. An error ends all processes with its text.

        Raises:
            TeamError: if another process has failed, in place of the error that TensorFlow raises then.
        """
        try:
            yield
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, GanzooError) and self._failed.wait(1.0):
                raise TeamError(self._failure) from error
            text = _text_of(error)
            self._report(text, known=not self._is_first(text))
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Close the connections. A connection that is lost afterwards is not a failure."""
        self._closing.set()
        for peer in self._peers:
            peer.channel.close()

    def _listen(self, peer: Peer) -> None:
        """Receive the messages of another process, on a thread."""
        while True:
            try:
                values, payload = peer.channel.receive()
            except ChannelError as error:
                if not self._closing.is_set():
                    self._fail(f"{peer}: {error}")
                return
            if values["kind"] == "error":
                text = str(values.get("text"))
                self._fail(text if values.get("known") else f"{peer}: {text}")
                return
            if values["kind"] == "interrupt":
                self.interrupted.set()
            elif values["kind"] != "alive":
                self._messages.put(({**values, "rank": peer.rank}, payload))
                if values["kind"] == "stop":  # the chief closes the connection next
                    self._closing.set()
                    return

    def _show_alive(self) -> None:
        while not self._closing.wait(ALIVE_SECONDS):
            for peer in self._peers:
                with contextlib.suppress(ChannelError):
                    peer.channel.send("alive")

    @property
    def _failure(self) -> str:
        """The message about the first failure."""
        return f"The training on {self.cluster.size} processes ended: {self._reason}"

    def _is_first(self, reason: str) -> bool:
        """Keep the reason of a failure. False if an earlier one is kept."""
        with self._lock:
            if self._reason is not None:
                return False
            self._reason = reason
            return True

    def _report(self, reason: str, *, known: bool) -> None:
        """Tell the others that this process has failed, or (``known``) which failure it knows of."""
        for peer in self._peers:
            with contextlib.suppress(ChannelError):
                peer.channel.send("error", text=self._reason if known else reason, known=known)

    def _fail(self, reason: str) -> None:
        """Keep the failure of another process if it is the first, report it, and make sure that this process ends."""
        if not self._is_first(reason):
            return
        self._failed.set()
        self._report(reason, known=True)
        self._on_failure(self._failure)
        threading.Thread(target=self._end_process, daemon=True).start()

    def _end_process(self) -> None:
        if not self._closing.wait(GRACE_SECONDS):
            print(f"Error: {self._failure}", file=sys.stderr, flush=True)
            os._exit(1)


def _text_of(error: BaseException) -> str:
    """The text about an error of this process that the other processes receive."""
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    return str(error).splitlines()[0] if isinstance(error, GanzooError) and str(error) else repr(error)
