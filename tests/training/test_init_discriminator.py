"""A fine-tuning of a run can keep its discriminator, and its encoder if it has one."""

import shutil

import numpy as np
import pytest
from helpers import samples, tiny

import ganzoo
from ganzoo.errors import ConfigError
from ganzoo.training import checkpoint

BIGAN = {"name": "bigan", "encoder": {"base_channels": 4, "block": "strided_conv"}}
KEEP = {"init_discriminator": True}


def trained(config, folder, **options):
    return ganzoo.train(config, data=samples(config).samples, root=folder, quiet=True, **options)


def saved(run):
    return checkpoint.load_newest(run.folder / "checkpoints")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tiny(training={"steps": 4}), tmp_path_factory.mktemp("first"))


@pytest.mark.parametrize("changes", [{}, {"objective": BIGAN}], ids=["adversarial", "bigan"])
def test_all_networks_begin_where_the_run_ended(changes, tmp_path, monkeypatch):
    first = trained(tiny(training={"steps": 4}, **changes), tmp_path)
    from ganzoo.training.trainer import Trainer

    begun, train = {}, Trainer.train

    def seen(self, **options):
        begun.update(
            {
                group: {name: np.asarray(value).copy() for name, value in variables.items()}
                for group, variables in self.state.groups().items()
            }
        )
        return train(self, **options)

    monkeypatch.setattr(Trainer, "train", seen)
    trained(tiny(training={"steps": 2, "init_from": str(first.folder), **KEEP}, **changes), tmp_path)
    ended = saved(first).state
    others = sorted(group for group in ended if group in ("discriminator", "encoder", "encoder_ema"))
    assert others == (["discriminator", "encoder", "encoder_ema"] if changes else ["discriminator"])
    for group in others:
        for name, value in ended[group].items():
            np.testing.assert_array_equal(begun[group][name], value, err_msg=f"{group}/{name}")
    for name, value in ended["ema"].items():
        np.testing.assert_array_equal(begun["generator"][name], value)


def test_a_training_without_a_checkpoint_begins_there_again(run, tmp_path):
    config = tiny(training={"steps": 2, "init_from": str(run.folder), **KEEP})
    whole = trained(config, tmp_path / "a")
    again = trained(config, tmp_path / "b", max_steps=1)
    shutil.rmtree(again.folder / "checkpoints")
    (again.folder / "log.jsonl").unlink()
    ganzoo.resume(again, data=samples(config).samples, quiet=True)
    for group in ("generator", "discriminator"):
        for name, value in saved(whole).state[group].items():
            np.testing.assert_array_equal(saved(again).state[group][name], value)


def test_a_bundle_has_no_discriminator(run, tmp_path):
    bundle = ganzoo.export(run, tmp_path / "exported")
    with pytest.raises(ConfigError, match=r"exported bundles have the generator only; name a run") as said:
        trained(tiny(training={"init_from": str(bundle), **KEEP}), tmp_path)
    assert len(str(said.value).splitlines()) == 1
    with pytest.raises(ConfigError, match="zoo:digits-28@1 has no checkpoint with a discriminator"):
        ganzoo.train("cdcgan-mnist", overrides=["training.init_from=digits-28", "training.init_discriminator=true"])


def test_another_discriminator_is_refused_before_there_is_a_run(run, tmp_path):
    config = tiny(discriminator={"base_channels": 8}, training={"init_from": str(run.folder), **KEEP})
    with pytest.raises(
        ConfigError, match=r"the discriminator of \S+ does not fit: the shape of 0000/\S+ is \[.*\] there"
    ):
        trained(config, tmp_path)
    assert not (tmp_path / "tiny").exists()
