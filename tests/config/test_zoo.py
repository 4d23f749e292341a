"""Configs by name or path, inheritance, and overrides as a user types them."""

import pytest

from ganzoo.config.experiment import Config
from ganzoo.config.zoo import config_files, describe, load_config
from ganzoo.errors import ConfigError, UnknownNameError
from ganzoo.model_list import list_models

BASE = """
data: {source: numpy, resolution: 16, channels: 1}
generator: {latent_dim: 8, base_channels: 4, block: {name: conv_transpose, norm: none, kernel_size: 5}}
discriminator: {base_channels: 4}
training: {batch_size: 8, loss: hinge, g_optimizer: {name: adam, learning_rate: 1e-3, beta_1: 0.25}}
"""


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def base(write):
    return write("base.yaml", BASE)


def test_every_model_of_the_zoo_is_whole_and_says_what_it_is():
    assert list_models()
    for name in list_models():
        config = load_config(name)
        assert config.name == name
        assert Config.read(config.to_dict()) == config
        lines = describe(name)
        assert len(lines) >= 2
        assert all(lines)


def test_a_model_that_is_not_there_shows_the_nearest():
    with pytest.raises(UnknownNameError, match=r"No model named 'dcgan-face-32'\. Did you mean 'dcgan-faces-32'"):
        load_config("dcgan-face-32")
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: there is no such file"):
        load_config("nowhere.yaml")


def test_a_file_is_named_after_itself_unless_it_says_otherwise(base, write):
    assert load_config(base).name == "base"
    assert load_config(write("other.yml", "name: mine\n" + BASE)).name == "mine"


# --- extends


def test_a_file_inherits_and_changes(base, write):
    child = load_config(write("child.yaml", "extends: base.yaml\ntraining: {batch_size: 16, g_optimizer: {beta_1: 0}}"))
    assert child.name == "child"
    assert child.training.batch_size == 16
    assert child.training.loss.registered_name == "hinge"
    assert child.training.g_optimizer.learning_rate == 1e-3
    assert child.training.g_optimizer.beta_1 == 0


def test_another_part_does_not_inherit_the_fields_of_the_old_one(base, write):
    child = load_config(write("child.yaml", "extends: base.yaml\ntraining: {g_optimizer: {name: rmsprop}}"))
    assert child.training.g_optimizer.learning_rate == 2e-4


def test_a_bare_name_of_a_source_can_be_refined(write):
    write("points.yaml", "data: ring8\ngenerator: {model: dense}\ndiscriminator: {model: dense}")
    assert load_config(write("few.yaml", "extends: points.yaml\ndata: {count: 50}")).data.count == 50


def test_a_file_inherits_from_the_zoo(write):
    name = list_models()[0]
    assert load_config(write("mine.yaml", f"extends: {name}\ntraining: {{steps: 7}}")).training.steps == 7


def test_extends_is_looked_for_beside_the_file_that_says_so(write):
    write("deep/base.yaml", BASE)
    write("deep/middle.yaml", "extends: base.yaml\ntraining: {steps: 5}")
    assert load_config(write("top.yaml", "extends: deep/middle.yaml")).training.steps == 5


def test_a_circle_is_named(write):
    write("a.yaml", "extends: b.yaml")
    write("b.yaml", "extends: ./c.yaml")
    path = write("c.yaml", "extends: a.yaml")
    with pytest.raises(ConfigError, match=r"in a circle: c\.yaml -> a\.yaml -> b\.yaml -> c\.yaml"):
        load_config(path)


@pytest.mark.parametrize("value", ["3", "[a, b]", "{name: x}", "true"])
def test_extends_is_a_name(write, value):
    with pytest.raises(ConfigError, match="extends is a name from the zoo"):
        load_config(write("x.yaml", f"extends: {value}"))


def test_an_unknown_base_shows_the_nearest(write):
    with pytest.raises(UnknownNameError, match="Did you mean 'dcgan-faces-32'"):
        load_config(write("x.yaml", "extends: dcgan-faces-23"))


# --- overrides


def test_overrides_reach_everything(base):
    config = load_config(
        base,
        [
            "training.batch_size=32",
            "training.loss=relativistic",
            "training.penalties=[r1, {name: r2, gamma: 3}]",
            "training.penalties.0.gamma=7",
            "training.d_optimizer.learning_rate=5e-5",
            "generator.block.norm=batch",
            "discriminator.model=dense",
            "discriminator.hidden.0=99",
            "name=other",
        ],
    )
    assert config.training.batch_size == 32
    assert config.training.loss.registered_name == "relativistic"
    assert [penalty.gamma for penalty in config.training.penalties] == [7, 3]
    assert config.training.d_optimizer.learning_rate == 5e-5
    assert (config.generator.block.norm.registered_name, config.generator.block.kernel_size) == ("batch", 5)
    assert config.discriminator.hidden == (99, 256)
    assert config.name == "other"


def test_an_override_into_a_part_that_the_file_leaves_out(base):
    assert load_config(base, ["training.d_optimizer.beta_1=0"]).training.d_optimizer.beta_1 == 0
    assert load_config(base, ["training.augment=diff_augment", "training.augment.cutout=0.25"]).training.augment.cutout


def test_the_model_can_be_switched_where_the_block_is_not_written(write):
    path = write("x.yaml", "data: {source: numpy, resolution: 16}")
    config = load_config(path, ["generator.model=dense", "discriminator.model=residual"])
    assert config.generator.block.registered_name == "dense"
    assert config.discriminator.block.registered_name == "residual_down"


def test_switching_the_data_source_keeps_what_both_know(base):
    config = load_config(base, ["data.source=image_folder", "data.path=somewhere"])
    assert config.data.registered_name == "image_folder"
    assert config.data.resolution == 16
    assert load_config(base, ['data.source="faces"']).data.registered_name == "faces"
    dense = ["generator={model: dense}", "discriminator={model: dense}"]
    assert load_config(base, ["data=ring8", "data.count=9", *dense]).data.count == 9
    assert load_config(base, ["data=ring8", *dense]).sample_shape == (2,)


def test_a_mistyped_source_shows_the_nearest(base):
    with pytest.raises(ConfigError, match=r"^command line: data\.source: .* Did you mean 'image_folder'"):
        load_config(base, ["data.source=image_foldr"])


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("training.batchsize=3", r"training\.batchsize: no such key\. Did you mean 'batch_size'"),
        ("batch_size=3", r"Did you mean 'training\.batch_size'"),
        ("training.g_optimizer.learningrate=3", r"learningrate: no such key\. Did you mean 'learning_rate'"),
        ("training.batch_size=0", r"training\.batch_size = 0: allowed is 2 or more"),
        ("training.batch_size=many", r"training\.batch_size = 'many': this must be a whole number"),
        ("training.loss=hing", "No loss named 'hing'.*Did you mean 'hinge'"),
        ("data.source.x=1", "the key 'x' is below a value, not below a group of keys"),
    ],
)
def test_a_wrong_override_is_one_clear_error(base, override, says):
    with pytest.raises(ConfigError, match=says) as caught:
        load_config(base, [override])
    assert len(str(caught.value).splitlines()) <= 2


def test_a_config_in_the_hand_takes_overrides_too(base):
    config = load_config(base)
    assert load_config(config) == config
    assert load_config(config, ["training.steps=3"]).training.steps == 3
    assert load_config(load_config("dcgan-faces-32"), ["generator.base_channels=4"]).generator.base_channels == 4


def test_config_files_are_where_list_models_says():
    assert list(config_files()) == list_models()
