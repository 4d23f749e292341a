"""Trains ganzoo and its peers side by side, one core each, and compares the quality after equal training times.

    pip install -c constraints.txt -e '.[test]' && pip install -r benchmarks/requirements.txt
    python benchmarks/headline.py faces                       # drawn faces; needs no download
    python benchmarks/headline.py celeba --celeba PATH.zip    # photographs
    python benchmarks/headline.py faces --again ganzoo        # forgets the training of one contender first

Contenders: ganzoo's recipe, PyTorch's DCGAN tutorial, keras.io's DCGAN example, and ganzoo's networks in the tutorial's
loop. ``headline.yaml`` is the protocol. All contenders read the same uint8 array, which ganzoo's data source makes.

Equal time on a noisy machine: all contenders start at once, but only as many as there are cores train at a time, each
on one core of its own. A turn is a minute. In a round each contender has one turn. The rounds go through all orders of
the contenders (24 for four). So each contender trains next to each other contender equally often, is equally often on
each core, and gets the same share of the machine's slow times. If they trained one after the other, one of them could
have a bad hour. A pause is between two steps, and a clock counts only the wall time of the contender's turns. A turn
that took too long, because a step is long, makes the next turn shorter.

At each time of the protocol a contender saves its generator. It saves its state every five minutes, and a killed
benchmark continues from there.
The samples are generated and judged after all trainings, so they cost no training time.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import headline_judge
import headline_race as race
import headline_report
import numpy as np
import yaml
from interleaved import machine_facts
from peers.clock import PROGRESS, SETTINGS, write_json

from ganzoo.config.experiment import Config
from ganzoo.config.zoo import load_config
from ganzoo.environment.places import cache_root

HERE = Path(__file__).parent


def main() -> None:
    arguments = parsed()
    if arguments.cores < 1 or min(arguments.minutes or [1]) <= 0:
        raise SystemExit("--cores needs at least 1, and --minutes times above 0")
    protocol = read_protocol(arguments.protocol)
    if arguments.minutes:
        protocol |= {"minutes": sorted(arguments.minutes), "table": [max(arguments.minutes)]}
    choice = known(protocol["data"], arguments.data, "data")
    for name in arguments.again:
        known(protocol["contenders"], name, "contender")
    config, networks = configs(choice, arguments)
    if importlib.util.find_spec("matplotlib") is None:
        raise SystemExit("The plot needs matplotlib: pip install -r benchmarks/requirements.txt")
    is_small = arguments.judge == "small_cnn"
    judge = None if is_small else headline_judge.prepare(arguments.work.absolute(), arguments.torch_python)
    work = arguments.work.absolute() / arguments.data
    folders = {name: work / name for name in protocol["contenders"]}
    for name in arguments.again:
        shutil.rmtree(folders[name], ignore_errors=True)
    settings = {name: settings_of(name, protocol, config, networks) for name in folders}
    for name, folder in folders.items():
        open_folder(folder, settings[name], work / "data")
    prepare_data(config, work / "data", needed=2 * protocol["samples"])

    pythons = {name: arguments.torch_python if name.startswith("torch") else sys.executable for name in folders}
    cores = sorted(os.sched_getaffinity(0))[: arguments.cores]
    train_missing(folders, settings, pythons, cores, protocol)
    race.sample(folders, pythons, cores, {name: settings[name].get("one_dnn") for name in folders})
    results = {
        "data": arguments.data,
        "protocol": {key: protocol[key] for key in ("minutes", "table", "slice_seconds", "samples", "seed")} | choice,
        "cores": len(cores),
        **machine_facts(headline_judge.PACKAGES),
        **headline_judge.judged(
            headline_judge.small_cnn() if judge is None else headline_judge.load(judge),
            work,
            folders,
            protocol,
            name=arguments.judge,
        ),
    }
    for name, made in results["contenders"].items():
        made |= {"title": protocol["contenders"][name]["title"], "settings": digest(settings[name])}
    path = headline_report.results_path(arguments.output, arguments.data)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, results)
    private = None if choice["publish_picture"] else work / "samples.png"
    headline_report.write(results, folders, arguments.output, picture=private)


def train_missing(
    folders: Mapping[str, Path],
    settings: Mapping[str, Mapping[str, Any]],
    pythons: Mapping[str, str],
    cores: list[int],
    protocol: Mapping[str, Any],
) -> None:
    """Train the contenders that do not have all their snapshots."""
    due = [name for name in folders if not _is_trained(folders[name], protocol)]
    racers: dict[str, race.Racer] = {}
    try:
        for name in due:
            write_json(folders[name] / "beside.json", [other for other in due if other != name])
            one_dnn = settings[name].get("one_dnn")
            racers[name] = race.Racer(name, folders[name], pythons[name], core=cores[0], one_dnn=one_dnn)
        if racers:
            race.train(racers, cores, protocol["slice_seconds"])
    finally:
        for racer in racers.values():
            racer.stop()


def _is_trained(folder: Path, protocol: Mapping[str, Any]) -> bool:
    path = folder / PROGRESS
    done = json.loads(path.read_text(encoding="utf-8"))["snapshots"] if path.is_file() else []
    return len(done) == len(protocol["minutes"])


def read_protocol(path: Path) -> dict[str, Any]:
    """Read the protocol. A config in a file is relative to the protocol."""
    if not path.is_file():
        raise SystemExit(f"No protocol at {path}. The default is {HERE / 'headline.yaml'}")
    protocol: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown = set(protocol["contenders"]) - set(race.SCRIPTS)
    if unknown:
        raise SystemExit(f"{path}: unknown contender '{unknown.pop()}'. Available: {', '.join(race.SCRIPTS)}")
    return protocol


def known(table: Mapping[str, Any], name: str, what: str) -> Any:
    """Return an entry of the protocol, or end the program with the available names."""
    if name not in table:
        raise SystemExit(f"Unknown {what} '{name}'. Available: {', '.join(table)}")
    return table[name]


def configs(choice: Mapping[str, Any], arguments: argparse.Namespace) -> tuple[Config, Config]:
    """Return ganzoo's config and the config of the contender with the same networks."""
    from ganzoo.errors import GanzooError

    def located(name: str) -> str:
        return str(arguments.protocol.parent / name) if name.endswith((".yaml", ".yml")) else name

    if arguments.data == "celeba" and arguments.celeba is None:
        raise SystemExit("The data 'celeba' need --celeba PATH, a zip or folder of CelebA images")
    place = arguments.celeba if arguments.data == "celeba" else None
    try:
        config = load_config(located(choice["config"]), choice.get("changes", ()), data=place)
        networks = load_config(located(choice["networks"]))
    except GanzooError as error:
        raise SystemExit(str(error)) from None
    if networks.num_classes or networks.sample_shape != config.sample_shape or config.sample_shape != (64, 64, 3):
        raise SystemExit(
            "The peers need color images of 64 px, and 'networks' a config of that size without classes; received "
            f"{config.sample_shape} and {networks.sample_shape} with num_classes={networks.num_classes}"
        )
    return config, networks


