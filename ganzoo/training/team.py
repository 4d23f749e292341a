"""The processes of a cluster that train one run: the chief decides what is done next, and the others follow.

TensorFlow exchanges the gradients. This module has the rest: the processes find each other, the followers receive
commands, and all end when one of them fails. Imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ganzoo.environment.cluster import Cluster
from ganzoo.environment.versions import library_versions
from ganzoo.errors import GanzooError, TrainingError
from ganzoo.training.channel import Channel, ChannelError

JOIN_SECONDS = 600.0
"""How long the processes wait for each other at the start."""
LOOK_SECONDS = 2.0
"""While processes join, the chief looks at this interval whether one of them has ended."""
GREETING_SECONDS = 5.0
"""How long the chief waits for the first message of a connection, which may be a stranger's."""
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
class _Peer:
    """Another process of the cluster."""

    rank: int
    host: str
    channel: Channel

    def __str__(self) -> str:
        return f"process {self.rank} on {self.host}"


class Team:
    """This process and its connections to the others. Make it with ``joined``.

    Attributes:
        cluster: what describes the cluster.
        servers: ``host:port`` of TensorFlow's server in each process, in the order of the ranks.
        interrupted: set on the chief if a signal asks any of the processes to stop.
    """

    def __init__(self, cluster: Cluster, servers: tuple[str, ...], peers: list[_Peer]) -> None:
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

    def _listen(self, peer: _Peer) -> None:
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


def joined(cluster: Cluster, *, info: Info = lambda text: None, seconds: float = JOIN_SECONDS) -> Team:
    """Wait until all processes of the cluster are connected to the chief.

    Args:
        cluster: the cluster.
        info: called with what this process waits for.
        seconds: how long to wait.

    Raises:
        TrainingError: if they do not meet in this time, or their versions of ganzoo or TensorFlow differ.
    """
    return _as_chief(cluster, info, seconds) if cluster.is_chief else _as_follower(cluster, info, seconds)


@contextlib.contextmanager
def in_team(cluster: Cluster | None, *, info: Info = lambda text: None) -> Iterator[Team | None]:
    """Join the other processes of a cluster for a training. Yields None without a cluster.

    Raises:
        TrainingError: as ``joined``.
    """
    if cluster is None:
        yield None
        return
    team = joined(cluster, info=info)
    with team.until_end():
        yield team


def _as_chief(cluster: Cluster, info: Info, seconds: float) -> Team:
    deadline = time.monotonic() + seconds
    servers = {0: cluster.servers[0] if cluster.servers else ""}
    peers: dict[int, _Peer] = {}
    try:
        listener = socket.create_server(("", cluster.port), backlog=cluster.size)
    except OSError as error:
        raise TrainingError(
            f"Cannot wait at port {cluster.port}: {error.strerror or error}. Use another port"
        ) from error
    info(f"Waiting for {cluster.size - 1} other processes at port {cluster.port} (from {cluster.found_in})")
    with listener:
        while len(peers) < cluster.size - 1:
            listener.settimeout(max(0.1, min(LOOK_SECONDS, deadline - time.monotonic())))
            try:
                connection, _ = listener.accept()
            except TimeoutError as error:
                _without_closed(peers, info)
                if time.monotonic() < deadline:
                    continue
                absent = sorted(set(range(1, cluster.size)) - peers.keys())
                _close(peers)
                raise TrainingError(
                    f"Waited {seconds:.0f} s for the processes with rank {', '.join(map(str, absent))}. Start them "
                    f"with --master HOST:{cluster.port}, and see that this port is open"
                ) from error
            channel = Channel(connection, silence=GREETING_SECONDS)
            try:
                greeting, _ = channel.receive()
                channel.allow_silence(SILENCE_SECONDS)
                _without_closed(peers, info)
                rank, port = int(greeting["rank"]), int(greeting["port"])
                problem = _problem(cluster, greeting, rank, peers)
                if problem is None:
                    peers[rank] = _Peer(rank, channel.remote_host, channel)
                    servers[rank] = cluster.servers[rank] if cluster.servers else _server(channel.remote_host, port)
                    servers[0] = servers[0] or _server(_own_host(cluster), _free_port())
                    continue
                channel.send("error", text=problem)
            except (ChannelError, KeyError, TypeError, ValueError):  # not a process of this cluster
                problem = None
            channel.close()
            if problem is not None:
                _close(peers, problem)
                raise TrainingError(problem)
    ordered = tuple(servers[rank] for rank in range(cluster.size))
    team = Team(cluster, ordered, [peers[rank] for rank in sorted(peers)])
    team.send("servers", servers=ordered)
    return team


