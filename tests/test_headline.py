"""The headline benchmark: its clock, its turns, its table, and its networks in PyTorch."""

from __future__ import annotations

import argparse
import io
import itertools
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MODULES = ("headline", "headline_race", "headline_report", "headline_judge", "report", "interleaved", "peers.clock")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Files of ``benchmarks/`` import each other by name, as in ``python benchmarks/headline.py``."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "peers"))
    yield
    for name in (*MODULES, "peers", "clock", "torch_blocks", "torch_dcgan", "keras_dcgan"):
        sys.modules.pop(name, None)


PEER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {peers!r})
import clock
import numpy as np

class Counting:
    def __init__(self, folder, settings):
        self.settings = settings
    def build(self, state):
        self.steps = int((state / "steps").read_text()) if state else 0
    def train(self, tick):
        print("what a library prints")
        while self.steps < self.settings["steps"]:
            time.sleep(0.01)
            self.steps += 1
            tick(8)
    def weights(self):
        return {{"steps": np.array(self.steps)}}
    def save(self, folder):
        (folder / "steps").write_text(str(self.steps))
    def sample(self, weights, count):
        return np.full((count, 2, 2, 3), int(weights["steps"]) % 256, np.uint8)

clock.main(Counting)
"""


@pytest.fixture
def racers(tmp_path, monkeypatch):
    """A function that starts contenders, which only count steps, in folders of their own."""
    import headline_race

    script = tmp_path / "peer.py"
    script.write_text(PEER.format(peers=str(BENCHMARKS / "peers")), encoding="utf-8")
    started = []

    def start(names, *, minutes, steps=10**6):
        for name in names:
            monkeypatch.setitem(headline_race.SCRIPTS, name, str(script))
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            settings = {"minutes": minutes, "samples": 3, "steps": steps}
            (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
            started.append(headline_race.Racer(name, folder, sys.executable, core=core(), one_dnn=None))
        return {racer.name: racer for racer in started if racer.name in names}

    yield start
    for racer in started:
        racer.stop()


def core():
    import os

    return min(os.sched_getaffinity(0))


def progress(folder):
    return json.loads((folder / "progress.json").read_text(encoding="utf-8"))


def test_contenders_train_in_turns_and_are_sampled_at_each_time(racers, tmp_path):
    import headline_race

    running = racers(["a", "b", "c"], minutes=[0.002, 0.004])
    headline_race.train(running, [core()], 0.1)
    folders = {name: tmp_path / name for name in running}
    headline_race.sample(folders, dict.fromkeys(folders, sys.executable), [core()], dict.fromkeys(folders))
    for folder in folders.values():
        first, last = progress(folder)["snapshots"]
        assert 0.12 <= first["seconds"] < last["seconds"]
        assert 0 < first["images"] < last["images"] == progress(folder)["images"]
        early, late = (np.load(folder / f"samples-{minute:g}.npy") for minute in (0.002, 0.004))
        assert early.shape == (3, 2, 2, 3)
        assert 0 < early.max() < late.max()


def test_a_killed_contender_continues_from_its_last_snapshot(racers, tmp_path):
    racer = racers(["a"], minutes=[0.002, 10])["a"]
    racer.begin(core(), 0.3)
    racer.wait()
    racer.stop()
    saved = progress(tmp_path / "a")
    assert [snapshot["minute"] for snapshot in saved["snapshots"]] == [0.002]
    again = racers(["a"], minutes=[0.002, 0.02])["a"]
    assert again.seconds == saved["seconds"], "the time after the snapshot is lost with its steps"
    again.begin(core(), 9)
    again.wait()
    ended = progress(tmp_path / "a")
    assert again.done
    assert ended["starts"] == 2
    assert ended["images"] > saved["images"]
    (state,) = (tmp_path / "a").glob("state-*")
    assert state.name == ended["state"]
    assert int((state / "steps").read_text()) * 8 == ended["images"]


def test_a_state_is_also_saved_between_snapshots(tmp_path, monkeypatch):
    import clock

    now = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    peer = argparse.Namespace(save=lambda folder: (folder / "saved").write_text(str(now[0])))
    counted = clock.Clock(peer, tmp_path, [60], io.StringIO("5000\n"), io.StringIO())
    counted.start()
    for _ in range(7):
        now[0] += 100
        counted.tick(1)
    (state,) = tmp_path.glob("state-*/saved")
    assert state.read_text() == "600.0"
    assert progress(tmp_path)["seconds"] == 600
    assert progress(tmp_path)["snapshots"] == []


def test_a_recipe_that_ends_early_keeps_its_weights(racers, tmp_path):
    import headline_race

    headline_race.train(racers(["a"], minutes=[0.001, 5], steps=20), [core()], 1.0)
    ended = progress(tmp_path / "a")
    assert ended["ended_at_seconds"] == ended["snapshots"][-1]["seconds"] < 300
    assert [snapshot["images"] for snapshot in ended["snapshots"]][-1] == 160


def test_a_contender_that_fails_is_named_with_its_log(racers, tmp_path):
    racer = racers(["a"], minutes=[5])["a"]
    racer.process.kill()
    racer.begin(core(), 1.0)
    with pytest.raises(SystemExit, match=r"'a' ended before its time.*log\.txt"):
        racer.wait()


def test_a_pause_and_a_snapshot_cost_no_training_time(tmp_path, monkeypatch):
    import clock

    now = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])

    class Slow(io.StringIO):
        def readline(self, *size):
            now[0] += 1000
            return super().readline(*size)

    class Peer:
        def weights(self):
            now[0] += 500
            return {"w": np.zeros(1)}

        def save(self, folder):
            now[0] += 500

    answers = io.StringIO()
    counted = clock.Clock(Peer(), tmp_path, [1, 2], Slow("50\n100\n200\n"), answers)
    counted.start()
    with pytest.raises(clock.TimeIsUp):
        for _ in range(20):
            now[0] += 10
            counted.tick(1)
    assert progress(tmp_path)["snapshots"] == [
        {"minute": 1, "seconds": 60, "images": 6},
        {"minute": 2, "seconds": 120, "images": 12},
    ]
    assert [json.loads(line)["seconds"] for line in answers.getvalue().splitlines()] == [0, 50, 100]


def test_each_contender_meets_each_other_and_each_core_equally_often():
    import headline_race

    names, cores = ("a", "b", "c", "d"), (0, 1)
    rounds = list(itertools.islice(headline_race.turns(names, cores), 24))
    assert all(sorted(name for group in groups for name, _ in group) == list(names) for groups in rounds)
    groups = [group for groups in rounds for group in groups]
    pairs = Counter(frozenset(name for name, _ in group) for group in groups)
    assert set(pairs.values()) == {8}
    assert len(pairs) == 6
    assert set(Counter(turn for group in groups for turn in group).values()) == {12}


def curve(*points):
    return [{"minute": m, "seconds": 60 * m, "frechet": f, "precision": 0.5, "recall": 0.25} for m, f in points]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(20.0, (900.0, False)), (40.0, (600.0, False)), (41.0, (600.0, True)), (9.0, None)],
)
def test_the_time_to_reach_a_value_is_interpolated(value, expected):
    from headline_report import seconds_to_reach

    found = seconds_to_reach(curve((10, 40.0), (20, 10.0), (30, 12.0)), value)
    exact = value == 40.0  # reached at the first snapshot, perhaps earlier
    assert found == (None if expected is None else (pytest.approx(expected[0]), expected[1] or exact))


def test_the_table_compares_the_times():
    from headline_report import table

    times = {"seconds": 60, "cpu_seconds": 57}
    floor = {"frechet": 2.0, "frechet_error": 0.1, "precision": 0.9, "recall": 0.9}
    results = {
        "protocol": {"table": [10, 20]},
        "real_samples": floor,
        "contenders": {
            "ganzoo": {"title": "ganzoo", "images": 1200, **times, "snapshots": curve((10, 40.0), (20, 10.0))},
            "slow": {"title": "Slow", "images": 60, **times, "snapshots": curve((10, 80.0), (20, 20.0))},
            "best": {"title": "Best", "images": 60, **times, "snapshots": curve((10, 9.0), (20, 9.0))},
        },
    }
    lines = table(results).splitlines()
    assert lines[2] == "| ganzoo | 20.0 | 95% | 40.0 | 0.50 | 0.25 | 10.0 | 0.50 | 0.25 |  |  |"
    assert lines[3].endswith("| 20.0 | 0.50 | 0.25 | 15.0 min | 1.3 |")
    assert lines[4].endswith("| 9.0 | 0.50 | 0.25 | not reached | < 1.0 |")
    assert lines[5].startswith("| real images | | | 2.0 ± 0.1 | 0.90 | 0.90 |")
    assert len({line.count("|") for line in lines}) == 1


def test_every_data_set_of_the_protocol_has_configs_for_all_contenders():
    import headline

    path = BENCHMARKS / "headline.yaml"
    protocol = headline.read_protocol(path)
    assert max(protocol["table"]) == max(protocol["minutes"])
    assert set(protocol["table"]) <= set(protocol["minutes"])
    for data, choice in protocol["data"].items():
        arguments = argparse.Namespace(data=data, celeba=Path("faces.zip"), protocol=path)
        config, networks = headline.configs(choice, arguments)
        for name in protocol["contenders"]:
            text = json.dumps(headline.settings_of(name, protocol, config, networks))
            assert "faces.zip" not in text, "the place of the data is not a setting"


def test_a_begun_training_is_not_mixed_with_other_settings(tmp_path):
    import headline

    headline.open_folder(tmp_path / "ganzoo", {"seed": 0}, tmp_path)
    headline.open_folder(tmp_path / "ganzoo", {"seed": 0}, tmp_path / "moved")
    with pytest.raises(SystemExit, match="--again ganzoo"):
        headline.open_folder(tmp_path / "ganzoo", {"seed": 1}, tmp_path)


@pytest.mark.slow
def test_the_networks_of_the_keras_example_have_the_published_sizes():
    import keras_dcgan

    assert keras_dcgan.generator().count_params() == 3_979_651
    assert keras_dcgan.discriminator().count_params() == 404_801


@pytest.mark.slow
def test_the_networks_of_the_pytorch_tutorial_have_the_published_sizes():
    pytest.importorskip("torch")
    import torch_dcgan

    g, d = torch_dcgan.tutorial_generator(), torch_dcgan.tutorial_discriminator()
    assert sum(weight.numel() for weight in g.parameters()) == 3_576_704
    assert sum(weight.numel() for weight in d.parameters()) == 2_765_568


@pytest.mark.slow
def test_ganzoos_networks_in_pytorch_compute_the_same():
    torch = pytest.importorskip("torch")
    import headline
    from torch_blocks import network

    from ganzoo.training.networks import build_discriminator, build_generator

    choice = {"config": "dcgan-faces-64", "networks": "dcgan-faces-64"}
    arguments = argparse.Namespace(data="faces", celeba=None, protocol=BENCHMARKS / "headline.yaml")
    config, networks = headline.configs(choice, arguments)
    protocol = headline.read_protocol(arguments.protocol)
    blocks = headline.settings_of("torch_same_networks", protocol, config, networks)["networks"]
    z = np.random.RandomState(0).standard_normal((8, blocks["latent_dim"])).astype(np.float32)
    images = np.random.RandomState(1).uniform(-1, 1, (8, 64, 64, 3)).astype(np.float32)
    for build, part, inputs in (
        (build_generator, "generator", z),
        (build_discriminator, "discriminator", images),
    ):
        theirs = build(config)
        shape = (blocks["latent_dim"],) if part == "generator" else (3, 64, 64)
        ours = network(blocks[part], shape)
        copy_weights(theirs, ours, torch)
        given = torch.from_numpy(inputs if inputs.ndim == 2 else inputs.transpose(0, 3, 1, 2).copy())
        made = ours(given).detach().numpy()  # in training mode, as both are trained
        made = made if made.ndim == 2 else made.transpose(0, 2, 3, 1)
        np.testing.assert_allclose(made, np.asarray(theirs(inputs, training=True)), atol=2e-4)


def copy_weights(source, target, torch):
    """Copy the weights of a Keras network into the PyTorch network with the same layers."""
    kernels = [layer for layer in source.layers if hasattr(layer, "kernel")]
    layers = [layer for layer in target if hasattr(layer, "weight") and "BatchNorm" not in type(layer).__name__]
    assert sum(p.numel() for p in target.parameters()) == sum(w.size for w in map(np.asarray, source.trainable_weights))
    for theirs, ours in zip(kernels, layers, strict=True):
        kernel = np.asarray(theirs.kernel)
        if kernel.ndim == 4 and "Transpose" in type(theirs).__name__:
            kernel = kernel.transpose(3, 2, 0, 1)  # [h, w, out, in] -> [in, out, h, w]
        elif kernel.ndim == 4:
            kernel = kernel.transpose(3, 2, 0, 1)  # [h, w, in, out] -> [out, in, h, w]
        elif kernel.shape[1] == 1:  # flattened maps -> logit
            kernel = kernel.reshape(4, 4, -1).transpose(2, 0, 1).reshape(1, -1)
        else:  # latent -> flattened maps
            kernel = kernel.reshape(len(kernel), 4, 4, -1).transpose(3, 1, 2, 0).reshape(kernel.shape[1], -1)
        with torch.no_grad():
            ours.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
            if ours.bias is not None:
                ours.bias.copy_(torch.from_numpy(np.asarray(theirs.bias)))