def settings_of(name: str, protocol: Mapping[str, Any], config: Config, networks: Config) -> dict[str, Any]:
    """Return all that decides the training of a contender, apart from its code and the place of the data."""
    made = {key: protocol[key] for key in ("minutes", "samples", "seed")}
    made |= {key: value for key, value in protocol["contenders"][name].items() if key != "title"}
    if name == "ganzoo":
        values = config.to_dict()
        values["data"].pop("path", None)
        values["training"]["seed"] = protocol["seed"]
        made["config"] = values
    if name == "torch_same_networks":
        parts = {"generator": networks.generator, "discriminator": networks.discriminator}
        made["networks"] = {"latent_dim": networks.generator.latent_dim} | {
            part: [
                {"name": block.registered_name, **block.model_dump(mode="json")}
                for block in network.expand(networks.sample_shape)
            ]
            for part, network in parts.items()
        }
    return made


def digest(settings: Mapping[str, Any]) -> str:
    """Return a short hash of the settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def open_folder(folder: Path, settings: Mapping[str, Any], data: Path) -> None:
    """Make a contender's folder, or check that a begun training has the same settings."""
    path = folder / SETTINGS
    if path.is_file():
        begun = json.loads(path.read_text(encoding="utf-8"))
        begun.pop("data")
        if digest(begun) != digest(settings):
            raise SystemExit(
                f"The training of '{folder.name}' in {folder} has other settings.\n"
                f"To train it with the new ones: --again {folder.name}. To keep it, choose another folder: --work DIR"
            )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, {**settings, "data": str(data)})


def prepare_data(config: Config, folder: Path, *, needed: int) -> None:
    """Write the pixels, labels and class names that all contenders read. The judge needs ``needed`` images."""
    source = config.data.model_dump(mode="json", exclude={"path"})
    if (folder / "source.json").is_file():
        if json.loads((folder / "source.json").read_text(encoding="utf-8")) != source:
            raise SystemExit(f"The data in {folder} are of another config; choose another folder: --work DIR")
        return
    from ganzoo.errors import GanzooError

    try:
        dataset = config.data.load()
    except GanzooError as error:
        raise SystemExit(str(error)) from None
    if len(dataset) < needed:
        raise SystemExit(f"The judge needs {needed:,} real images, twice the samples; the data have {len(dataset):,}.")
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "images.npy", np.ascontiguousarray(dataset.samples))
    names = dataset.class_names if dataset.labels is not None else ()
    if dataset.labels is not None and names:
        np.save(folder / "labels.npy", dataset.labels)
    write_json(folder / "class_names.json", list(names))
    write_json(folder / "source.json", source)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="data set of the protocol: faces or celeba")
    parser.add_argument("--celeba", type=Path, help="zip or folder of CelebA images; they are read in place")
    parser.add_argument("--protocol", type=Path, default=HERE / "headline.yaml")
    parser.add_argument(
        "--judge", choices=[headline_judge.NAME, "small_cnn"], default=headline_judge.NAME, help="feature extractor"
    )
    parser.add_argument("--minutes", type=float, nargs="+", help="other training times, for a trial")
    parser.add_argument("--again", nargs="+", default=[], metavar="NAME", help="contenders to train again")
    parser.add_argument(
        "--cores",
        type=int,
        choices=range(1, 65),
        default=2,
        metavar="N",
        help="number of contenders that train at the same time",
    )
    parser.add_argument("--torch-python", default=sys.executable, help="Python with PyTorch, if it is another one")
    parser.add_argument("--work", type=Path, default=cache_root() / "headline", help="folder of data and trainings")
    parser.add_argument("--output", type=Path, default=HERE, help="its folders results/ and pictures/ get the results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
