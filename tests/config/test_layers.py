"""Layers of a config: merged first, validated once; messages name the layer; keys without effect are refused."""

from pathlib import Path

import pytest

from ganzoo.config.experiment import Config
from ganzoo.config.yaml_files import dump
from ganzoo.config.zoo import load_config
from ganzoo.errors import ConfigError
from ganzoo.model_list import list_models

OLD_RUN = Path(__file__).parents[1] / "fixtures" / "run" / "config.yaml"
NETWORKS = "generator: {base_channels: 4}\ndiscriminator: {base_channels: 4}\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        Path(name).write_text(text)
        return name

    return write


def refusal(*arguments, **options):
    with pytest.raises(ConfigError) as caught:
        load_config(*arguments, **options)
    return str(caught.value)


# --- merged first, validated once


def test_a_later_layer_repairs_an_earlier_one(write):
    write("base.yaml", f"data: {{source: numpy, resolution: 16}}\n{NETWORKS}training: {{loss: hing, batch_size: 0}}")
    child = write("child.yaml", "extends: base.yaml\ntraining: {batch_size: 8}")
    assert load_config(child, ["training.loss=hinge"]).training.loss.registered_name == "hinge"
    assert refusal(child).startswith("base.yaml: training.loss: No loss named 'hing'. Did you mean 'hinge'?")
    assert refusal(child, ["training.batch_size=1"]).splitlines() == [
        "base.yaml: training.loss: No loss named 'hing'. Did you mean 'hinge'?",
        "See all: ganzoo parts losses",
        "command line: training.batch_size = 1: allowed is 2 or more",
    ]


def test_the_path_of_data_repairs_a_wrong_one(write, tmp_path):
    mine = write("mine.yaml", f"data: {{source: numpy, resolution: 16, path: 3}}\n{NETWORKS}")
    assert "mine.yaml: data.path = 3" in refusal(mine)
    assert load_config(mine, data="photos").data.path == tmp_path / "photos"


def test_what_several_layers_make_wrong_is_named_after_the_config(write):
    mine = write("mine.yaml", "extends: dcgan-faces-32\ntraining: {update: simultaneous}")
    assert refusal(mine, ["training.d_steps=2"]).startswith("mine.yaml: training: update: simultaneous makes one")


def test_another_source_drops_what_the_zoo_set_for_the_old_one():
    config = load_config("dcgan-celeba-64", ["data.source=image_folder"])
    assert (config.data.resolution, config.data.flip, config.data.crop) == (64, True, "center")
    dense = ["generator={model: dense}", "discriminator={model: dense}"]
    assert load_config("dcgan-celeba-64", ["data.source=ring8", *dense]).sample_shape == (2,)


def test_another_source_refuses_what_the_user_set(write):
    mine = write("mine.yaml", "extends: dcgan-celeba-64\ndata: {crop: center_178, resolution: 32}")
    assert refusal(mine, ["data.source=image_folder"]).splitlines() == [
        "mine.yaml: data.crop = 'center_178': allowed is 'center', 'stretch' or 'pad'. Did you mean 'center'?",
        "This is the data of 'celeba'. To change the source without its other keys: data=image_folder",
    ]
    assert load_config(mine, ["data.source=image_folder", "data.crop=pad"]).data.resolution == 32
    assert load_config(mine, ["data=image_folder"]).data.resolution == 64
    command_line = "command line: data.crop = 'center_108': allowed is 'center'"
    for order in (1, -1):
        changes = ["data.source=image_folder", "data.crop=center_108"][::order]
        assert refusal("dcgan-celeba-64", changes).startswith(command_line)


@pytest.mark.parametrize("text", ["data.source=", "data={source: }", "data.source=[1]"])
def test_a_source_without_a_name_is_one_clear_line(text):
    message = refusal("dcgan-faces-32", [text])
    assert message.startswith(
        "command line: data.source: a data source needs the key 'source', one of celeba, cifar10, "
    )
    assert "None" not in message


