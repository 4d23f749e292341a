"""Lets every change of the disk fail in every command of a user, and shows that nothing is lost.

    python benchmarks/disk_faults.py

A small library in C (``disk_faults.c``; it needs Linux and ``cc``) replaces the functions through which a process
changes the disk: open for writing, write, truncate, fsync, close, mkdir, rename, unlink, rmdir and link. So it also
reaches what NumPy, TensorFlow and libraries in Rust write, of which Python reports nothing. For each operation of
``disk_operations.py``, one undisturbed run counts these calls. Calls of one function on one file count as one place,
with the numbers in the file's name left out: the second checkpoint is written like the first. Then the first and the
last call of each place fail, each in a new process, with one of these errors by turns:

- ENOSPC, a full disk: calls that need space fail; removing and renaming work.
- EIO, a broken disk; EROFS, a disk that became read-only: all calls fail.
- EACCES, a missing permission: calls that change a folder fail; open files can be written.

A fault happens once, or from then on at every later call, too. Four things are checked. The command ends with exit
status 2 and one error message of ganzoo without a traceback, or it goes on, and its result is that of an undisturbed
run. What existed before is complete. Nothing half-written is read later. And the command that a user would type next,
with the disk working again, gives the result of an undisturbed run, bit for bit.

The output is a table in Markdown; the exit status is 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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

LIBRARY = "GANZOO_DISK_FAULTS"
"""Variable with the path of the compiled library, in the process that has it preloaded."""
SPACE, NAMES = 1, 2
"""What a call needs; the same numbers are in ``disk_faults.c``."""
ERRORS = ("ENOSPC", "EIO", "EROFS", "EACCES")
MISTAKE = 2
"""Exit status of ganzoo for an error that it reports."""
_NUMBERS = re.compile(r"[0-9a-f]{8,}|\d+")
_MESSAGE = re.compile(r"^Error: ", re.MULTILINE)
_IGNORED = re.compile(r"^Exception ignored in.*\nTraceback .*\n(?:  .*\n)*\S.*\n", re.MULTILINE)
"""What Python prints for an error in a finalizer, such as that of another library's temporary folder."""


class Point(NamedTuple):
    """A call that changes the disk.

    Attributes:
        number: from 0, in the order of the calls.
        needs: ``SPACE``, ``NAMES`` and others, added.
        failed: whether it failed.
        call: the function.
        path: the file, relative to the folder of the operation.
    """

    number: int
    needs: int
    failed: bool
    call: str
    path: str

    @property
    def place(self) -> str:
        return f"{self.call} {_NUMBERS.sub('#', self.path)}"


class Fault(NamedTuple):
    """An error at a point; ``sticks``: at all later points, too."""

    point: Point
    error: str
    sticks: bool

    def __str__(self) -> str:
        return f"{self.error} {'from' if self.sticks else 'at'} {self.point.place}"


class Attempt(NamedTuple):
    """What an operation did: its exit status, its output, and its points."""

    status: int
    output: str
    points: list[Point]

    @property
    def message(self) -> str:
        """The last message of ganzoo; empty if there is none."""
        starts = [found.start() for found in _MESSAGE.finditer(self.output)]
        return self.output[starts[-1] :].strip() if starts else ""


def attempt(operation: Operation, folder: Path, fault: Fault | None) -> Attempt:
    """Run an operation in ``folder``, with a fault. Only the calls in this folder count."""
    output = folder / "output.txt"
    output.unlink(missing_ok=True)

    def work() -> list[Any]:
        log = os.memfd_create("points")
        at = (fault.point.number, getattr(errno, fault.error), fault.sticks) if fault else (-1, 0, False)
        library = ctypes.CDLL(os.environ[LIBRARY])
        library.disk_faults_arm(os.fsencode(folder), ctypes.c_long(at[0]), *at[1:], log)
        status = ended(operation)
        library.disk_faults_arm(b"/nowhere", ctypes.c_long(-1), 0, 0, -1)
        os.lseek(log, 0, os.SEEK_SET)
        with os.fdopen(log, "rb") as file:
            return [status, file.read().decode(errors="surrogateescape")]

    status, lines = in_child(work, folder)
    points = [line.split("\t", 4) for line in lines.splitlines()]
    found = [Point(int(number), int(needs), failed == "1", call, path) for number, needs, failed, call, path in points]
    return Attempt(status, output.read_text(errors="replace"), found)


def ended(operation: Operation) -> int:
    """Run an operation, and return the exit status. Errors of a Python function are reported as the command would."""
    from ganzoo.cli import output
    from ganzoo.cli.failures import explanation

    try:
        operation.act()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except Exception as error:  # as the handler of the commands does, for an operation that is a Python function
        text = explanation(error)
        if text is None:
            traceback.print_exc()
            return 1
        output.error(text)
        return MISTAKE
    return 0


def chosen(points: Sequence[Point], *, every: bool) -> Iterator[Fault]:
    """Faults for the first and the last call of each place: one by turns, or each that is possible."""
    by_place: dict[str, list[Point]] = {}
    for point in points:
        by_place.setdefault(point.place, []).append(point)
    ends = {point.number: point for calls in by_place.values() for point in (calls[0], calls[-1])}
    turns = itertools.cycle(range(2 * len(ERRORS)))
    for number in sorted(ends):
        point = ends[number]
        possible = [Fault(point, error, sticks) for sticks in (False, True) for error in ERRORS if fits(error, point)]
        yield from possible if every else [possible[next(turns) % len(possible)]]


def fits(error: str, point: Point) -> bool:
    return error in ("EIO", "EROFS") or bool(point.needs & (SPACE if error == "ENOSPC" else NAMES))


