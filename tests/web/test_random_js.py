"""The page's latents are Python's, bit for bit: the same seed is the same image."""

import numpy as np
import pytest

from ganzoo import latents
from web.node import array, run_node

EDGES = [0, 1, 2, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]
SEEDS = EDGES + np.random.RandomState(0).randint(0, 2**32, 10_000 - len(EDGES), np.uint32).tolist()
CLASSES = (1, 2, 6, 10, 1000)


@pytest.fixture(scope="module")
def page():
    """Latents and classes of SEEDS, all from one process."""
    code = """
    const all = (spec) => {
      const z = new Float32Array(input.seeds.length * spec.dim);
      input.seeds.forEach((seed, i) => z.set(latentOf(seed, spec), i * spec.dim));
      return base64(z);
    };
    return {
      normal: all({dim: 64, distribution: "normal"}),
      uniform: all({dim: 64, distribution: "uniform"}),
      odd: all({dim: 5, distribution: "normal"}),
      classes: input.classes.map((count) => input.seeds.map((seed) => classOf(seed, count))),
    };
    """
    return run_node(code, {"seeds": SEEDS, "classes": CLASSES})


@pytest.mark.parametrize(
    ("key", "dim", "distribution"), [("normal", 64, "normal"), ("uniform", 64, "uniform"), ("odd", 5, "normal")]
)
def test_ten_thousand_latents_are_the_same_bits(page, key, dim, distribution):
    expected = latents.latents(SEEDS, dim=dim, distribution=distribution)
    assert array(page[key]).tobytes() == expected.tobytes()


def test_the_classes_of_ten_thousand_seeds(page):
    for count, found in zip(CLASSES, page["classes"], strict=True):
        assert found == latents.labels(SEEDS, num_classes=count).tolist()


def test_a_large_latent_draws_new_numbers_of_the_twister():
    found = run_node("return base64(latentOf(7, {dim: 5000, distribution: 'normal'}))")
    assert array(found).tobytes() == latents.latents([7], dim=5000).tobytes()


def test_a_stream_is_numpys():
    found = run_node("""
    const random = new RandomState([3, 1, 4]);
    return [random.randomSample(), random.standardNormal(), random.uniform(2, 5), random.standardNormal()];
    """)
    random = np.random.RandomState([3, 1, 4])
    expected = [random.random_sample(), random.standard_normal(), random.uniform(2, 5), random.standard_normal()]
    np.testing.assert_allclose(found, expected, rtol=3e-16)


ENDS = {
    "seeds": (3, 4),
    "the same latent": (3, 3),
    "from zero": (None, 4),
}


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("ends", ENDS)
def test_interpolation(ends, distribution):
    spec = {"dim": 64, "distribution": distribution}
    zero = np.zeros(64, np.float32)
    a, b = (zero if seed is None else latents.latents([seed], **spec)[0] for seed in ENDS[ends])
    code = """
    const [a, b] = input.ends.map((end) => Float32Array.from(end));
    return input.t.map((t) => base64(interpolateLatents(a, b, t, input.distribution)));
    """
    t = np.linspace(0, 1, 9).tolist()
    given = {"ends": [a.tolist(), b.tolist()], "t": t, "distribution": distribution}
    found = np.stack([array(text) for text in run_node(code, given)])
    expected = latents.interpolate(a, b, frames=9, distribution=distribution)
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=1e-7)
    assert found[0].tobytes() == a.tobytes()
    assert found[-1].tobytes() == b.tobytes()


@pytest.mark.parametrize("psi", [0, 0.1, 0.7, 1])
def test_truncation_is_the_same_bits(psi):
    found = run_node(f"return base64(truncated(latentOf(5, {{dim: 64, distribution: 'normal'}}), {psi}))")
    assert array(found).tobytes() == latents.latents([5], dim=64, truncation=psi).tobytes()
