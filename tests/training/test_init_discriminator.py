"""A fine-tuning of a run can keep its discriminator, and its encoder if it has one."""

import shutil

import numpy as np
import pytest
from helpers import samples, tiny

import ganzoo
from ganzoo.bundle.folder import read_bundle
from ganzoo.errors import ConfigError
from ganzoo.training import checkpoint
from ganzoo.training.weight_names import named_weights

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
    with pytest.raises(ConfigError, match=r"exported bundles have the generator only. Leave") as said:
        trained(tiny(training={"init_from": str(bundle), **KEEP}), tmp_path)
    assert len(str(said.value).splitlines()) == 1
    with pytest.raises(ConfigError, match="zoo:digits-28@1 has no discriminator"):
        ganzoo.train("cdcgan-mnist", overrides=["training.init_from=digits-28", "training.init_discriminator=true"])


def test_another_discriminator_is_refused_before_there_is_a_run(run, tmp_path):
    config = tiny(discriminator={"base_channels": 8}, training={"init_from": str(run.folder), **KEEP})
    with pytest.raises(
        ConfigError, match=r"the discriminator of run tiny/001 does not fit: the shape of 0000/\S+ is \[.*\] there"
    ):
        trained(config, tmp_path)
    assert not (tmp_path / "tiny").exists()


def test_what_a_training_begins_with_is_kept(run, tmp_path):
    source = shutil.copytree(run.folder, tmp_path / "runs/source/001")
    config = tiny(training={"steps": 5, "init_from": str(source), "checkpoint_every": 5, **KEEP})
    whole = trained(config, tmp_path / "a")
    begun = trained(config, tmp_path / "b", max_steps=2)
    for step in begun.checkpoint_steps()[1:]:
        shutil.rmtree(begun.folder / f"checkpoints/step-{step:08d}")
    assert begun.checkpoint_steps() == [0]
    shutil.rmtree(source)
    (begun.folder / "log.jsonl").unlink()
    ganzoo.resume(begun, data=samples(config).samples, quiet=True)
    for group in ("generator", "discriminator", "ema"):
        for name, value in saved(whole).state[group].items():
            np.testing.assert_array_equal(saved(begun).state[group][name], value)


def test_a_damaged_checkpoint_and_another_step_are_named(tmp_path):
    first = trained(tiny(training={"steps": 6}), tmp_path)
    ganzoo.export(first)
    damaged = first.folder / "checkpoints/step-00000006/discriminator.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:100])
    said = []
    trained(tiny(training={"steps": 1, "init_from": str(first.folder), **KEEP}), tmp_path, info=said.append)
    assert any(text.startswith("Skipped a damaged checkpoint of run tiny/001: step-00000006") for text in said)
    step = "The generator is that of step 6 of run tiny/001, the discriminator that of step 3"
    assert step in said
    shutil.rmtree(first.folder / "checkpoints")
    with pytest.raises(ConfigError, match=r"run tiny/001 has no checkpoint\. Train it first, or leave"):
        trained(tiny(training={"init_from": str(first.folder), **KEEP}), tmp_path)


def test_the_objective_of_the_other_run_is_named(tmp_path):
    first = trained(tiny(training={"steps": 1}, objective=BIGAN), tmp_path)
    config = tiny(training={"init_from": str(first.folder), **KEEP})
    with pytest.raises(ConfigError, match=r"The objective is 'bigan' there and 'adversarial' here\. .* leave"):
        trained(config, tmp_path / "other")


def test_create_model_takes_it(run):
    config = tiny(training={"init_from": str(run.folder), **KEEP})
    made = ganzoo.create_model(config)
    for name, variable in named_weights(made.discriminator).items():
        np.testing.assert_array_equal(variable, saved(run).state["discriminator"][name])


def test_a_card_says_that_the_weights_began_with_others(run, tmp_path):
    settings = {"steps": 2, "init_from": str(run.folder), "init_partial": True, **KEEP}
    bundle = read_bundle(ganzoo.export(trained(tiny(training=settings), tmp_path)))
    training = bundle.metadata.facts.training
    assert not [key for key in training["config"]["training"] if key.startswith("init_")]
    assert "- Initial weights: not published." in (bundle.folder / "README.md").read_text()
    assert str(tmp_path) not in (bundle.folder / "metadata.json").read_text()
