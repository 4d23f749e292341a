"""Measures what gradient penalties cost in a training step, here and in another revision of ganzoo.

    python benchmarks/penalty_speed.py                          # this working tree
    python benchmarks/penalty_speed.py --against REV --keep     # and a git revision, in a temporary folder

Three trainings: without a penalty, with R1 once in each unit of steps (lazy regularization), and with R1 and R2 at
every step. The contenders run in turn, each in its own process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interleaved import Contender, compare, keep, report

ROOT = Path(__file__).resolve().parents[1]
NONE, LAZY, BOTH = "no penalty", "lazy R1", "R1 + R2"


def main() -> None:
    options = _arguments()
    penalties = {
        NONE: [],
        LAZY: [{"name": "r1", "gamma": 1.0, "interval": options.steps}],
        BOTH: [{"name": "r1", "gamma": 1.0}, {"name": "r2", "gamma": 1.0}],
    }
    with tempfile.TemporaryDirectory() as folder, _sources(options.against, Path(folder)) as sources:
        names = {(kind, label): f"{kind}, {label}" for kind in penalties for label in sources}
        contenders = {
            name: Contender("train_penalty.py", _json(options, penalties[kind], sources[label]), source=sources[label])
            for (kind, label), name in names.items()
        }
        rates = compare(contenders, units=1, repeats=options.repeats)
    here, *others = sources
    size = f"{options.resolution} px, batch {options.batch}, {options.channels} base channels"
    tables = []
    for label in sources:
        cost = {names[kind, label]: rates[names[kind, label]] for kind in penalties}
        plain = names[NONE, label]
        tables.append(report(f"Cost of penalties, {label}, {size}", cost, ours=list(cost)[1:], against=[plain]))
    for kind in penalties:
        for other in others:
            pair = {names[kind, label]: rates[names[kind, label]] for label in (here, other)}
            ours, theirs = pair
            tables.append(report(f"{kind}, {here} against {other}, {size}", pair, ours=[ours], against=[theirs]))
    if options.keep:
        keep("penalty_speed", [{"revisions": {here: _commit("HEAD")} | {o: _commit(o) for o in others}}, *tables])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="REV", help="a git revision to compare with")
    parser.add_argument(
        "--steps", type=_count, default=8, help="steps of one unit, up to 64 (8); R1 is lazy once in it"
    )
    parser.add_argument("--repeats", type=_count, default=5, help="units of each contender (5)")
    parser.add_argument("--resolution", type=_count, default=64, help="size of the images in pixels (64)")
    parser.add_argument("--channels", type=_count, default=64, help="base channels of both networks (64)")
    parser.add_argument("--batch", type=_count, default=64, help="batch size (64)")
    parser.add_argument("--keep", action="store_true", help="save the results in results/penalty_speed.json")
    options = parser.parse_args()
    if options.steps > 64:
        parser.error("--steps is up to 64, the largest interval of a penalty")
    if options.against is not None and _commit(options.against) is None:
        parser.error(f"--against: git knows no revision '{options.against}'")
    return options


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"received '{text}'; allowed is a whole number of 1 or more")
    return int(text)


def _json(options: argparse.Namespace, penalties: list[dict[str, object]], source: Path) -> str:
    sizes = {key: getattr(options, key) for key in ("steps", "resolution", "channels", "batch")}
    return json.dumps({**sizes, "penalties": penalties, "source": str(source)})


@contextmanager
def _sources(revision: str | None, folder: Path) -> Iterator[dict[str, Path]]:
    """Label -> the folder with the ``ganzoo`` to measure: this tree first, then a worktree of the revision."""
    if revision is None:
        yield {"this tree": ROOT}
        return
    other = folder.resolve() / "ganzoo"
    _git("worktree", "add", "--quiet", "--detach", str(other), revision)
    try:
        yield {"this tree": ROOT, revision: other}
    finally:
        _git("worktree", "remove", "--force", str(other))


def _commit(revision: str) -> str | None:
    """The hash of a revision; None if there is none."""
    found = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or None


def _git(*words: str) -> None:
    subprocess.run(["git", "-C", str(ROOT), *words], check=True)


if __name__ == "__main__":
    main()
