"""A bundle with float16 weights: the pretrained portraits, whose images hardly change."""

import numpy as np
import pytest
import tiny_bundles

import ganzoo
from ganzoo.bundle.folder import ONNX, WEIGHTS, read_bundle
from ganzoo.errors import BundleError
from ganzoo.exporters.bundle import export_bundle
from ganzoo.exporters.half_bundle import half_bundle
from ganzoo.hub.pretrained import find_pretrained, shipped_folder
from ganzoo.inference.generator import Generator


@pytest.mark.slow
def test_the_pretrained_portraits_at_half_the_size(tmp_path):
    made = ganzoo.create_model("portraits-64@1", pretrained=True)
    bundle = read_bundle(export_bundle(made.generator, made.config, tmp_path / "b"), keep=[ONNX])
    half = half_bundle(bundle)
    assert half.metadata.files[ONNX].size < 2_100_000
    assert half.metadata.files[WEIGHTS] == bundle.metadata.files[WEIGHTS], "training starts from the same weights"
    seeds = range(1000, 1032)
    first, second = (Generator.from_bundle(b, device="cpu").sample(seeds).astype(int) for b in (bundle, half))
    assert 0 < np.abs(first - second).max() <= 1
    facts = half.metadata.facts
    assert facts.parity_error > bundle.metadata.facts.parity_error
    assert "at most one of 256 levels" in facts.training["limits"][-1]


@pytest.mark.slow
def test_a_model_whose_images_would_change_is_refused():
    bundle = read_bundle(shipped_folder(find_pretrained("faces-64@3")), keep=[ONNX])
    with pytest.raises(BundleError, match=r"images differ by up to \d of 256 levels; allowed: 1"):
        half_bundle(bundle)


def test_what_has_no_half(tmp_path):
    with pytest.raises(BundleError, match="generates vectors"):
        half_bundle(tiny_bundles.vector_bundle(tmp_path / "v"))