def test_a_path_for_a_source_that_reads_no_files_is_refused():
    assert refusal("dcgan-faces-32", data="x").startswith("The data source 'faces' of dcgan-faces-32 makes its own")


# --- keys without effect

UNUSED = {
    "generator.hidden": ("generator: {hidden: [4]}", "in a dcgan model"),
    "discriminator.hidden": ("discriminator: {hidden: [512, 256]}", "in a dcgan model"),
    "generator.base_channels": ("generator: {model: dense, base_channels: 4}", "in a dense model"),
    "discriminator.max_channels": ("discriminator: {model: dense, max_channels: 4}", "in a dense model"),
    "discriminator.base_channels": (
        "discriminator: {base_channels: 4, blocks: [{name: strided_conv, channels: 4}]}",
        "next to blocks",
    ),
    "generator.label_embedding_dim": ("generator: {label_embedding_dim: 4}", "without num_classes"),
    "generator.conditioning": ("generator: {conditioning: batch_norm}", "without num_classes"),
    "training.ema_warmup": ("training: {ema_decay: 0, ema_warmup: false}", "with ema_decay: 0"),
    "training.watch.patience": ("training: {watch: {enabled: false, patience: 3}}", "with enabled: false"),
    "training.init_partial": ("training: {init_partial: true}", "without init_from"),
    "training.init_discriminator": ("training: {init_discriminator: true}", "without init_from"),
    "training.watch.max_rollbacks": ("training: {watch: {max_rollbacks: 2}}", "without on_collapse: rollback"),
}


@pytest.mark.parametrize("key", UNUSED)
def test_a_key_without_effect_is_an_error(write, key):
    text, why = UNUSED[key]
    mine = write("mine.yaml", f"data: {{source: numpy, resolution: 16}}\n{text}")
    assert refusal(mine).startswith(f"mine.yaml: {key} has no effect {why}")


def test_the_label_embedding_has_no_effect_in_batch_normalization():
    message = refusal("cdcgan-faces-64", ["generator.label_embedding_dim=9"])
    assert message.startswith("command line: generator.label_embedding_dim has no effect with conditioning: batch_norm")
    assert load_config("cdcgan-cifar10", ["generator.label_embedding_dim=9"]).latent_width == 109


def test_the_message_names_the_layer_that_decides():
    message = refusal("dcgan-faces-64", ["generator.base_channels=64"])
    assert message == (
        "command line: generator.base_channels has no effect next to blocks, which have their own channels: "
        "generator.blocks is set by dcgan-faces-64. Leave it out"
    )


@pytest.mark.parametrize("name", list_models())
def test_a_later_layer_may_take_the_effect_away(name):
    dense = ["generator.model=dense", "generator.block=dense", "generator.stem=", "generator.head="]
    changes = [
        "num_classes=0",
        "training.ema_decay=0",
        "generator.self_modulation=false",
        "generator.mapping=",
        "objective=adversarial",
        "training.watch.enabled=false",
        *dense,
    ]
    config = load_config(name, changes)
    assert config.generator.label_embedding_dim == 50
    assert Config.read(config.to_dict()) == config


def test_the_resolved_config_has_no_key_without_effect_and_is_read_again(write):
    config = load_config("dcgan-faces-64")
    complete = config.to_dict()
    assert not {"hidden", "base_channels", "max_channels", "label_embedding_dim"} & set(complete["generator"])
    assert load_config(write("dcgan-faces-64.yaml", dump(complete))) == config


def test_a_complete_config_of_an_older_version_is_read(write):
    old = OLD_RUN.read_text(encoding="utf-8")
    assert "hidden" in old
    assert load_config(write("old-faces.yaml", old)) == Config.read(load_config(OLD_RUN).to_dict())
    message = refusal("old-faces.yaml", ["generator.hidden=[4]"])
    assert message.startswith("command line: generator.hidden has no effect in a dcgan model")
