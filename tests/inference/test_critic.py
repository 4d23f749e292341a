"""The best of n samples by a critic. The graphs are real ones; the critic prefers bright images."""

from __future__ import annotations

import copy
import io
import itertools
import pickle

import numpy as np
import onnxruntime
import pytest
import tiny_bundles
from onnx import numpy_helper
from PIL import Image

from ganzoo.bundle.folder import CRITIC, ONNX, WEIGHTS, read_bundle
from ganzoo.bundle.onnx_guard import check_critic
from ganzoo.errors import BundleError, GanzooError
from ganzoo.hub.reference import HubOptions
from ganzoo.inference.array_files import write_arrays
from ganzoo.inference.critic import Critic
from ganzoo.inference.generator import Generator
from ganzoo.inference.onnx_session import OnnxSession
from ganzoo.inference.sampling_options import SamplingOptions

SEEDS = [5, 0, 7, 2**32 - 1]


@pytest.fixture
def folder(tmp_path):
    return tiny_bundles.image_bundle(tmp_path / "b", critic=tiny_bundles.critic_model()).folder


@pytest.fixture
def generator(folder):
    return Generator.from_bundle(folder)


@pytest.fixture
def conditional(tmp_path):
    critic = tiny_bundles.critic_model(num_classes=3)
    return Generator.from_bundle(tiny_bundles.image_bundle(tmp_path / "c", num_classes=3, critic=critic))


def run(path, **feed):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feed)[0]


def expected(generator, seed, count, label=None):
    """Computed from the documented stream, with ONNX Runtime alone."""
    z = np.random.RandomState(seed).standard_normal((count, generator.latent_dim)).astype(np.float32)
    given = {} if label is None else {"label": np.full(count, label, np.int32)}
    images = run(generator.bundle.folder / ONNX, latent=z, **given)
    logits = run(generator.bundle.folder / CRITIC, image=images, **given)
    return np.rint((images[logits[:, 0].argmax()] + 1) * 127.5).astype(int)


def test_the_critic_chooses_among_the_draws_of_a_seed(generator):
    samples = generator.sample(SEEDS, best_of=8)
    for seed, sample in zip(SEEDS, samples, strict=True):
        assert np.abs(sample.astype(int) - expected(generator, seed, 8)).max() <= 1
    assert (samples.mean(axis=(1, 2, 3)) >= generator.sample(SEEDS).mean(axis=(1, 2, 3))).all()
    assert not np.array_equal(samples, generator.sample(SEEDS))


def test_the_best_of_one_is_the_sample_itself(generator):
    np.testing.assert_array_equal(generator.sample(SEEDS, best_of=1), generator.sample(SEEDS))
    assert generator.generate(7, best_of=np.int64(1)) == generator.generate(7)


def test_more_candidates_never_lower_the_score(generator):
    brightness = [generator.sample(range(20), best_of=n).mean(axis=(1, 2, 3)) for n in (1, 2, 4, 16, 64)]
    for fewer, more in itertools.pairwise(brightness):
        assert (more >= fewer - 0.5).all()
    assert brightness[-1].mean() > brightness[0].mean() + 5


def test_all_candidates_have_the_class_of_the_seed_or_the_label(conditional):
    own = conditional.labels(SEEDS)
    assert len(set(own)) > 1
    for seed, label, sample in zip(SEEDS, own, conditional.sample(SEEDS, best_of=6), strict=True):
        assert np.abs(sample.astype(int) - expected(conditional, seed, 6, label)).max() <= 1
    for label in (0, 1):
        chosen = conditional.sample(SEEDS, label=label, best_of=6)[0]
        assert np.abs(chosen.astype(int) - expected(conditional, SEEDS[0], 6, label)).max() <= 1


