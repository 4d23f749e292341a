"""Weights are read back from the ONNX file of pretrained models without model.safetensors, as in the wheel."""

import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest

import ganzoo
from ganzoo.bundle.folder import ONNX, WEIGHTS
from ganzoo.errors import BundleError, HubError
from ganzoo.hub import pretrained
from ganzoo.training.graph_weights import GraphWeights


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """The pretrained models as the wheel has them."""
    shutil.copytree(pretrained.SHIPPED, tmp_path / "shipped", ignore=shutil.ignore_patterns(WEIGHTS))
    monkeypatch.setattr(pretrained, "SHIPPED", tmp_path / "shipped")


def images(network, *inputs, training=False):
    return keras.ops.convert_to_numpy(network(list(inputs), training=training))


@pytest.mark.parametrize("name", ["digits-28", "faces-64@1", "faces-64"])
def test_the_images_are_the_same_and_training_begins_alike(wheel, monkeypatch, name):
    said = []
    read = ganzoo.create_model(name, pretrained=True, info=said.append).generator
    assert said[0].startswith(f"{read_name(name)} comes without {WEIGHTS} here.")
    monkeypatch.undo()
    exact = ganzoo.create_model(name, pretrained=True).generator
    inputs = [ganzoo.load(name).latents(range(32)), np.arange(32, dtype=np.int32) % 6][: len(exact.inputs)]
    np.testing.assert_allclose(images(read, *inputs), images(exact, *inputs), atol=1 / 127.5)
    difference = images(read, *inputs, training=True) - images(exact, *inputs, training=True)
    assert np.abs(difference).mean() < 3 / 127.5, "statistics of the batch must find the same scales"


def read_name(name):
    return f"zoo:{pretrained.find_pretrained(name).exact_name}"


def test_layers_that_the_graph_does_not_have_are_one_line(wheel):
    digits, portraits = (
        pretrained.shipped_bundle(pretrained.find_pretrained(name), files=[ONNX])
        for name in ("digits-28", "portraits-64")
    )
    with pytest.raises(
        BundleError, match=r"cannot be read back from .*, because .* layer '00_dense_stem_dense'"
    ) as said:
        GraphWeights(replace(digits, metadata=portraits.metadata)).named()
    assert "\n" not in str(said.value)


def test_without_the_graph_the_error_is_that_of_the_weights(wheel):
    (pretrained.SHIPPED / "digits-28/v1" / ONNX).unlink()
    with pytest.raises(HubError, match="has not been published yet"):
        ganzoo.create_model("digits-28", pretrained=True)
