"""Kills ganzoo at every point at which it changes the disk, and shows that nothing is lost and the result is the same.

    python benchmarks/kill_points.py

The points are found by running: Python reports every file that is opened for writing, every rename, removal and new
folder, and every connection to another machine, to an audit hook; ``os.fsync`` is wrapped. For each operation, such as
a training or an export, one undisturbed run counts the points. Then, for each point, a new process runs the same
operation and kills itself with SIGKILL just before that point. Two things are checked. What existed before is still
there, and what can be read is complete. And the command that a user would type next gives the result of an undisturbed
run, bit for bit.

The processes are forks of one that has imported TensorFlow and not used it. Everything that an operation writes is in a
new folder each time. Python does not report the exchange of two folders (``ganzoo.environment.files``), so there are
kills before and after it, which is all that can be seen of one step. The output is a table in Markdown; the exit status
is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from hub.clients import Client
from hub.server import Hub

STEPS = 6
CLOCK = ("seconds", "images_per_second")
CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"})
"""The audit events, besides ``open``, that announce a change of the disk."""
REPO = "someone/small"
HUB = Hub()
"""The tests' server, which answers as the Hugging Face Hub."""

MODEL = {
    "name": "small",
    "data": {"source": "image_folder", "path": "photos", "resolution": 8},
    "num_classes": 2,
    "generator": {"latent_dim": 4, "base_channels": 4, "block": "conv_transpose"},
    "discriminator": {"base_channels": 4, "block": "strided_conv"},
    "training": {
        "batch_size": 4,
        "steps": STEPS,
        "log_every": 1,
        "sample_every": 2,
        "checkpoint_every": 2,
        "keep_checkpoints": 2,
        "evaluation": {"every": 2, "metrics": ["frechet"], "extractor": "pixels", "samples": 16},
        "augment": {"name": "diff_augment", "adaptive": True},
    },
}


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


