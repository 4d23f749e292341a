"""Kills ganzoo at every point at which it changes the disk, and shows that nothing is lost and the result is the same.

    python benchmarks/kill_points.py

The points are found by running: Python reports every file that is opened for writing, every rename, removal and new
folder, and every connection to another machine, to an audit hook; ``os.fsync`` is wrapped. For each operation, such as
a training or an export, one undisturbed run counts the points. Then, for each point, a new process runs the same
operation and kills itself with SIGKILL just before that point. Two things are checked. What existed before is still
there, and what can be read is complete. And the command that a user would type next gives the result of an undisturbed
run, bit for bit.

The processes are forks of one that has imported TensorFlow and not used it. Everything that an operation writes is in a
new folder each time (``disk_operations.py``). Python does not report the exchange of two folders
(``ganzoo.environment.files``), so there are kills before and after it, which is all that can be seen of one step. The
output is a table in Markdown; the exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from disk_operations import (
    ATTEMPTS,
    HUB,
    NOT_REACHED,
    OPERATIONS,
    READABLE,
    Operation,
    copied,
    import_heavy_libraries,
    in_child,
)

CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"})
"""The audit events, besides ``open``, that announce a change of the disk."""


class Killer:
    """Counts the changes of the disk under a folder, and ends the process just before the change number ``at``.

    Args:
        folder: changes elsewhere are not counted.
        at: number of the change, from 0; -1 only counts.
    """

    def __init__(self, folder: Path, at: int) -> None:
        self._folder, self._at = str(folder), at
        self.points: list[str] = []

    def start(self) -> None:
        sys.addaudithook(self._audit)
        sync = os.fsync

        def fsync(descriptor: Any) -> None:
            self._reach("os.fsync", os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115 - it may be no file
            sync(descriptor)

        os.fsync = fsync

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR):
                self._reach(event, path)
        elif event in CHANGES:
            self._reach(event, arguments[0])
        elif event == "socket.connect":
            self._reach(event, self._folder)

    def _reach(self, event: str, path: Any) -> None:
        if isinstance(path, int):
            return  # a descriptor that was opened before
        where = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - pathlib would run code that is audited, too
        if not where.startswith(self._folder):
            return
        if len(self.points) == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.points.append(f"{event} {where}")


def killed_at(operation: Operation, folder: Path, at: int) -> list[str] | None:
    """Run an operation in ``folder``, and kill it at a point. Returns all points if it was not killed."""
    killer = Killer(folder, at)

    def work() -> list[str]:
        killer.start()
        operation.act()
        return killer.points

    return in_child(work, folder, ok=False)


def failures(name: str, operation: Operation, base: Path, every: int) -> Iterator[tuple[str, str]]:
    """Kill an operation at every point, or at every ``every``-th. Yields each point, and what was wrong after it."""
    before = base / "before"
    before.mkdir(parents=True)
    in_child(operation.prepare, before)

    whole = copied(before, base / "whole")
    readable = READABLE.get(name)
    was = in_child(readable, whole) if readable else None
    operation.before()
    points = killed_at(operation, whole, -1) or []
    expected = in_child(operation.result, whole)
    for number in range(every // 2, len(points), every):
        for attempt in range(ATTEMPTS):
            folder = copied(before, base / f"killed-{number}-{attempt}")
            operation.before()
            is_killed = killed_at(operation, folder, number) is None
            if is_killed:
                break
        where = points[number].replace(str(whole), "").replace(str(folder), "")
        wrong = ""
        if not is_killed:
            wrong = NOT_REACHED
        elif readable and in_child(readable, folder) != was and in_child(readable, folder) != in_child(readable, whole):
            wrong = "what was there before is lost or half written"
        else:
            in_child(operation.again or operation.act, folder)
            if in_child(operation.result, folder) != expected:
                wrong = "the result differs"
        yield where, wrong
        shutil.rmtree(folder.parent)


def report(name: str, operation: Operation, *, every: int, points: bool) -> bool:
    """Print a line of the table, and all points if ``points``. Returns whether anything was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        seen = list(failures(name, operation, Path(folder).resolve(), every))
    kinds = sorted({where.split()[0] for where, _ in seen})
    missed = sum(what == NOT_REACHED for _, what in seen)
    wrong = [f"{where}: {what}" for where, what in seen if what not in ("", NOT_REACHED)]
    cells = (name, f"{len(seen) - missed}", f"{missed}", ", ".join(kinds), "; ".join(wrong) or "nothing")
    print(f"| {' | '.join(cells)} |", flush=True)
    if points:
        print(*(f"    {where}" for where, _ in seen), sep="\n", flush=True)
    return bool(wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description="Kills ganzoo at every change of the disk, and compares the results.")
    parser.add_argument("--only", default="", help="Only the operations whose name contains this text.")
    parser.add_argument("--every", type=int, default=1, help="Kill at every N-th point only.")
    parser.add_argument("--list", action="store_true", help="Also print every point.")
    arguments = parser.parse_args()
    import_heavy_libraries()
    failed = False
    print("| Operation | kills | points not reached | kinds of points | wrong after a kill |\n|---|---|---|---|---|")
    with HUB:
        for name, operation in OPERATIONS.items():
            if arguments.only in name:
                failed |= report(name, operation, every=arguments.every, points=arguments.list)
    sys.exit(failed)


if __name__ == "__main__":
    main()
