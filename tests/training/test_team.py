"""The processes of a cluster find each other, follow the chief, and end together. Here they are threads."""

import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ganzoo.environment.cluster import Cluster
from ganzoo.errors import DataError, TrainingError
from ganzoo.training import joining
from ganzoo.training import team as teams
from ganzoo.training.channel import Channel
from ganzoo.training.joining import joined
from ganzoo.training.team import TeamError


@pytest.fixture(autouse=True)
def short_times(monkeypatch):
    monkeypatch.setattr(teams, "ALIVE_SECONDS", 0.1)
    for module in (teams, joining):
        monkeypatch.setattr(module, "SILENCE_SECONDS", 1.0)
    made = []

    class Recorded(teams.Team):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

        def _end_process(self):
            """The real one ends this process."""

    monkeypatch.setattr(joining, "Team", Recorded)
    yield
    for team in made:
        team.close()


def free_port():
    with socket.create_server(("", 0)) as found:
        return found.getsockname()[1]


def cluster(rank, port, size=2):
    return Cluster(size, rank, "localhost", port, "test")


def together(*clusters, seconds=10.0):
    """Join all at once. Returns a team or an error for each."""

    def one(member):
        try:
            return joined(member, seconds=seconds)
        except TrainingError as error:
            return error

    with ThreadPoolExecutor(len(clusters)) as pool:
        return list(pool.map(one, clusters))


def team_of(size):
    port = free_port()
    return together(*(cluster(rank, port, size) for rank in range(size)))


def test_all_know_all_servers_and_follow_the_chief():
    chief, *others = team_of(3)
    assert len(set(chief.servers)) == 3
    assert all(one.servers == chief.servers for one in others)
    chief.send("state", b"x" * 3_000_000, rate_factor=0.5)
    chief.send("run", first=0, count=7)
    for one in others:
        message, payload = one.receive("state")
        assert (message["rate_factor"], len(payload)) == (0.5, 3_000_000)
        assert one.receive("run")[0]["count"] == 7
        one.send("data", digest="d")
    assert sorted(answer["rank"] for answer in chief.receive_from_all("data")) == [1, 2]
    others[1].send("interrupt")
    assert chief.interrupted.wait(5)
    chief.stop("runs/a/001", step=7, reason="interrupted")
    for one in others:
        assert one.receive("run", "stop")[0]["step"] == 7
        one.check()


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_of_one_process_ends_all_with_its_text(failing):
    members = team_of(3)
    with pytest.raises(DataError), members[failing].until_end():
        raise DataError("no such file\nsecond line")
    for rank in {0, 1, 2} - {failing}:
        with pytest.raises(
            TeamError, match=rf"^The training on 3 processes ended: process {failing} on \S*: no such file$"
        ):
            members[rank].receive("run")


def test_the_answer_of_one_process_does_not_change_the_error_that_the_next_is_told(monkeypatch):
    chief, first, second = team_of(3)
    send = chief._peers[0].channel.send

    def send_and_wait(kind, payload=b"", **values):
        send(kind, payload, **values)
        first._failed.wait(5)
        threading.Event().wait(0.3)  # the answer of the first process arrives

    monkeypatch.setattr(chief._peers[0].channel, "send", send_and_wait)
    with pytest.raises(DataError), chief.until_end():
        raise DataError("no such file")
    with pytest.raises(TeamError, match=r"ended: process 0 on \S*: no such file$"):
        second.receive("run")


@pytest.mark.parametrize("failing", [0, 2])
def test_a_process_that_dies_ends_all(failing):
    members = team_of(3)
    stopped = threading.Event()
    for rank, one in enumerate(members):
        if rank != failing:
            one.on_failure(lambda text: stopped.set())
    members[failing]._closing.set()
    for peer in members[failing]._peers:
        peer.channel.close()
    for rank in {0, 1, 2} - {failing}:
        with pytest.raises(TeamError, match=f"process {failing} on .*: it ended without a message"):
            members[rank].receive("run")
    assert stopped.is_set()


def test_a_hung_process_ends_all():
    chief, other = team_of(2)
    other._closing.set()  # it shows no sign of life any more
    with pytest.raises(TeamError, match=r"process 1 on .*: it did not answer for 1 s"):
        chief.receive("data")


def test_a_silent_training_is_no_failure():
    chief, other = team_of(2)
    threading.Event().wait(1.5)
    chief.check()
    other.check()


@pytest.mark.parametrize(
    ("ranks", "sizes", "message"),
    [((0, 1, 1), (3, 3, 3), "Two processes have rank 1"), ((0, 1), (2, 3), "was started for 3 processes")],
)
def test_processes_that_do_not_fit(ranks, sizes, message):
    port = free_port()
    results = together(*(cluster(rank, port, size) for rank, size in zip(ranks, sizes, strict=True)), seconds=3)
    assert message in str(results[0])
    assert any(message in str(other) for other in results[1:])