def in_child(work: Callable[[], Any], folder: Path, *, ok: bool = True) -> Any:
    """Run ``work`` in a fork of this process, in ``folder``, and return what it returns, as JSON keeps it.

    Args:
        ok: whether an error of ``work`` is one of this script; else None stands for a killed process.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read)
            os.chdir(folder)
            os.environ.update(Client(folder, HUB.url, token="hf_owner").environment())
            sink = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            content = json.dumps(work()).encode()
            with os.fdopen(write, "wb") as pipe:
                pipe.write(content)
            status = 0
        except BaseException:  # a fork must never return to the caller's code
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    if status == 0:
        return json.loads(content)
    if ok or not os.WIFSIGNALED(status):
        raise SystemExit(f"A process failed with status {status}:\n{(folder / 'output.txt').read_text()[-3000:]}")
    return None


def empty_hub() -> None:
    HUB.repos.clear()
    HUB.objects.clear()


class Operation(NamedTuple):
    """Something that a user does.

    Attributes:
        act: what is killed.
        result: what it made, as a value of JSON.
        prepare: what was done before it.
        again: what the user does after the kill; by default ``act`` again.
        before: what is done to the Hub before each kill, in the process of the Hub.
    """

    act: Callable[[], Any]
    result: Callable[[], Any]
    prepare: Callable[[], Any] = lambda: None
    again: Callable[[], Any] | None = None
    before: Callable[[], Any] = empty_hub


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_of(folder: str, *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """The hashes of the files of a folder. Hidden files, such as leftovers of a killed process, do not count."""
    found = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    names = [path.relative_to(folder) for path in found]
    shown = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    return {str(name): digest(Path(folder, name)) for name in shown if name.name not in without}


def photos() -> None:
    """Two folders with eight photographs each, and the config of a model."""
    from PIL import Image

    rng = np.random.RandomState(0)
    for number in range(16):
        path = Path("photos", f"class{number % 2}", f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.randint(0, 256, (9, 10, 3)).astype(np.uint8)).save(path)
    Path("small.yaml").write_text(yaml.safe_dump(MODEL))


def train(root: str = "runs", **options: Any) -> None:
    import ganzoo

    ganzoo.train("small.yaml", root=root, quiet=True, **options)


def trained() -> None:
    """Photographs, and a run that an earlier training left."""
    photos()
    train()


def stopped() -> None:
    """A run that stopped after its first checkpoint."""
    photos()
    train(max_steps=2)


def continued() -> None:
    """Resume the newest run, as ``ganzoo train --resume``; if there is nothing to resume, train anew."""
    import ganzoo
    from ganzoo.runs import find_run

    newest = find_run(None, root="runs")
    if not newest.checkpoint_steps():
        train()
    elif max(newest.checkpoint_steps()) < STEPS:
        ganzoo.resume(root="runs", quiet=True)


def training_result() -> Any:
    """The bits of the last checkpoint of the newest run, and its log without what a clock measured."""
    from ganzoo.runs import find_run
    from ganzoo.training import checkpoint

    run = find_run(None, root="runs")
    found = checkpoint.load_newest(run.folder / "checkpoints")
    if found is None:
        raise SystemExit(f"{run.name} has no checkpoint")
    values = {f"{group}/{name}": value for group, named in found.state.items() for name, value in named.items()}
    bits = {name: hashlib.sha256(np.asarray(value).tobytes()).hexdigest() for name, value in values.items()}
    log = [{key: value for key, value in entry.items() if key not in CLOCK} for entry in run.log()]
    return {"step": found.step, "bits": bits, "log": [entry for entry in log if len(entry) > 1]}


def earlier_run() -> dict[str, str]:
    """The files of the first run, which a later training must not touch."""
    return files_of("runs/small/001")


def export() -> None:
    import ganzoo

    ganzoo.export("small", root="runs", critic=True, license="cc0-1.0")


def bundle_result() -> Any:
    """The graphs and weights of the bundle, which is complete: all its files have the hashes that it states."""
    import ganzoo

    generator = ganzoo.load("runs/small/001/bundle")
    pixels = generator.sample(range(4), label=0)
    files = files_of("runs/small/001/bundle", without=("README.md", "metadata.json"))
    return {"files": files, "pixels": hashlib.sha256(pixels.tobytes()).hexdigest()}


def exported() -> None:
    trained()
    export()


def evaluate() -> None:
    import ganzoo

    ganzoo.evaluate("runs/small/001/bundle", extractor="pixels", samples=16, draws=2, metrics=["frechet"])


def command(*words: str) -> None:
    """Run one command of ganzoo in this process."""
    from ganzoo.cli.main import main

    sys.argv = ["ganzoo", *words]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise SystemExit(f"{words}: status {ended.code}") from None


def evaluation_result() -> Any:
    return json.loads(Path("runs/small/001/metrics.json").read_text())


def prepared_data() -> Any:
    """The samples of the folder, as a training reads them."""
    from ganzoo.data.base import data_sources

    dataset = data_sources.create(MODEL["data"]).load(quiet=True)
    samples, labels = np.asarray(dataset.samples), np.asarray(dataset.labels)
    return {"samples": hashlib.sha256(samples.tobytes()).hexdigest(), "labels": labels.tolist()}


def pictures() -> None:
    command("generate", "runs/small/001/bundle", "--seeds", "0-3", "--label", "class0", "-o", "pictures")
    command("generate", "runs/small/001/bundle", "--seeds", "0-3", "--grid", "-o", "grid.png")
    command("generate", "runs/small/001/bundle", "--seeds", "0-3", "--label", "class0", "-o", "samples.npz")


def pictures_result() -> Any:
    """Every picture there is can be read."""
    from PIL import Image

    for path in [*Path("pictures").glob("*.png"), Path("grid.png")]:
        with Image.open(path) as image:
            image.load()
    arrays = np.load("samples.npz")
    return {name: hashlib.sha256(arrays[name].tobytes()).hexdigest() for name in arrays} | {
        "pictures": files_of("pictures"),
        "grid": digest(Path("grid.png")),
    }


def publish() -> None:
    command("publish", "runs/small/001/bundle", REPO, "--license", "cc0-1.0")


def published() -> Any:
    """The files of the model on the Hub, without the measured speed on its card."""
    repo = HUB.repos[REPO]
    tree = repo.commits[repo.branches["main"]]
    return {name: hashlib.sha256(content).hexdigest() for name, content in tree.items() if name != "README.md"}


def on_the_hub() -> None:
    """A repository with the files of a pretrained model."""
    import ganzoo

    folder = ganzoo.pull("digits-28")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    empty_hub()
    HUB.put(REPO, {path.relative_to(folder).as_posix(): path.read_bytes() for path in files})


def pull() -> None:
    import ganzoo

    ganzoo.pull(REPO)


def pulled() -> Any:
    """The model on the Hub, loaded from the cache, without the network."""
    import ganzoo

    pixels = ganzoo.load(REPO, local_files_only=True).sample(range(2), label=0)
    return hashlib.sha256(pixels.tobytes()).hexdigest()


OPERATIONS = {
    "training, beside an earlier run": Operation(train, training_result, trained, continued),
    "resuming": Operation(continued, training_result, stopped, continued),
    "preparing a folder of photographs": Operation(prepared_data, prepared_data, photos),
    "export": Operation(export, bundle_result, trained),
    "export over an older bundle": Operation(export, bundle_result, exported),
    "evaluation of a bundle": Operation(evaluate, evaluation_result, exported),
    "generating pictures": Operation(pictures, pictures_result, exported),
    "publishing": Operation(publish, published, exported),
    "pulling": Operation(pull, pulled, before=on_the_hub),
}

READABLE: dict[str, Callable[[], Any]] = {
    "training, beside an earlier run": earlier_run,
    "export over an older bundle": bundle_result,
    "evaluation of a bundle": bundle_result,
}
"""What can be read directly after a kill, and has to be what it was before."""


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

    def copy(name: str) -> Path:
        folder = base / name / "work"  # the same name of the folder each time: paths may be in the result
        shutil.copytree(before, folder, symlinks=True)
        return folder

    whole = copy("whole")
    readable = READABLE.get(name)
    was = in_child(readable, whole) if readable else None
    operation.before()
    points = killed_at(operation, whole, -1) or []
    expected = in_child(operation.result, whole)
    for number in range(every // 2, len(points), every):
        folder = copy(f"killed-{number}")
        where = points[number].replace(str(whole), "").replace(str(folder), "")
        wrong = ""
        operation.before()
        if killed_at(operation, folder, number) is not None:
            wrong = "not reached"
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
    wrong = [f"{where}: {what}" for where, what in seen if what]
    print(f"| {name} | {len(seen)} | {', '.join(kinds)} | {'; '.join(wrong) or 'nothing'} |", flush=True)
    if points:
        print(*(f"    {where}" for where, _ in seen), sep="\n", flush=True)
    return bool(wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description="Kills ganzoo at every change of the disk, and compares the results.")
    parser.add_argument("--only", default="", help="Only the operations whose name contains this text.")
    parser.add_argument("--every", type=int, default=1, help="Kill at every N-th point only.")
    parser.add_argument("--list", action="store_true", help="Also print every point.")
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

    import keras  # noqa: F401 - imported once, before the forks
    import onnxruntime  # noqa: F401
    import tensorflow  # noqa: F401

    failed = False
    print("| Operation | points | kinds of points | wrong after a kill |\n|---|---|---|---|")
    with HUB:
        for name, operation in OPERATIONS.items():
            if arguments.only in name:
                failed |= report(name, operation, every=arguments.every, points=arguments.list)
    sys.exit(failed)


if __name__ == "__main__":
    main()
