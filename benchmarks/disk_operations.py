"""The commands of a user on a tiny model. ``kill_points.py`` and ``disk_faults.py`` disturb their changes of the disk.

Each operation has its own process and its own folder. The process is a fork: its parent has imported TensorFlow but not
used it, so that the fork starts fast.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from hub.clients import Client
from hub.server import Hub

ATTEMPTS, NOT_REACHED = 3, "not reached"
"""A place is tried again if the operation ended before it: on a busy machine, some files are written more often."""
STEPS = 6
CLOCK = ("seconds", "images_per_second")
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
        act: what is disturbed.
        result: what it made, as a value of JSON.
        prepare: what was done before it.
        again: what the user does afterwards; by default ``act`` again.
        before: what is done to the Hub before each time, in the process of the Hub.
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


def command(*words: str) -> None:
    """Run one command of ganzoo in this process.

    Raises:
        SystemExit: with the exit status of the command, if it is not 0.
    """
    from ganzoo.cli.main import main

    sys.argv = ["ganzoo", *words]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise


def train(*options: str) -> None:
    command("train", "small.yaml", "--runs", "runs", *options)


def trained() -> None:
    """Photographs, and a run that an earlier training left."""
    photos()
    train()


def stopped() -> None:
    """A run that stopped after its first checkpoint."""
    photos()
    train("--max-steps", "2")


def continued() -> None:
    """Resume the newest run, as ``ganzoo train --resume``; if there is nothing to resume, train anew."""
    from ganzoo.runs import find_run

    newest = find_run(None, root="runs")
    if not newest.checkpoint_steps():
        train()
    elif max(newest.checkpoint_steps()) < STEPS:
        command("train", "--resume", "--runs", "runs")


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
    command("export", "small", "--runs", "runs", "--critic", "--license", "cc0-1.0")


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
    options = ("--extractor", "pixels", "--samples", "16", "--draws", "2", "--metrics", "frechet")
    command("evaluate", "runs/small/001/bundle", *options)


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
    command("pull", REPO)


def pulled() -> Any:
    """The model on the Hub, loaded from the cache, without the network."""
    import ganzoo

    pixels = ganzoo.load(REPO, local_files_only=True).sample(range(2), label=0)
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def checkpoint_state(step: int) -> dict[str, dict[str, Any]]:
    rng = np.random.RandomState(step)
    return {group: {"weight": rng.standard_normal((3, 5)).astype(np.float32)} for group in ("generator", "watch")}


def save_checkpoint(step: int = 6) -> None:
    from ganzoo.training import checkpoint

    checkpoint.save(Path("checkpoints"), step=step, state=checkpoint_state(step), keep=2)


def two_checkpoints() -> None:
    save_checkpoint(2)
    save_checkpoint(4)


def newest_checkpoint() -> Any:
    """The step of the newest checkpoint, which has the bits that were saved."""
    from ganzoo.training import checkpoint

    found = checkpoint.load_newest(Path("checkpoints"))
    if found is None or found.skipped:
        raise SystemExit(f"no checkpoint, or damaged ones: {found}")
    expected = checkpoint_state(found.step)
    same = all((found.state[group]["weight"] == named["weight"]).all() for group, named in expected.items())
    return {"step": found.step, "same": bool(same)}


OPERATIONS = {
    "saving a checkpoint": Operation(save_checkpoint, newest_checkpoint, two_checkpoints),
    "training, next to an earlier run": Operation(train, training_result, trained, continued),
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
    "saving a checkpoint": newest_checkpoint,
    "training, next to an earlier run": earlier_run,
    "export over an older bundle": bundle_result,
    "evaluation of a bundle": bundle_result,
}
"""What can be read directly afterwards, and has to be what it was before, or what the operation makes."""


def copied(before: Path, folder: Path) -> Path:
    """A copy of the folder ``before`` to work in. Its last name is always the same: paths may be in the result."""
    work = folder / "work"
    shutil.copytree(before, work, symlinks=True)
    return work


def import_heavy_libraries() -> None:
    """Import once what the forks need. A fork must not happen after TensorFlow has been used.

    ``huggingface_hub`` reads the address of the Hub when it is imported, so every fork imports it itself.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras  # noqa: F401
    import onnxruntime  # noqa: F401
    import tensorflow  # noqa: F401

    import ganzoo.cli.main
    import ganzoo.training.checkpoint  # noqa: F401
