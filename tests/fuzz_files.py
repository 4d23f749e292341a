"""Reads mutated files of every kind that ganzoo reads: ``python tests/fuzz_files.py --minutes 30 --folder FOLDER``.

Each input is a valid file that was changed: bytes flipped, cut, doubled and exchanged; numbers made huge; and, as the
formats allow, values of JSON and YAML, fields of protobuf, chunks of PNG, headers of tar and of NumPy files, whose
lengths and checksums are then made right again. An input is good if it is read, or refused with the exception that the
reader documents. It is a finding if it raises anything else, takes more than two seconds of CPU, needs more than
256 MiB (a graph that is run: 1 GiB), opens a file outside of FOLDER for writing, connects to another machine, or ends
the process.

Each kind is read by its own process. A finding ends that process; the input is kept in FOLDER/findings, and a new
process goes on with the next seed. The output is a table in Markdown; the exit status is 1 if there are findings.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_kinds import KINDS, written
from fuzz_mutations import ANY_BYTES

CPU_SECONDS, BYTES = 2.0, 256 << 20
OUTSIDE = 98
CURRENT = "current-input"
"""The file in FOLDER/KIND that keeps the input that is being read."""


def confine(folder: Path) -> None:
    """End the process when it connects to another machine, or opens a file for writing outside of ``folder``."""
    inside = str(folder.resolve())

    def watch(event: str, args: Any) -> None:
        wrong = ""
        if event == "open":
            flags = args[2] if isinstance(args[2], int) else 0
            writes = bool(flags & 3) or (isinstance(args[1], str) and bool(set(args[1]) & set("wax+")))
            if writes and isinstance(args[0], str | bytes | os.PathLike):
                path = os.path.abspath(os.fsdecode(args[0]))  # noqa: PTH100 - the name, and no look at the disk
                wrong = "" if path.startswith((inside, "/dev/")) else f"opens {path} for writing"
        elif event in ("socket.connect", "subprocess.Popen", "os.system", "os.exec"):
            wrong = f"{event} {args[1:]}"
        if wrong:
            os.write(2, f"{wrong}\n".encode())
            os._exit(OUTSIDE)

    sys.addaudithook(watch)


def read_inputs(kind_name: str, folder: Path, *, seed: int, seconds: float, inputs: int) -> None:
    """Read mutated files until the time is over. Prints the counts as JSON; ends with a traceback at a finding."""
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    kind = KINDS[kind_name](folder)
    for content in kind.seeds:
        kind.read(written(folder / kind.name, content))  # a valid file is read; and everything is imported now
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = held + BYTES + kind.extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    confine(folder)
    rng, mutations = random.Random(seed), (*ANY_BYTES, *kind.mutations)
    counts = {"inputs": 0, "read": 0, "refused": 0, "slowest": 0.0}
    end = time.monotonic() + seconds
    path, kept = folder / kind.name, folder / CURRENT
    try:
        while counts["inputs"] < inputs and time.monotonic() < end:
            content = rng.choice(kind.seeds)
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                content = rng.choice(mutations)(content, rng)[: 1 << 20]
            path.write_bytes(content)
            kept.write_bytes(content)
            begun = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
            try:
                kind.read(path)
                counts["read"] += 1
            except kind.refusals as error:
                if kind.of_strangers:
                    _check_message(str(error))
                counts["refused"] += 1
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            counts["inputs"] += 1
            counts["slowest"] = max(counts["slowest"], round(time.process_time() - begun, 3))
    finally:
        print(json.dumps(counts))


def _check_message(text: str) -> None:
    """A refusal is short, and cannot drive a terminal."""
    if len(text) > 1500 or not text.replace("\n", "").isprintable():
        raise AssertionError(f"this message is too long, or could drive a terminal: {text[:300]!a}")


def fuzz(name: str, folder: Path, *, seconds: float, inputs: int, seed: int) -> tuple[dict[str, float], list[str]]:
    """Fuzz one kind for ``seconds``, or for a number of inputs. Returns the counts and the findings."""
    end, total = time.monotonic() + seconds, {"inputs": 0, "read": 0, "refused": 0, "slowest": 0.0}
    findings: list[str] = []
    while (left := end - time.monotonic()) > 0 and total["inputs"] < inputs and len(findings) < 20:
        program = [sys.executable, __file__, "--one", name, "--folder", str(folder / name), "--seed", str(seed)]
        # A seed reads at most 100,000 inputs, so that a finding of it can be found again in a minute or two.
        program += ["--seconds", str(left), "--inputs", str(min(100_000, inputs - total["inputs"]))]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        counts = json.loads((done.stdout.splitlines() or ["{}"])[-1])
        for key, count in counts.items():
            total[key] = max(total[key], count) if key == "slowest" else total[key] + count
        if done.returncode:
            findings.append(_keep(folder, name, seed, done))
        seed += 1
    return total, findings


def _keep(folder: Path, name: str, seed: int, done: subprocess.CompletedProcess[str]) -> str:
    """Keep the input of a finding. Returns it in a few words."""
    findings = folder / "findings"
    findings.mkdir(exist_ok=True)
    kept = findings / f"{name}-{seed}"
    source = folder / name / CURRENT
    if source.exists():
        kept.write_bytes(source.read_bytes())
    kept.with_suffix(".txt").write_text(f"exit status {done.returncode}\n{done.stderr[-8000:]}")
    last = (done.stderr.strip().splitlines() or [""])[-1]
    why = "2 s of CPU" if done.returncode == -signal.SIGPROF else f"exit status {done.returncode}: {last[:100]}"
    return f"{kept.name} ({why})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Reads mutated files of every kind that ganzoo reads.")
    parser.add_argument("--folder", type=Path, required=True, help="An empty folder for everything that is written.")
    parser.add_argument("--minutes", type=float, default=1.0, help="Time for all kinds together.")
    parser.add_argument("--inputs", type=int, default=1 << 60, help="Largest number of inputs of each kind.")
    parser.add_argument("--only", default="", help="Only the kinds whose name contains this text.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if arguments.one:
        try:
            read_inputs(arguments.one, folder, seed=arguments.seed, seconds=arguments.seconds, inputs=arguments.inputs)
        except BaseException:
            traceback.print_exc()
            sys.exit(1)
        return
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in KINDS if arguments.only in name]
    print("| File | Inputs | read | slowest (s) | Findings |\n|---|---|---|---|---|")
    seconds = 60 * arguments.minutes / max(1, len(names))
    failed = False
    for name in names:
        total, findings = fuzz(name, folder, seconds=seconds, inputs=arguments.inputs, seed=arguments.seed)
        failed |= bool(findings)
        cells = [name, f"{total['inputs']:,}", f"{total['read']:,}", total["slowest"], "; ".join(findings) or "none"]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
