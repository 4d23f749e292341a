from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import gpu_builds
import numpy as np
import onnx
import onnxruntime
import pytest
import tiny_bundles
from PIL import Image

from ganzoo.bundle.folder import ONNX
from ganzoo.bundle.writing import write_bundle
from ganzoo.captioned_grid import CaptionedGrid
from ganzoo.errors import BundleError, GanzooError, MissingDependencyError
from ganzoo.inference import onnx_runtime
from ganzoo.inference.generator import Generator
from ganzoo.inference.image_list import ImageList
from ganzoo.inference.onnx_session import OnnxSession

NAMES = ("cat", "dog", "owl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bundles.image_bundle(tmp_path_factory.mktemp("plain") / "b").folder


@pytest.fixture(scope="module")
def generator(folder):
    return Generator.from_bundle(folder)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditional") / "b"
    return Generator.from_bundle(tiny_bundles.image_bundle(folder, num_classes=3, class_names=NAMES).folder)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    return Generator.from_bundle(tiny_bundles.vector_bundle(tmp_path_factory.mktemp("vector") / "b").folder)


def test_one_seed_gives_an_image_and_several_a_list(generator):
    one, many = generator.generate(7), generator.generate([7, 8])
    assert isinstance(one, Image.Image)
    assert one.size == (8, 8)
    assert isinstance(many, list)
    np.testing.assert_array_equal(np.asarray(many[0]), np.asarray(one))
    assert not np.array_equal(np.asarray(many[0]), np.asarray(many[1]))


def test_a_transparent_bundle_generates_with_onnx_runtime_alone(tmp_path):
    config = tiny_bundles.image_config(shape=(8, 8, 4))
    onnx_file = tiny_bundles.image_model(channels=4).SerializeToString()
    folder = write_bundle(tmp_path / "b", config=config, onnx=onnx_file, weights={"w": np.ones(1, np.float32)}).folder
    generator = Generator.from_bundle(folder)
    image = generator.generate(3)
    assert (image.mode, image.size) == ("RGBA", (8, 8))
    np.testing.assert_array_equal(np.asarray(image), generator.sample([3])[0])
    assert generator.grid(range(4)).mode == "RGBA"
    assert [frame.mode for frame in generator.interpolate(0, 1, 3)] == ["RGBA"] * 3


def test_samples_are_what_onnx_runtime_makes_of_the_promised_latent(generator, folder):
    session = onnxruntime.InferenceSession(str(folder / ONNX), providers=["CPUExecutionProvider"])
    z = np.random.RandomState(5).standard_normal(8).astype(np.float32)[None]
    expected = session.run(None, {"latent": z})[0]
    np.testing.assert_array_equal(generator.latents([5]), z)
    np.testing.assert_allclose(generator.decode(z), expected, atol=1e-6)
    np.testing.assert_array_equal(generator.sample([5]), np.rint((expected + 1) * 127.5).astype(np.uint8))


def test_an_image_does_not_depend_on_the_batch(generator):
    seeds = range(600)
    batch = generator.sample(seeds)
    assert batch.shape == (600, 8, 8, 3)
    for seed in (0, 255, 256, 599):
        assert np.abs(batch[seed].astype(int) - generator.sample([seed])[0]).max() <= 1


def test_batches_are_bounded_by_memory(generator):
    assert generator.batch_size == 256
    session = OnnxSession(generator.bundle.read(ONNX), name="tiny", device="cpu")
    for peak, size in ((1 << 20, 32), (10 << 20, 3), (1 << 30, 1)):
        report = generator.report._replace(peak_bytes=peak)
        assert Generator(generator.bundle, session=session, report=report).batch_size == size


def test_an_endless_iterator_of_seeds_is_read_as_needed(generator):
    batches = generator.iter_samples(itertools.count(3), batch_size=4)
    first, second = next(batches), next(batches)
    np.testing.assert_array_equal(np.concatenate([first, second]), generator.sample(range(3, 11)))
    assert [len(batch) for batch in generator.iter_samples(range(10), batch_size=4)] == [4, 4, 2]


@pytest.mark.parametrize("size", [0, 257, True, 2.0])
def test_iter_samples_refuses_a_batch_out_of_range(generator, size):
    with pytest.raises(GanzooError, match="1 to 256"):
        next(generator.iter_samples(range(3), batch_size=size))


def test_iter_samples_refuses_one_seed(generator):
    with pytest.raises(GanzooError, match="Seeds are several whole numbers"):
        next(generator.iter_samples(7))


@pytest.mark.parametrize("call", ["sample", "generate", "grid"])
def test_too_much_at_once_points_to_the_iterator(generator, monkeypatch, call):
    with pytest.raises(GanzooError, match="iter_samples"):
        getattr(generator, call)(range(2**32))
    monkeypatch.setattr("ganzoo.inference.sampling._RESULT_BYTES", 10_000)
    with pytest.raises(GanzooError, match="iter_samples"):
        getattr(generator, call)(itertools.count())


def test_numbers_of_numpy_are_numbers(generator, conditional, folder):
    np.testing.assert_array_equal(
        generator.sample(np.arange(3), truncation=np.float32(0.5)), generator.sample(range(3), truncation=0.5)
    )
    for seed in (np.int64(7), np.array(7)):
        assert generator.generate(seed) == generator.generate(7)
    assert [len(batch) for batch in generator.iter_samples(range(5), batch_size=np.int64(4))] == [4, 1]
    assert len(generator.interpolate(np.int64(1), np.uint8(2), np.int32(3))) == 3
    assert generator.grid(range(4), columns=np.int64(4)).size == (32, 8)
    np.testing.assert_array_equal(conditional.sample([1], label=np.array(2)), conditional.sample([1], label=2))
    assert Generator.from_bundle(folder, threads=np.int64(1)).sample([1]).shape == (1, 8, 8, 3)


def test_vectors_are_float_arrays(vectors):
    assert vectors.sample(range(5)).shape == (5, 2)
    assert vectors.sample(range(5)).dtype == np.float32
    assert vectors.generate(3).shape == (2,)
    np.testing.assert_allclose(vectors.generate([3, 4])[0], vectors.generate(3), atol=1e-6)
    assert np.abs(vectors.latents(range(100))).max() <= 1
    with pytest.raises(GanzooError, match="no grid"):
        vectors.grid(range(4))


def test_the_class_comes_from_the_seed_unless_given(conditional):
    own = conditional.labels(range(20))
    assert set(own) == {0, 1, 2}
    by_seed = conditional.sample(range(20))
    np.testing.assert_array_equal(conditional.sample(range(20), label=own), by_seed)
    assert not np.array_equal(conditional.sample(range(20), label=0), by_seed)
    np.testing.assert_array_equal(conditional.sample([1, 2], label="dog"), conditional.sample([1, 2], label=[1, 1]))


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("dgo", "Did you mean 'dog'"),
        (3, "classes 0 to 2"),
        (-1, "classes 0 to 2"),
        (1.0, "classes 0 to 2"),
        (True, "classes 0 to 2"),
        ([0], "1 label for 2 samples"),
    ],
)
def test_a_wrong_label_is_one_line(conditional, label, words):
    with pytest.raises(GanzooError, match=words) as caught:
        conditional.sample([1, 2], label=label)
    assert "\n" not in str(caught.value)