def test_every_way_to_generate_takes_best_of(generator):
    wanted = generator.sample(range(5), best_of=4)
    np.testing.assert_array_equal(np.asarray(generator.generate(3, best_of=4)), wanted[3])
    np.testing.assert_array_equal(np.stack([np.asarray(i) for i in generator.generate(range(5), best_of=4)]), wanted)
    batches = list(generator.iter_samples(range(5), best_of=4, batch_size=2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(batches), wanted)
    grid, file = generator.grid(range(5), best_of=4), io.BytesIO()
    assert np.array_equal(np.asarray(grid)[:8, :8], wanted[0])
    generator.write_grid(file, range(5), best_of=4)
    assert np.array_equal(np.asarray(Image.open(file)), np.asarray(grid))
    array = io.BytesIO()
    write_arrays(array, ".npy", generator, list(range(5)), SamplingOptions(best_of=4))
    array.seek(0)
    np.testing.assert_array_equal(np.load(array), wanted)


def test_truncation_applies_to_all_candidates(generator):
    mean = generator.sample([1], truncation=0)
    np.testing.assert_array_equal(generator.sample([2], truncation=0, best_of=5), mean)


@pytest.mark.parametrize(("size", "count", "seeds"), [(3, 7, 4), (8, 3, 9), (1, 64, 1)])
def test_memory_is_one_batch_whatever_the_number_of_candidates(generator, monkeypatch, size, count, seeds):
    wanted = generator.sample(range(seeds), best_of=count)
    rows = []
    real = OnnxSession.run

    def watched(self, outputs, feed):
        rows.append(len(next(iter(feed.values()))))
        return real(self, outputs, feed)

    monkeypatch.setattr(OnnxSession, "run", watched)
    generator.report = generator.report._replace(peak_bytes=(32 << 20) // size)
    assert generator.batch_size == size
    small = generator.sample(range(seeds), best_of=count)
    assert np.abs(small.astype(int) - wanted).max() <= 1
    assert max(rows) <= size
    assert sum(rows) == 2 * seeds * count, "the generator and the critic see each candidate once"


def test_vectors(tmp_path):
    folder = tiny_bundles.write_bundle(
        tmp_path / "v",
        config=tiny_bundles.vector_config(),
        onnx=tiny_bundles.vector_model().SerializeToString(),
        weights={},
        critic=tiny_bundles.critic_model(kind="vector", shape=(2,), bright=-1.0).SerializeToString(),
    ).folder
    generator = Generator.from_bundle(folder)
    z = np.random.RandomState(3).uniform(-1, 1, (9, 4)).astype(np.float32)
    points = run(folder / ONNX, latent=z)
    np.testing.assert_allclose(generator.generate(3, best_of=9), points[points.sum(axis=1).argmin()], atol=1e-6)


@pytest.mark.parametrize("best_of", [0, -1, 65, 1.5, True, "4", None])
def test_out_of_range(generator, best_of):
    for call in (generator.sample, generator.generate, generator.grid):
        with pytest.raises(GanzooError, match=r"best_of is a whole number from 1 to 64; received"):
            call([1], best_of=best_of)
    with pytest.raises(GanzooError, match="from 1 to 64"):
        next(generator.iter_samples([1], best_of=best_of))


def test_a_bundle_without_a_critic_names_the_next_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = Generator.from_bundle(tiny_bundles.image_bundle(tmp_path / "plain"))
    assert not plain.has_critic
    assert plain.generate(1, best_of=1).size == (8, 8)
    file = io.BytesIO()
    for call in (lambda: plain.generate(1, best_of=4), lambda: plain.write_grid(file, [1, 2], best_of=4)):
        with pytest.raises(BundleError, match=r"has no critic, which best_of .* ganzoo export RUN --critic") as caught:
            call()
        assert "\n" not in str(caught.value)
    assert not file.getvalue()
    (tmp_path / "runs/tiny/001").mkdir(parents=True)
    (tmp_path / "runs/tiny/001/config.yaml").write_text("")
    of_run = Generator.from_bundle(tiny_bundles.image_bundle(tmp_path / "runs/tiny/001/bundle"))
    with pytest.raises(BundleError, match="ganzoo export tiny/001 --critic"):
        of_run.sample([1], best_of=2)


def test_the_critic_is_opened_at_its_first_use_and_once(folder, monkeypatch):
    opened = []
    real = OnnxSession.__init__

    def watched(self, content, **options):
        opened.append(options)
        real(self, content, **options)

    monkeypatch.setattr(OnnxSession, "__init__", watched)
    generator = Generator.from_bundle(folder, device="cpu", threads=1)
    assert generator.has_critic
    generator.sample(SEEDS)
    assert len(opened) == 1
    for _ in range(2):
        generator.sample(SEEDS, best_of=3)
    assert [(options["device"], options["threads"]) for options in opened] == [("cpu", 1)] * 2


def test_a_damaged_or_missing_critic_is_found_before_it_is_used(folder):
    content = (folder / CRITIC).read_bytes()
    generator = Generator.from_bundle(folder)
    (folder / CRITIC).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BundleError, match=r"onnx/critic\.onnx is damaged or altered"):
        generator.sample([1], best_of=2)
    with pytest.raises(BundleError, match=r"onnx/critic\.onnx is damaged or altered"):
        read_bundle(folder)
    (folder / CRITIC).unlink()
    with pytest.raises(BundleError, match=r"onnx/critic\.onnx is missing"):
        generator.sample([1], best_of=2)
    assert generator.sample([1]).shape == (1, 8, 8, 3)


def unsafe(model):
    model.graph.node[-1].op_type = "Loop"
    return model


def of_other_size(model):
    return tiny_bundles.critic_model(shape=(4, 4, 3))


def a_generator(model):
    return tiny_bundles.image_model()


@pytest.mark.parametrize(
    ("change", "words"),
    [(unsafe, "'Loop'"), (of_other_size, r"'image' float32 \[batch, 4, 4, 3\]"), (a_generator, "inputs 'latent'")],
)
def test_another_graph_never_reaches_onnx_runtime(tmp_path, monkeypatch, change, words):
    critic = change(tiny_bundles.critic_model())
    generator = Generator.from_bundle(tiny_bundles.image_bundle(tmp_path / "b", critic=critic))
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: pytest.fail("a session was made"))
    with pytest.raises(BundleError, match=rf"onnx/critic\.onnx: .*{words}"):
        generator.sample([1], best_of=2)