def _as_follower(cluster: Cluster, info: Info, seconds: float) -> Team:
    deadline = time.monotonic() + seconds
    info(f"Connecting to the chief at {cluster.host}:{cluster.port} as process {cluster.rank} of {cluster.size}")
    while True:
        try:
            connection = socket.create_connection((cluster.host, cluster.port), timeout=10)
            break
        except OSError as error:
            if time.monotonic() > deadline:
                raise TrainingError(
                    f"Cannot reach the chief at {cluster.host}:{cluster.port} for {seconds:.0f} s: "
                    f"{error.strerror or error}. Start process 0 there, and see that this port is open"
                ) from error
            time.sleep(0.3)
    # The chief shows no sign of life before all have joined.
    channel = Channel(connection, silence=max(1.0, deadline - time.monotonic()) + SILENCE_SECONDS)
    try:
        channel.send("join", rank=cluster.rank, size=cluster.size, port=_free_port(), versions=_versions())
        values, _ = channel.receive()
        if values["kind"] == "error":
            raise TrainingError(str(values.get("text")))
        servers = tuple(str(server) for server in values["servers"])
    except (ChannelError, KeyError, TypeError) as error:
        channel.close()
        raise TrainingError(f"The chief at {cluster.host}:{cluster.port} did not accept: {error}") from error
    channel.allow_silence(SILENCE_SECONDS)
    return Team(cluster, servers, [_Peer(0, cluster.host, channel)])


def _text_of(error: BaseException) -> str:
    """The text about an error of this process that the other processes receive."""
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    return str(error).splitlines()[0] if isinstance(error, GanzooError) and str(error) else repr(error)


def _without_closed(peers: dict[int, _Peer], info: Info) -> None:
    """Forget the processes that have ended while the others join. They may be started again."""
    for rank, peer in list(peers.items()):
        if peer.channel.is_closed():
            peer.channel.close()
            del peers[rank]
            info(f"{str(peer).capitalize()} has ended. Waiting for it again")


def _problem(cluster: Cluster, greeting: dict[str, Any], rank: int, peers: dict[int, _Peer]) -> str | None:
    """Why a process cannot join; None if it can."""
    if greeting.get("size") != cluster.size:
        return f"Process {rank} was started for {greeting.get('size')} processes, the chief for {cluster.size}"
    if rank in peers or not 0 < rank < cluster.size:
        return f"Two processes have rank {rank}: each of {cluster.size} processes needs another --node-rank"
    own, other = _versions(), greeting.get("versions")
    if own != other:
        return f"Process {rank} has {other}, the chief has {own}: install the same versions on all machines"
    return None


def _versions() -> dict[str, str]:
    """The versions that must be the same in all processes."""
    versions = library_versions()
    return {name: str(versions.get(name)) for name in ("ganzoo", "tensorflow", "keras")}


def _own_host(cluster: Cluster) -> str:
    """The chief's address, as the others know it."""
    return cluster.host


def _server(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _free_port() -> int:
    """A free port for TensorFlow's server, which opens it a little later."""
    with socket.create_server(("", 0)) as found:
        return int(found.getsockname()[1])


def _close(peers: dict[int, _Peer], problem: str | None = None) -> None:
    for peer in peers.values():
        with contextlib.suppress(ChannelError):
            peer.channel.send("error", text=problem or "the chief stopped waiting for the other processes")
        peer.channel.close()
