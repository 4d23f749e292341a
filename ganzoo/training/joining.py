"""The processes of a cluster find each other at the start: the chief waits at a port, and the others connect to it.

Imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from ganzoo.environment.cluster import Cluster
from ganzoo.environment.versions import library_versions
from ganzoo.errors import TrainingError
from ganzoo.training.channel import Channel, ChannelError
from ganzoo.training.team import SILENCE_SECONDS, Peer, Team

JOIN_SECONDS = 600.0
"""How long the processes wait for each other."""
LOOK_SECONDS = 2.0
"""The chief looks at this interval whether one of the processes that have joined has ended."""
GREETING_SECONDS = 5.0
"""How long the chief waits for the first message of a connection, which may be a stranger's."""

Info = Callable[[str], None]


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
    peers: dict[int, Peer] = {}
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
                    f"with --master HOST:{cluster.port}, and check that this port is open"
                ) from error
            problem = _greeted(cluster, connection, peers, servers, info)
            if problem is not None:
                _close(peers, problem)
                raise TrainingError(problem)
    ordered = tuple(servers[rank] for rank in range(cluster.size))
    team = Team(cluster, ordered, [peers[rank] for rank in sorted(peers)])
    team.send("servers", servers=ordered)
    return team


def _greeted(
    cluster: Cluster, connection: socket.socket, peers: dict[int, Peer], servers: dict[int, str], info: Info
) -> str | None:
    """Add the process at a new connection to ``peers`` and ``servers``. A stranger is ignored.

    Returns:
        Why the process cannot join, and so the training cannot start; None if there is no such reason.
    """
    channel, problem = Channel(connection, silence=GREETING_SECONDS), None
    try:
        greeting = channel.receive_greeting(seconds=GREETING_SECONDS)
        channel.allow_silence(SILENCE_SECONDS)
        _without_closed(peers, info)
        rank, port = int(greeting["rank"]), int(greeting["port"])
        problem = _problem(cluster, greeting, rank, peers)
        if problem is None:
            host = channel.remote_host
            peers[rank] = Peer(rank, host, channel)
            servers[rank] = cluster.servers[rank] if cluster.servers else _server(host, port)
            servers[0] = servers[0] or _server(cluster.host, _free_port())
            return None
        channel.send("error", text=problem)
    except (ChannelError, KeyError, TypeError, ValueError, OverflowError):  # a stranger, or a process that just ended
        pass
    channel.close()
    return problem


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
                    f"{error.strerror or error}. Start process 0 there, and check that this port is open"
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
    return Team(cluster, servers, [Peer(0, cluster.host, channel)])


def _without_closed(peers: dict[int, Peer], info: Info) -> None:
    """Forget the processes that have ended while the others join. They may be started again."""
    for rank, peer in list(peers.items()):
        if peer.channel.is_closed():
            peer.channel.close()
            del peers[rank]
            info(f"{str(peer).capitalize()} has ended. Waiting for it again")


def _problem(cluster: Cluster, greeting: dict[str, Any], rank: int, peers: dict[int, Peer]) -> str | None:
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


def _server(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _free_port() -> int:
    """A free port for TensorFlow's server, which opens it a little later."""
    with socket.create_server(("", 0)) as found:
        return int(found.getsockname()[1])


def _close(peers: dict[int, Peer], problem: str | None = None) -> None:
    for peer in peers.values():
        with contextlib.suppress(ChannelError):
            peer.channel.send("error", text=problem or "the chief stopped waiting for the other processes")
        peer.channel.close()