def test_a_model_without_classes_takes_no_label(generator):
    with pytest.raises(GanzooError, match="has no classes"):
        generator.generate(1, label=0)
    with pytest.raises(GanzooError, match="has no classes"):
        generator.labels([1])


def test_decode_needs_labels_of_a_conditional_model(conditional):
    with pytest.raises(GanzooError, match="decode needs labels"):
        conditional.decode(np.zeros((2, 8), np.float32))
    assert conditional.decode(np.zeros((2, 8)), labels=[0, 2]).shape == (2, 8, 8, 3)


@pytest.mark.parametrize(
    "z",
    [np.zeros((2, 7), "f4"), np.zeros(8, "f4"), np.zeros((0, 8), "f4"), np.zeros((1, 8), int), np.full((1, 8), np.nan)],
)
def test_decode_refuses_other_latents(generator, z):
    with pytest.raises(GanzooError, match="atents"):
        generator.decode(z)


def test_interpolation_goes_from_seed_to_seed(generator, conditional):
    walk = generator.interpolate(3, 9, 5)
    assert len(walk) == 5
    assert np.abs(np.asarray(walk[0]).astype(int) - generator.sample([3])[0]).max() <= 1
    assert np.abs(np.asarray(walk[-1]).astype(int) - generator.sample([9])[0]).max() <= 1
    own = int(conditional.labels([3])[0])
    last = conditional.sample([9], label=own)[0]
    assert np.abs(np.asarray(conditional.interpolate(3, 9, 4)[-1]).astype(int) - last).max() <= 1


