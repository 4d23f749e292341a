"""Tests ``Config.replace``."""

from pathlib import Path

import numpy as np
import pytest
from helpers import tiny, tiny_vectors

import ganzoo
from ganzoo.augmentations import augmentations
from ganzoo.config.training import TrainingConfig
from ganzoo.data.sources.image_folder import ImageFolder
from ganzoo.errors import ConfigError
from ganzoo.losses import Hinge
from ganzoo.optimizers import Adam
from ganzoo.penalties import penalties


def test_dotted_keys_are_replaced_and_the_rest_stays():
    config = tiny()
    changed = config.replace(**{"training.batch_size": 32, "training.loss": "hinge"}, name="other")
    assert (changed.name, changed.training.batch_size, changed.training.loss) == ("other", 32, Hinge())
    assert changed.replace(**{"training.batch_size": 4, "training.loss": "non_saturating"}, name="tiny") == config
    assert config.training.batch_size == 4, "the old config is unchanged"
    assert config.replace() == config


@pytest.mark.parametrize("name", ["dcgan-faces-32", "cdcgan-portraits-64", "dense-ring8"])
def test_a_model_of_the_zoo(name):
    config = ganzoo.load_config(name)
    assert config.replace() == config
    assert config.replace(**{"training.steps": 7}) == ganzoo.load_config(name, ["training.steps=7"])


@pytest.mark.parametrize(
    ("changes", "key", "value"),
    [
        ({"training.loss": Hinge()}, "loss", Hinge()),
        ({"training.g_optimizer": Adam(learning_rate=1e-3)}, "g_optimizer", Adam(learning_rate=1e-3)),
        ({"training.g_optimizer.learning_rate": np.float64(1e-3)}, "g_optimizer", Adam(learning_rate=1e-3)),
        ({"training.batch_size": np.int64(8)}, "batch_size", 8),
        ({"training.penalties": [penalties.get("r1")(gamma=2)]}, "penalties", (penalties.get("r1")(gamma=2),)),
        ({"training.penalties": ({"name": "r1", "gamma": 2},)}, "penalties", (penalties.get("r1")(gamma=2),)),
        ({"training.augment.name": "diff_augment"}, "augment", augmentations.get("diff_augment")()),
        ({"training": TrainingConfig(steps=3)}, "steps", 3),
        ({"training.evaluation": None}, "evaluation", None),
    ],
    ids=str,
)
def test_values_are_python_values(changes, key, value):
    assert getattr(tiny().replace(**changes).training, key) == value


def test_another_data_source_keeps_what_it_accepts(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    changed = tiny().replace(**{"data.source": "image_folder", "data.path": Path("photos")})
    assert (changed.data.registered_name, changed.data.resolution) == ("image_folder", 8)
    assert changed.data.path == tmp_path / "photos"
    source = ImageFolder(path=tmp_path, resolution=8, channels=1)
    assert tiny().replace(data=source).data == source


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("dcgan-cifar10", "resnet-cifar10"),
        ("resnet-cifar10", "dcgan-cifar10"),
        ("dcgan-faces-32", "stylegan2-faces-32"),
        ("r3gan-faces-32", "dcgan-faces-32"),
        ("cdcgan-cifar10", "cdcgan-cifar10"),
        ("dense-ring8", "dense-ring8"),
    ],
)
def test_parts_of_another_config(name, other):
    config, source = ganzoo.load_config(name), ganzoo.load_config(other)
    changed = config.replace(generator=source.generator, discriminator=source.discriminator)
    assert (changed.generator, changed.discriminator) == (source.generator, source.discriminator)
    for part in ("data", "generator", "discriminator", "objective", "training"):
        assert config.replace(**{part: getattr(config, part)}) == config


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"training.batch_sise": 32}, r"replace: training.batch_sise: no such key. Did you mean 'batch_size'\?"),
        ({"batch_size": 32}, r"'batch_size': no such key. Did you mean 'training.batch_size'\?"),
        ({"": 1}, "'': no such key"),
        ({"training..steps": 1}, "training.: no such key"),
        ({"training.batch_size": 1}, r"replace: training.batch_size = 1: allowed is 2 or more"),
        ({"training.batch_size": "many"}, "replace: training.batch_size = 'many'"),
        ({"training.batch_size": None}, "replace: training.batch_size = null: this must be a whole number"),
        ({"training.loss": "hing"}, r"replace: training.loss: No loss named 'hing'. Did you mean 'hinge'\?"),
        ({"generator.hidden": [8]}, "replace: generator.hidden has no effect"),
        ({"data.resolution": 16, "generator.base_channels": -1}, "replace: generator.base_channels = -1"),
        ({"training.loss": object()}, "training.loss: received builtins.object; allowed are numbers, texts"),
        ({"training.loss": Hinge}, "training.loss: received "),
        ({"training.penalties": [object()]}, "training.penalties.0: received builtins.object"),
        ({"training.g_optimizer": {1: 2}}, "training.g_optimizer: received builtins.dict"),
        ({"name": "a b"}, "replace: name = 'a b': allowed is"),
        ({"training.steps.more": 1}, "the key 'more' is below a value"),
        ({"training.penalties.3.gamma": 1}, "'3' is not a position in a list of 0"),
        ({"extends": "dcgan-faces-32"}, "'extends': no such key"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(map(str, value)),  # objects print their address
)
def test_a_mistake_is_one_line(changes, line):
    with pytest.raises(ConfigError, match=line) as raised:
        tiny().replace(**changes)
    assert "command line" not in str(raised.value)
    assert str(raised.value).partition("\nSee all")[0].count("\n") == 0


def test_a_config_that_cannot_work_is_refused():
    with pytest.raises(ConfigError, match="tiny: a dcgan generator makes images; for vectors use model: dense"):
        tiny().replace(**{"data.vector_dim": 3})
    with pytest.raises(ConfigError, match="num_classes is 3, but the data source has 8 classes"):
        tiny_vectors().replace(num_classes=3)
