"""A page truncates the style of a model with a mapping network as Python does."""

import numpy as np
import pytest
from exporters.generators import TINY, randomise

from ganzoo.bundle.folder import read_bundle
from ganzoo.config.experiment import Config
from ganzoo.inference.generator import Generator
from ganzoo.web.model_data import model_data, script
from web.node import array, run_node

pytest.importorskip("tensorflow")

STYLEGAN2 = {"model": "stylegan2", "latent_dim": 6, "base_channels": 4, "mapping": {"layers": 2, "width": 5}}
SELF_MODULATED = {"latent_dim": 6, "base_channels": 4, "mapping": {"layers": 1, "width": 5}, "self_modulation": True}
PSIS = (0.0, 0.4, 1.0)


def exported(folder, generator, classes):
    from ganzoo.exporters.bundle import export_bundle
    from ganzoo.training import networks

    config = Config.read({**TINY, "name": "tiny", "generator": generator, "num_classes": classes})
    return read_bundle(export_bundle(randomise(networks.build_generator(config)), config, folder / "bundle"))


@pytest.mark.parametrize(("generator", "classes"), [(STYLEGAN2, 0), (STYLEGAN2, 6), (SELF_MODULATED, 0)])
def test_the_samples_are_those_of_python(generator, classes, tmp_path):
    bundle = exported(tmp_path, generator, classes)
    python = Generator.from_bundle(bundle, device="cpu")
    label = 4 if classes else None
    code = """
    const model = openModel(input.data);
    const run = (psi) => base64(model.run(latentOf(7, input.data.latent), input.label, null, ...psi));
    return [...input.psis.map((psi) => run([psi])), run([])];
    """
    made = run_node(code, {"data": model_data(bundle), "label": label, "psis": PSIS})
    for text, psi in zip(made, (*PSIS, None), strict=True):
        expected = python.decode(python.latents([7]), label, truncation=psi)[0]
        np.testing.assert_allclose(array(text).reshape(expected.shape), expected, atol=1e-4)


def test_a_request_of_the_page_truncates_the_style(tmp_path):
    bundle = exported(tmp_path, STYLEGAN2, 0)
    code = f"""
    globalThis.self = {{}}; // the scope of a worker
    {script("enlarge.js")}
    {script("worker.js")}
    const make = pictureMaker({{ ...input.data, directions: [] }});
    const ask = (seed, truncation) => ({{ seed, truncation, to: 0, at: 0, amounts: [], label: null }});
    return [[7, 0.4], [7, 0], [8, 0]].map(([seed, psi]) => base64(make(ask(seed, psi)).pixels));
    """
    some, mean, other = (
        array(text, np.uint8).reshape(16, 16, 4) for text in run_node(code, {"data": model_data(bundle)})
    )
    expected = Generator.from_bundle(bundle, device="cpu").sample([7], truncation=0.4)[0]
    assert np.abs(some[..., :3].astype(int) - expected).max() <= 1
    assert np.abs(mean.astype(int) - other).max() <= 1
