"""Overrides as texts, and how they are set in plain values."""

import pytest

from ganzoo.config.experiment import Config
from ganzoo.config.overrides import apply_override, read_overrides
from ganzoo.config.yaml_files import dump
from ganzoo.errors import ConfigError

VALUES = {
    "name": "x",
    "data": "ring8",
    "training": {"batch_size": 4, "loss": "hinge", "penalties": [{"name": "r1", "gamma": 1.0}, "r2"]},
    "generator": {"blocks": [{"name": "dense", "channels": 4}]},
}


def apply(*texts):
    values = VALUES
    for override in read_overrides(texts):
        values = apply_override(values, override, Config)
    return values


def test_an_override_is_yaml_and_leaves_the_rest():
    before = dump(VALUES)
    changed = apply("training.batch_size=2e1", "name=y")
    assert changed["training"]["batch_size"] == 20.0
    assert changed["name"] == "y"
    assert changed["training"]["penalties"] == VALUES["training"]["penalties"]
    assert dump(VALUES) == before


def test_a_color_is_not_a_comment():
    (override,) = read_overrides(["data.background=#ff0000"])
    assert override.value == "#ff0000"


def test_an_override_reaches_into_lists_by_position():
    changed = apply("training.penalties.0.gamma=5", "training.penalties.1.gamma=6")["training"]["penalties"]
    assert changed == [{"name": "r1", "gamma": 5}, {"name": "r2", "gamma": 6}]
    assert apply("discriminator.model=dense", "discriminator.hidden.1=7")["discriminator"]["hidden"] == [512, 7]
    policy = apply("training.augment=diff_augment", "training.augment.policy.0=cutout")["training"]["augment"]["policy"]
    assert policy == ["cutout", "translation", "cutout"]


@pytest.mark.parametrize("position", ["2", "-1", "x", ""])
def test_a_position_outside_of_the_list_is_named(position):
    with pytest.raises(ConfigError, match="is not a position in a list of 2"):
        apply(f"training.penalties.{position}=r1")


def test_an_override_into_a_part_keeps_what_the_part_was():
    assert apply("training.g_optimizer.beta_1=1")["training"]["g_optimizer"] == {"name": "adam", "beta_1": 1}
    assert apply("training.loss.x=1")["training"]["loss"] == {"name": "hinge", "x": 1}
    assert apply("data.count=9")["data"] == {"source": "ring8", "count": 9}
    both = apply("training.g_optimizer=rmsprop", "training.g_optimizer.rho=0.9")["training"]["g_optimizer"]
    assert both == {"name": "rmsprop", "rho": 0.9}


def test_an_override_of_block_drops_blocks():
    assert apply("generator.block=dense")["generator"] == {"block": "dense"}


def test_an_override_of_a_list_takes_yaml():
    assert apply("training.penalties=[{name: r1, gamma: 3}]")["training"]["penalties"] == [{"name": "r1", "gamma": 3}]
    assert apply("training.loss=")["training"]["loss"] is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("batch_size=3", r"Did you mean 'training\.batch_size'"),
        ("batchsize=3", r"Did you mean 'training\.batch_size'"),
        ("learning_rate=3", r"Did you mean 'training\.g_optimizer\.learning_rate'"),
        ("trainning.batch_size=3", r"Did you mean 'training\.batch_size'"),
        ("datta=3", r"Did you mean 'data'"),
        ("training.batch_size", "an override is key=value"),
        ("=3", "an override is key=value"),
        ("training.batch_size.x=3", "'x' is below a value"),
        ("name=[1", r"name=\[1"),
        ("name=!!python/none x", "the tag"),
    ],
)
def test_a_wrong_override_says_what_is_right(text, says):
    with pytest.raises(ConfigError, match=says):
        apply(text)