def test_an_accepted_critic_reports_its_cost():
    model, config = tiny_bundles.critic_model(num_classes=3), tiny_bundles.image_config(num_classes=3)
    report = check_critic(model.SerializeToString(), config)
    assert report.multiply_adds == 8 * 8 * 3
    with pytest.raises(BundleError, match="requires 'image' float32"):
        check_critic(model.SerializeToString(), tiny_bundles.image_config())


def test_logits_that_are_not_finite_are_refused(tmp_path):
    critic = tiny_bundles.critic_model()
    critic.graph.node[-1].op_type = "Sqrt"  # of negative sums
    for tensor in critic.graph.initializer:
        if tensor.name == "w":
            tensor.CopyFrom(numpy_helper.from_array(np.full((192, 1), -1.0, np.float32), "w"))
    generator = Generator.from_bundle(tiny_bundles.image_bundle(tmp_path / "b", critic=critic))
    with pytest.raises(BundleError, match="not finite"):
        generator.sample(range(30), best_of=4)


def test_equal_scores_keep_the_first(tmp_path):
    critic = tiny_bundles.critic_model(bright=0.0)
    generator = Generator.from_bundle(tiny_bundles.image_bundle(tmp_path / "b", critic=critic))
    np.testing.assert_array_equal(generator.sample(SEEDS, best_of=9), generator.sample(SEEDS))


@pytest.mark.parametrize("used", [False, True])
def test_pickled_and_copied(folder, used):
    bundle = read_bundle(folder)
    generator = Generator.from_bundle(bundle, hub=HubOptions(token="hf_secret"))
    wanted = Generator.from_bundle(folder).sample(SEEDS, best_of=4)
    if used:
        generator.sample(SEEDS, best_of=4)
    content = pickle.dumps(generator)
    assert b"hf_secret" not in content
    for other in (pickle.loads(content), copy.deepcopy(generator)):
        np.testing.assert_array_equal(other.sample(SEEDS, best_of=4), wanted)


def test_a_bundle_keeps_its_other_files(folder):
    bundle = read_bundle(folder)
    assert {CRITIC, ONNX, WEIGHTS} <= set(bundle.files)
    assert Critic(bundle).exists
    again = tiny_bundles.image_bundle(folder)
    assert CRITIC not in again.files
    assert not (folder / CRITIC).exists()