class Finding(NamedTuple):
    """A fault, whether the operation went on, its message, and what was wrong after it."""

    fault: Fault
    went_on: bool
    message: str
    wrong: str


def findings(name: str, operation: Operation, base: Path, *, every: bool, step: int, path: str) -> Iterator[Finding]:
    """Disturb an operation by each chosen fault at a file whose path matches the regular expression ``path``."""
    before = base / "before"
    before.mkdir(parents=True)
    in_child(operation.prepare, before)
    whole = copied(before, base / "whole")
    readable = READABLE.get(name)
    was = in_child(readable, whole) if readable else None
    operation.before()
    undisturbed = attempt(operation, whole, None)
    if undisturbed.status:
        raise SystemExit(f"{name} failed undisturbed:\n{undisturbed.output}")
    expected = in_child(operation.result, whole)
    allowed = [was, in_child(readable, whole)] if readable else []
    faults = [fault for fault in chosen(undisturbed.points, every=every) if re.search(path, fault.point.path)]
    print(f"    {name}: {len(undisturbed.points)} calls, {len(faults)} faults", file=sys.stderr, flush=True)
    for number, fault in enumerate(faults[step // 2 :: step]):
        for again in range(ATTEMPTS):
            folder = copied(before, base / f"fault-{number}-{again}")
            operation.before()
            tried = attempt(operation, folder, fault)
            if any(point.failed for point in tried.points):
                break
        went_on = tried.status == 0
        wrong = wrong_end(tried, fault)
        if not wrong and readable and in_child(readable, folder) not in allowed:
            wrong = "what was there before is lost or half written"
        if not wrong and went_on and in_child(operation.result, folder) != expected:
            wrong = "it went on, and the result differs"
        if not wrong and not went_on:
            in_child(operation.again or operation.act, folder)
            if in_child(operation.result, folder) != expected:
                wrong = "the result differs"
        yield Finding(fault, went_on, tried.message, wrong)
        shutil.rmtree(folder.parent)


def wrong_end(tried: Attempt, fault: Fault) -> str:
    """What is wrong with the end of an operation; an empty text if nothing is."""
    if not any(point.failed for point in tried.points):
        return NOT_REACHED
    output = _IGNORED.sub("", tried.output)
    if "Traceback" in output:
        return f"a traceback: {output[output.index('Traceback') :][-600:]}"
    if tried.status == 0:
        return ""
    if tried.status != MISTAKE or len(_MESSAGE.findall(tried.output)) != 1:
        return f"status {tried.status}: {tried.output[-300:]}"
    reason = "disk is full" if fault.error == "ENOSPC" else os.strerror(getattr(errno, fault.error))
    if not any(text in tried.message for text in (reason, os.strerror(getattr(errno, fault.error)))):
        return f"the message does not name the reason: {tried.message}"
    if len(tried.message.splitlines()) > 2 or "{{" in tried.message:
        return f"the message is not one line: {tried.message}"
    return ""


def report(name: str, operation: Operation, *, every: bool, step: int, path: str, show: bool) -> bool:
    """Print a line of the table, and all faults if ``show``. Returns whether anything was wrong."""
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        for found in findings(name, operation, Path(folder).resolve(), every=every, step=step, path=path):
            seen.append(found)
            if show or found.wrong:
                print(f"    {found.fault}: {found.wrong or found.message or 'went on'}", file=sys.stderr, flush=True)
    missed = sum(found.wrong == NOT_REACHED for found in seen)
    seen = [found for found in seen if found.wrong != NOT_REACHED]
    counts = Counter(found.fault.error for found in seen)
    places = len({found.fault.point.place for found in seen})
    stuck = sum(found.fault.sticks for found in seen)
    went_on = sum(found.went_on for found in seen)
    wrong = "; ".join(f"{found.fault}: {found.wrong.splitlines()[-1]}" for found in seen if found.wrong)
    kinds = " | ".join(str(counts[error]) for error in ERRORS)
    print(f"| {name} | {places} | {kinds} | {stuck} | {missed} | {went_on} | {wrong or 'nothing'} |", flush=True)
    return bool(wrong)


def preload() -> None:
    """Compile the library, and start this script again with it, unless this is that process."""
    if LIBRARY in os.environ:
        return
    if not sys.platform.startswith("linux") or shutil.which("cc") is None:
        raise SystemExit("disk_faults.py needs Linux and a C compiler (cc).")
    with tempfile.TemporaryDirectory() as folder:
        library = str(Path(folder, "disk_faults.so"))
        source = str(Path(__file__).with_suffix(".c"))
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"], check=True)
        environment = os.environ | {"LD_PRELOAD": library, LIBRARY: library}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=environment, check=False).returncode)


def main() -> None:
    parser = argparse.ArgumentParser(description="Lets changes of the disk fail in ganzoo, and compares the results.")
    parser.add_argument("--only", default="", help="Only the operations whose name contains this text.")
    parser.add_argument("--all", action="store_true", help="Each possible error at each point, not one by turns.")
    parser.add_argument("--every", type=int, default=1, help="Only every N-th fault.")
    parser.add_argument(
        "--list", action="store_true", help="Also print every fault and its message, on standard error."
    )
    parser.add_argument("--path", default="", help="Only faults at files whose path matches this regular expression.")
    arguments = parser.parse_args()
    preload()
    import_heavy_libraries()
    failed = False
    print(
        f"| Operation | places | {' | '.join(ERRORS)} | from then on | not reached | went on | wrong |\n|{'---|' * 10}",
        flush=True,
    )
    with HUB:
        for name, operation in OPERATIONS.items():
            if arguments.only in name:
                options = {"every": arguments.all, "step": arguments.every, "path": arguments.path}
                failed |= report(name, operation, **options, show=arguments.list)
    sys.exit(failed)


if __name__ == "__main__":
    main()