def test_a_walk_visits_every_seed(generator, vectors):
    walk = generator.walk([3, 9, 4], 5)
    assert len(walk) == 9
    for frame, seed in ((0, 3), (4, 9), (8, 4)):
        assert np.abs(np.asarray(walk[frame]).astype(int) - generator.sample([seed])[0]).max() <= 1
    assert vectors.walk([1, 2, 1], 3).shape == (5, 2)
    for seeds, frames in (([3], 5), ([3, 9], 1), ([3, 9], 10**12), ([3, -1], 5)):
        with pytest.raises(GanzooError, match=r"two seeds|2 frames|A seed is"):
            generator.walk(seeds, frames)


def test_several_truncations_make_a_contact_sheet(generator, monkeypatch):
    seeds, values = [4, 9, 12], np.array([0.3, 1])
    columns = [generator.sample(seeds, truncation=value) for value in values]
    cells = np.stack(columns, axis=1).reshape(-1, 8, 8, 3)
    rows = ["seed 4", "seed 9", "seed 12"]
    layout = CaptionedGrid((8, 8, 3), rows=rows, columns=["0.3", "1"], groups=["truncation"], separator=0)
    expected = layout.filled([cells]).astype(int)
    assert np.abs(np.asarray(generator.grid(seeds, truncation=values)) - expected).max() <= 2
    monkeypatch.setattr(type(generator), "batch_size", 2)
    assert np.abs(np.asarray(generator.grid(seeds, truncation=values)) - expected).max() <= 2, "in several batches"
    assert np.asarray(generator.grid(seeds, truncation=values, scale=16)).shape[0] == 2 * 18 + 3 * 128
    with pytest.raises(GanzooError, match="columns=3 is not possible"):
        generator.grid(seeds, truncation=values, columns=3)
    with pytest.raises(GanzooError, match="empty list"):
        generator.grid(seeds, truncation=[])
    with pytest.raises(GanzooError, match="received 2"):
        generator.grid(seeds, truncation=[0.5, 2])


def test_a_grid_needs_a_seed(generator):
    for truncation in (None, [0.3, 1]):
        with pytest.raises(GanzooError, match="at least one"):
            generator.grid([], truncation=truncation)


def test_grid_and_notebook_pictures(generator, vectors):
    assert generator.grid(range(6), columns=3, separator=1).size == (26, 17)
    assert generator.generate([1, 2])._repr_png_().startswith(b"\x89PNG")
    assert ImageList()._repr_png_() is None
    assert 'src="data:image/png;base64,' in generator._repr_html_()
    assert "<img" not in vectors._repr_html_()
    assert "&lt;Generator" in vectors._repr_html_()


@pytest.mark.parametrize("options", [{"device": "gpu"}, {"threads": 0}, {"threads": True}, {"precision": "int8"}])
def test_options_out_of_range_are_refused(folder, options):
    with pytest.raises(GanzooError, match=r"allowed|whole number"):
        Generator.from_bundle(folder, **options)


def test_asking_for_float16_of_a_bundle_without_it(folder):
    with pytest.raises(BundleError, match=r"has no 'onnx/model_fp16.onnx'"):
        Generator.from_bundle(folder, precision="float16")


def test_an_unsafe_graph_never_reaches_onnx_runtime(tmp_path, monkeypatch):
    model = tiny_bundles.image_model()
    model.graph.node[-2].op_type = "Loop"
    config = tiny_bundles.image_config()
    folder = write_bundle(tmp_path / "b", config=config, onnx=model.SerializeToString(), weights={}).folder
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: pytest.fail("a session was made"))
    with pytest.raises(BundleError, match="'Loop'"):
        Generator.from_bundle(folder)