def test_different_versions(monkeypatch):
    versions = iter([{"ganzoo": "1"}, {"ganzoo": "2"}, {"ganzoo": "1"}, {"ganzoo": "2"}])
    monkeypatch.setattr(joining, "_versions", lambda: next(versions))
    results = team_of(2)
    assert all("install the same versions on all machines" in str(one) for one in results)


def test_a_process_that_does_not_come():
    (chief,) = together(cluster(0, free_port(), 3), seconds=0.5)
    assert "rank 1, 2" in str(chief)
    (other,) = together(cluster(1, free_port()), seconds=0.5)
    assert "Cannot reach the chief" in str(other)


def test_a_port_in_use():
    with socket.create_server(("", 0)) as taken:
        (chief,) = together(cluster(0, taken.getsockname()[1]), seconds=0.5)
    assert "Use another port" in str(chief)


HUGE = struct.pack(">QQ", 15, 2**63) + b'{"kind":"join"}'
"""A message that announces more bytes than any memory has."""


def message(text):
    return struct.pack(">QQ", len(text), 0) + text


NESTED = b"[" * 50_000 + b"]" * 10_000
JUNK = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"",
    message(b"[]"),
    HUGE,
    message(b'{"kind":"join","rank":Infinity,"port":1}'),
    message(b'{"kind":"join","rank":NaN,"port":1}'),
    message(b'{"kind":"join","rank":[1],"port":1}'),
    message(b'{"kind":"join"}'),
    message(NESTED),
]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_a_stranger_at_the_port_is_ignored(junk):
    port = free_port()
    with ThreadPoolExecutor(2) as pool:
        chief = pool.submit(joined, cluster(0, port), seconds=10)
        while True:
            try:
                stranger = socket.create_connection(("localhost", port))
                break
            except OSError:
                continue
        stranger.sendall(junk)
        stranger.close()
        other = pool.submit(joined, cluster(1, port), seconds=10)
        assert chief.result(10).servers == other.result(10).servers


def test_a_stranger_that_is_gone_before_it_is_asked_for_its_address(monkeypatch):
    """``getpeername`` of a socket that the other side has reset raises an OSError."""
    port, broken = free_port(), iter([True])

    class Reset(socket.socket):
        def getpeername(self):
            if next(broken, False):
                raise OSError("Transport endpoint is not connected")
            return super().getpeername()

    monkeypatch.setattr(socket, "socket", Reset)
    with ThreadPoolExecutor(2) as pool:
        chief = pool.submit(joined, cluster(0, port), seconds=10)
        threading.Event().wait(0.3)
        gone = Channel(socket.create_connection(("localhost", port)), silence=5)
        gone.send("join", rank=1, size=2, port=1, versions=joining._versions())
        threading.Event().wait(0.3)
        gone.close()
        other = pool.submit(joined, cluster(1, port), seconds=10)
        assert chief.result(10).servers == other.result(10).servers


def test_the_failure_of_another_process_explains_the_error_of_an_exchange():
    chief, other = team_of(2)

    def fail_while_the_chief_exchanges():
        with pytest.raises(DataError), other.until_end():
            raise DataError("no such file")

    with pytest.raises(TeamError, match=r"process 1 on .*: no such file$"), chief.until_end():
        fail_while_the_chief_exchanges()
        raise RuntimeError("Collective ops is aborted")
    with pytest.raises(RuntimeError, match="a bug"), team_of(2)[0].until_end():
        raise RuntimeError("a bug")


def test_a_process_that_dies_while_the_others_join_can_be_started_again(monkeypatch):
    monkeypatch.setattr(joining, "LOOK_SECONDS", 0.1)
    port, said = free_port(), []
    with ThreadPoolExecutor(3) as pool:
        chief = pool.submit(joined, cluster(0, port, 3), info=said.append, seconds=10)
        while not said:  # the chief waits
            threading.Event().wait(0.05)
        lost = Channel(socket.create_connection(("localhost", port)), silence=5)
        lost.send("join", rank=2, size=3, port=1, versions=joining._versions())
        threading.Event().wait(0.3)
        lost.close()
        others = [pool.submit(joined, cluster(rank, port, 3), seconds=10) for rank in (1, 2)]
        members = [part.result() for part in (chief, *others)]
    assert any("Process 2 on" in text and "has ended. Waiting for it again" in text for text in said)
    members[0].send("run", first=0, count=1)
    for member in members[1:]:
        assert member.receive("run")[0]["count"] == 1


def test_an_interrupted_process_is_named(monkeypatch):
    chief, other = team_of(2)
    with pytest.raises(KeyboardInterrupt), other.until_end():
        raise KeyboardInterrupt
    with pytest.raises(TeamError, match=r"process 1 on \S*: it was interrupted$"):
        chief.receive("data")
