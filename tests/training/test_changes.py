"""Tests the changes that a resumed run allows: its length, if nothing depends on it, and the path of its data."""

import shutil

import numpy as np
import pytest
import yaml
from helpers import TRAINING, values

import ganzoo
from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError, DataError, RunError
from ganzoo.training.changes import Changes, changed
from ganzoo.training.session import resume, start


@pytest.fixture
def data(tmp_path):
    samples = np.random.RandomState(0).randint(0, 256, (24, 8, 8, 1)).astype(np.uint8)
    np.savez(tmp_path / "data.npz", samples=samples)
    return tmp_path / "data.npz"


def config_of(data, **training):
    return Config.read(values(data={"path": str(data)}, training={"evaluation": None, **training}))


def weights(run):
    """Every array of the newest checkpoint."""
    (folder,) = sorted((run.folder / "checkpoints").iterdir())[-1:]
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_a_lengthened_run_is_the_longer_run(tmp_path, data):
    """Bit for bit, although the first one was finished, and with all that its networks remember."""
    long, _ = start(config_of(data, steps=12), root=tmp_path / "long", quiet=True)
    short, _ = start(config_of(data, steps=6), root=tmp_path / "short", quiet=True)
    made = ganzoo.resume(short, steps=12, root=tmp_path / "short", quiet=True)
    assert made.config == long.config
    assert weights(made) == weights(long)
    assert {"step": 6, "changed": {"training.steps": [6, 12]}} in made.log()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("training", "named"),
    [
        ({"g_optimizer": {"name": "adam", "schedule": "cosine"}}, "training.g_optimizer.schedule=cosine"),
        ({"d_optimizer": {"name": "adam", "schedule": "linear"}}, "training.d_optimizer.schedule=linear"),
        (
            {"penalties": [{"name": "r1", "gamma_end": 0.1}]},
            "training.penalties.0.gamma_end=0.1 without schedule_steps",
        ),
    ],
)
def test_a_length_that_would_change_the_past_is_refused(tmp_path, data, training, named):
    run, _ = start(config_of(data, **training), root=tmp_path, max_steps=1, quiet=True)
    with pytest.raises(ConfigError) as caught:
        resume("tiny", root=tmp_path, changes=Changes(steps=12), quiet=True)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert named in message
    begin = f"training.init_from={run.folder} training.init_discriminator=true"
    assert f"ganzoo train {run.folder / 'config.yaml'} {begin} training.steps=12" in message
    assert ganzoo.Run(run.folder).config == run.config, "nothing was written"


@pytest.mark.parametrize(
    "training",
    [
        {"g_optimizer": {"name": "adam", "warmup_steps": 3}},
        {"penalties": [{"name": "r1", "gamma_end": 0.1, "schedule_steps": 4}, {"name": "r2"}]},
        {"penalties": [{"name": "wgan_gp"}]},
    ],
)
def test_schedules_of_their_own_length_do_not_hinder(tmp_path, data, training):
    run, _ = start(config_of(data, **training), root=tmp_path, max_steps=1, quiet=True)
    assert changed(run, Changes(steps=12)).config.training.steps == 12


def test_a_penalty_that_scales_itself_is_taken_for_tied():
    from ganzoo.penalties import Penalty

    class Foreign(Penalty):
        def scale(self, step, steps):
            return None

    assert Foreign().tied_to_length()
    assert Penalty().tied_to_length() is None


@pytest.mark.parametrize("steps", [0, -3, "many", 2.5])
def test_a_length_that_is_none(tmp_path, data, steps):
    run, _ = start(config_of(data), root=tmp_path, max_steps=1, quiet=True)
    with pytest.raises(ConfigError, match=r"training\.steps"):
        changed(run, Changes(steps=steps))


def test_a_length_that_is_behind(tmp_path, data):
    start(config_of(data), root=tmp_path, max_steps=4, quiet=True)
    with pytest.raises(RunError, match=r"is already at step 4, so training\.steps=3 leaves nothing"):
        resume("tiny", root=tmp_path, changes=Changes(steps=3), quiet=True)


@pytest.mark.slow
def test_the_same_data_elsewhere(tmp_path, data):
    run, _ = start(config_of(data), root=tmp_path, max_steps=3, quiet=True)
    moved = tmp_path / "on another disk.npz"
    data.rename(moved)
    with pytest.raises(DataError, match=f"--resume {run.folder} --data PATH"):
        ganzoo.resume(run, quiet=True)
    made = ganzoo.resume(run, data=moved, quiet=True)
    assert made.step == TRAINING["steps"]
    assert yaml.safe_load((run.folder / "config.yaml").read_text(encoding="utf-8"))["data"]["path"] == str(moved)
    assert {"step": 3, "changed": {"data.path": [str(data), str(moved)]}} in made.log()


@pytest.mark.slow
def test_changed_data_are_refused_also_in_the_same_place(tmp_path, data):
    run, _ = start(config_of(data), root=tmp_path, max_steps=3, quiet=True)
    np.savez(data, samples=np.zeros((24, 8, 8, 1), np.uint8))
    with pytest.raises(DataError, match="started with other data: the content of the samples"):
        ganzoo.resume(run, quiet=True)
    assert ganzoo.resume(run, allow_changed_data=True, quiet=True).step == TRAINING["steps"]
    assert ganzoo.resume(run, steps=8, quiet=True).step == 8, "the new data are now those of the run"


@pytest.mark.slow
def test_a_run_from_before_fingerprints_is_accepted_with_a_line(tmp_path, data):
    run, _ = start(config_of(data), root=tmp_path, max_steps=3, quiet=True)
    fingerprint = (run.folder / "data.json").read_bytes()
    (run.folder / "data.json").unlink()
    shutil.copy(data, tmp_path / "copy.npz")
    said = []
    changes = Changes(data=tmp_path / "copy.npz")
    resume("tiny", root=tmp_path, changes=changes, quiet=True, info=said.append)
    assert any("has no fingerprint of its data" in text for text in said)
    assert (run.folder / "data.json").read_bytes() == fingerprint