def test_a_graph_that_onnx_runtime_refuses_is_one_line(tmp_path):
    model = tiny_bundles.image_model()
    model.graph.node[-3].attribute.append(onnx.helper.make_attribute("auto_pad", "WRONG"))
    config = tiny_bundles.image_config()
    folder = write_bundle(tmp_path / "b", config=config, onnx=model.SerializeToString(), weights={}).folder
    with pytest.raises(BundleError, match="ONNX Runtime refuses the graph") as caught:
        Generator.from_bundle(folder)
    assert "\n" not in str(caught.value)


def test_cuda_is_never_the_cpu_in_silence(folder, monkeypatch, capsys):
    """With a CPU build, and with a GPU build that leaves CUDA out without a word."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(MissingDependencyError, match=r"ganzoo-keras\[gpu\]"):
        Generator.from_bundle(folder, device="cuda")
    gpu_builds.pretend(monkeypatch, failure=None)
    with pytest.raises(MissingDependencyError, match="fell back to the CPU"):
        Generator.from_bundle(folder, device="cuda")
    assert Generator.from_bundle(folder, device="auto").device == "cpu"
    assert capsys.readouterr() == ("", "")


def test_cuda_that_fails_is_one_line_and_auto_takes_the_cpu(folder, monkeypatch, capsys):
    gpu_builds.pretend(monkeypatch, failure=gpu_builds.NO_DEVICE)
    with pytest.raises(MissingDependencyError) as caught:
        Generator.from_bundle(folder, device="cuda")
    assert "could not start CUDA: CUDA failure 100: no CUDA-capable device is detected. Check" in str(caught.value)
    assert Generator.from_bundle(folder).device == "cpu"
    assert capsys.readouterr() == ("", "")


def test_a_graph_that_the_cpu_refuses_too_is_at_fault(folder, monkeypatch):
    def refusing(content, options, providers, **others):
        raise RuntimeError("no kernel for Elu")

    gpu_builds.pretend(monkeypatch, failure=None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", refusing)
    with pytest.raises(BundleError, match="refuses the graph: no kernel for Elu"):
        Generator.from_bundle(folder, device="cuda")


@pytest.mark.parametrize(
    ("device", "raised", "words"),
    [
        (
            "cuda",
            "FAIL : CudaCall() CUBLAS failure 3: the resource allocation failed ; GPU=0 ; hostname=vm \n",
            "CUBLAS failure 3: the resource allocation failed. Check with nvidia-smi",
        ),
        ("cpu", "bad allocation\nin Gemm", "on cpu: bad allocation.$"),
    ],
)
def test_a_run_that_fails_is_one_line(folder, monkeypatch, device, raised, words):
    class Full:
        def run(self, outputs, feed):
            raise RuntimeError(raised)

    monkeypatch.setattr("ganzoo.inference.onnx_session.make_session", lambda *_, **__: (Full(), device))
    full = Generator.from_bundle(folder)
    with pytest.raises(GanzooError, match=words) as caught:
        full.sample([1])
    assert "\n" not in str(caught.value)


def test_no_onnx_runtime_says_what_to_install(folder, monkeypatch):
    monkeypatch.setattr(onnx_runtime, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'ganzoo-keras\[cpu\]'"):
        Generator.from_bundle(folder)


def test_two_onnx_runtimes_say_what_to_uninstall(tmp_path):
    (tmp_path / "onnxruntime-1.31.1.dist-info").mkdir()
    onnx_runtime.check_single_runtime(tmp_path)
    (tmp_path / "onnxruntime_gpu-1.31.1.dist-info").mkdir()
    with pytest.raises(MissingDependencyError, match="pip uninstall -y onnxruntime onnxruntime-gpu"):
        onnx_runtime.check_single_runtime(tmp_path)


def test_the_wall_holds_in_a_fresh_process(folder):
    """After load and generate, nothing heavy has been imported."""
    code = (
        "import sys; from ganzoo.inference.generator import Generator; "
        f"Generator.from_bundle({str(folder)!r}).generate(0); "
        "heavy = {'tensorflow', 'keras', 'onnx', 'tf2onnx', 'pydantic', 'huggingface_hub', 'typer', 'rich', 'yaml'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("seeds", [3, "39", [3], []])
def test_a_walk_needs_two_seeds(generator, seeds):
    with pytest.raises(GanzooError, match=r"[Ss]eed"):
        generator.walk(seeds, 3)
