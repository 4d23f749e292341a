"""Real generators through every exporter, with trained-like statistics. TensorFlow runs here."""

from __future__ import annotations

import collections
import json
import logging

import numpy as np
import onnx
import pytest

from exporters.generators import randomise, tiny_config
from ganzoo.bundle.folder import ONNX, ONNX_FP16, BundleFacts, read_bundle
from ganzoo.bundle.onnx_guard import check_onnx
from ganzoo.config.experiment import Config
from ganzoo.errors import BundleError, ExportError, RunError
from ganzoo.exporters import export_bundle, export_run, exporters
from ganzoo.exporters.base import Exporter
from ganzoo.exporters.bundle import bundle_config, float32_clone
from ganzoo.exporters.onnx import OnnxExporter, onnx_runtime, to_float16, to_onnx
from ganzoo.exporters.parity import FLOAT16_TOLERANCE, TOLERANCE, check_parity, keras_samples, measure
from ganzoo.inference.generator import Generator
from ganzoo.runs import Run
from ganzoo.training import checkpoint

pytest.importorskip("tensorflow")
from ganzoo.training import networks
from ganzoo.training.weight_names import named_variables, named_weights

VARIANTS = {
    "transposed, batch": {},
    "transposed, layer, gelu": {"norm": "layer", "activation": "gelu"},
    "nearest, pixel, silu, odd kernel": {
        "name": "upsample_conv",
        "interpolation": "nearest",
        "kernel_size": 5,
        "norm": "pixel",
        "activation": "silu",
    },
    "bilinear, spectral, elu": {
        "name": "upsample_conv",
        "interpolation": "bilinear",
        "norm": "spectral",
        "activation": "elu",
    },
    "pixel shuffle": {"name": "pixel_shuffle", "activation": "leaky_relu"},
    "residual, classes": {"name": "residual_up", "num_classes": 6},
    "transposed, classes in the normalization": {"num_classes": 6, "conditioning": "batch_norm"},
    "upsampling, self-modulated": {"name": "upsample_conv", "self_modulation": True},
    "upsampling, self-modulated, classes": {
        "name": "upsample_conv",
        "num_classes": 6,
        "conditioning": "batch_norm",
        "self_modulation": True,
    },
}


def generator_of(config):
    return randomise(networks.build_generator(config))


@pytest.fixture(scope="module")
def config():
    return tiny_config()


@pytest.fixture(scope="module")
def generator(config):
    return generator_of(config)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_block_becomes_the_same_onnx_folded_and_halved(variant):
    config = tiny_config(**VARIANTS[variant])
    generator = generator_of(config)
    model = to_onnx(generator, num_classes=config.num_classes)
    onnx.checker.check_model(model, full_check=True)
    for graph, tolerance in ((model, TOLERANCE), (to_float16(model), FLOAT16_TOLERANCE)):
        content = graph.SerializeToString()
        check_onnx(content, bundle_config(config))
        runtime = onnx_runtime(content)
        error = check_parity(
            generator,
            runtime,
            distribution="normal",
            tolerance=tolerance,
            name="x",
            num_classes=config.num_classes,
        )
        assert error > 0 or tolerance < 1e-4
    operations = collections.Counter(node.op_type for node in model.graph.node)
    assert not operations["Tile"] + operations["Shape"] + operations["Cast"]
    ups = {"upsample_conv": 1, "residual_up": 4}.get(config.generator.block.registered_name, 0)
    assert operations["Resize"] == ups, "one operation each time that an image is enlarged"
    assert b"tf_half_pixel_for_nn" not in model.SerializeToString(), "ONNX Runtime warns of it at every load"
    plain = not config.num_classes and not config.generator.self_modulation
    if config.generator.block.norm.registered_name == "batch" and "residual" not in variant and plain:
        assert not operations["Mul"] + operations["Add"], operations


def test_folding_is_what_removes_batch_normalization(generator):
    """Without it Mul and Add are there: the test above could fail."""
    operations = collections.Counter(node.op_type for node in to_onnx(generator, fold=False).graph.node)
    assert operations["Mul"] == operations["Add"] == 2


def test_names_types_and_shapes_of_the_graph():
    config = tiny_config(num_classes=6)
    model = to_onnx(generator_of(config))

    def described(values):
        return {
            v.name: (v.type.tensor_type.elem_type, [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim])
            for v in values
        }

    assert described(model.graph.input) == {"latent": (1, ["batch", 16]), "label": (6, ["batch"])}
    assert described(model.graph.output) == {"image": (1, ["batch", 16, 16, 3])}
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
    assert not model.graph.value_info
    assert "Less" in [node.op_type for node in model.graph.node], "without the number of classes, labels are wrapped"


@pytest.mark.slow
def test_the_converter_keeps_quiet(generator, capfd):
    root = logging.getLogger().handlers[:]
    to_onnx(generator)
    captured = capfd.readouterr()
    assert "tf2onnx" not in captured.out + captured.err
    assert "Unsupported" not in captured.out + captured.err
    assert logging.getLogger().handlers == root


def test_an_operation_that_onnx_lacks_is_named():
    import keras

    latent = keras.Input((4,), name="latent")
    x = keras.layers.Lambda(lambda z: keras.ops.erfinv(z))(latent)
    with pytest.raises(ExportError, match=r"cannot be converted to ONNX: .*Erfinv"):
        to_onnx(keras.Model([latent], x))


def test_a_model_with_other_inputs_is_refused():
    import keras

    noise = keras.Input((4,), name="noise")
    with pytest.raises(ExportError, match="this model has noise"):
        to_onnx(keras.Model([noise], keras.layers.Dense(2)(noise)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "savedmodel", "tflite"])
@pytest.mark.parametrize("variant", ["transposed, classes in the normalization", "residual, classes"])
def test_every_exporter_writes_what_it_can_run(name, variant, tmp_path, capfd):
    config = tiny_config(**VARIANTS[variant])
    exporter = exporters.get(name)()
    path = tmp_path / exporter.file_name
    generator = generator_of(config)
    capfd.readouterr()
    for _ in range(2):  # the second replaces the first
        error = exporter.export(generator, path, distribution="normal", num_classes=6)
    assert 0 <= error < 2e-5
    assert [p.name for p in tmp_path.iterdir()] == [exporter.file_name]
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_names_types_and_shapes_of_the_other_forms(tmp_path):
    import tensorflow as tf

    generator = generator_of(tiny_config(num_classes=6))
    for name in ("savedmodel", "tflite"):
        exporters.get(name)().export(generator, tmp_path / name, distribution="normal", num_classes=6)
    serve = tf.saved_model.load(str(tmp_path / "savedmodel")).signatures["serving_default"]
    inputs = {"latent": ([None, 16], "float32"), "label": ([None], "int32")}
    output = {"image": ([None, 16, 16, 3], "float32")}

    def described(specs):
        return {name: (spec.shape.as_list(), spec.dtype.name) for name, spec in specs.items()}

    assert described(serve.structured_input_signature[1]) == inputs
    assert described(serve.structured_outputs) == output
    with pytest.warns(UserWarning, match="deprecated"):
        interpreter = tf.lite.Interpreter(str(tmp_path / "tflite"))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["label", "latent"], "outputs": ["image"]}
    }
    kinds = {tuple(found["shape_signature"]): found["dtype"] for found in interpreter.get_input_details()}
    assert kinds == {(-1, 16): np.float32, (-1,): np.int32}


def within_the_cube():
    """A generator of latents in [-1, 1], as a uniform distribution gives: what is outside makes NaN."""
    import keras

    latent = keras.Input((16,), name="latent")
    inside = keras.layers.Lambda(lambda z: keras.ops.sqrt(1.0 - z * z))(latent)
    image = keras.layers.Reshape((16, 16, 3))(keras.layers.Dense(768, activation="tanh")(inside))
    return keras.Model([latent], image)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "savedmodel", "tflite"])
def test_parity_is_measured_on_the_latents_of_the_model(name, tmp_path):
    exporter = exporters.get(name)()
    assert exporter.export(within_the_cube(), tmp_path / "x", distribution="uniform") < 1e-5
    with pytest.raises(ExportError, match="not finite"):
        exporter.export(within_the_cube(), tmp_path / "x", distribution="normal")


def test_a_bundle_of_uniform_latents_is_compared_on_them(tmp_path):
    values = tiny_config().to_dict()
    config = Config.read({**values, "generator": {**values["generator"], "latent": "uniform"}})
    export_bundle(within_the_cube(), config, tmp_path / "b", fp16=True)
    assert read_bundle(tmp_path / "b").metadata.facts.parity_error < 1e-5
    with pytest.raises(ExportError, match="not finite"):
        export_bundle(within_the_cube(), tiny_config(), tmp_path / "c")


def test_a_format_of_a_plugin_that_is_a_folder_is_replaced(generator, tmp_path):
    class Arrays(Exporter):
        folder_files = ("weights.txt", "more")

        def write(self, generator, path):
            (path / "more").mkdir(parents=True)
            (path / "weights.txt").write_text("1")

        def load(self, path):
            return lambda z, labels: np.asarray(generator(z))

    for _ in range(2):
        Arrays().export(generator, tmp_path / "x", distribution="normal")
    (tmp_path / "x" / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match=r"not replaced: 'thesis\.txt'"):
        Arrays().export(generator, tmp_path / "x", distribution="normal")
    (tmp_path / "x" / "thesis.txt").rename(tmp_path / "x" / "more" / "thesis.txt")
    (tmp_path / "x" / "weights.txt").unlink()
    with pytest.raises(ExportError, match="not replaced: 'more'"):
        Arrays().export(generator, tmp_path / "x", distribution="normal")


@pytest.mark.parametrize("name", ["onnx", "tflite"])
def test_a_folder_is_not_replaced_by_a_file(generator, tmp_path, name):
    exporter = exporters.get(name)()
    (tmp_path / "out").mkdir()
    with pytest.raises(ExportError, match=f"is a folder, and this format is one file; name it: .*{exporter.file_name}"):
        exporter.export(generator, tmp_path / "out", distribution="normal")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
def test_a_folder_with_other_files_is_not_replaced_by_a_savedmodel(generator, tmp_path):
    path = tmp_path / "mine"
    path.mkdir()
    (path / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="not replaced"):
        exporters.get("savedmodel")().export(generator, path, distribution="normal")
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
    assert (path / "thesis.txt").read_text() == "years of work"
    (path / "thesis.txt").rename(tmp_path / "thesis.txt")
    (path / ".DS_Store").write_text("")
    exporters.get("savedmodel")().export(generator, path, distribution="normal")
    (tmp_path / "thesis.txt").rename(path / "thesis.txt")
    with pytest.raises(ExportError, match=r"not replaced: 'thesis\.txt'"):
        exporters.get("savedmodel")().export(generator, path, distribution="normal")
    assert (path / "saved_model.pb").exists()
    assert (path / "thesis.txt").read_text() == "years of work"


class Wrong(OnnxExporter):
    """Writes the ONNX of another generator."""

    def load(self, path):
        runtime = super().load(path)
        return lambda z, labels: runtime(z, labels) + np.float32(2e-4)


def test_a_difference_above_the_tolerance_is_refused_and_nothing_is_written(generator, tmp_path):
    (tmp_path / "model.onnx").write_text("before")
    with pytest.raises(ExportError, match=r"differs from Keras by 0\.0002; allowed: 0\.0001"):
        Wrong().export(generator, tmp_path / "model.onnx", distribution="normal")
    assert (tmp_path / "model.onnx").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def test_parity_sees_one_wrong_sample_of_seven_and_nan(generator):
    def runtime(change):
        def run(z, labels):
            samples = keras_samples(generator, z, labels).copy()
            if len(z) == 7:
                samples[6, 0, 0, 0] += change
            return samples

        return run

    assert measure(generator, runtime(0.0), distribution="normal") == 0
    assert measure(generator, runtime(np.float32(0.5)), distribution="normal") == pytest.approx(0.5)
    with pytest.raises(ExportError, match="not finite"):
        check_parity(generator, runtime(np.float32("nan")), distribution="normal", tolerance=1e-4, name="x")
    with pytest.raises(ExportError, match=r"generates \[1, 2\]; Keras generates"):
        measure(generator, lambda z, labels: np.zeros((1, 2), np.float32), distribution="normal")


def test_float16_refuses_weights_it_cannot_hold(config):
    model = to_onnx(generator_of(config))
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 4)
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] = 1e5
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    with pytest.raises(ExportError, match="float16 allows 65504"):
        to_float16(model)


def test_a_float16_graph_that_overflows_is_refused(config, tmp_path):
    generator = generator_of(config)
    for weight in generator.weights:
        if weight.name == "gamma":
            weight.assign(weight * 2e4)
    with pytest.raises(ExportError, match="float16 export"):
        export_bundle(generator, config, tmp_path / "b", fp16=True)
    assert not list(tmp_path.iterdir())


def test_a_bundle_holds_the_generator(generator, config, tmp_path):
    export_bundle(generator, config, tmp_path / "b", fp16=True, facts=BundleFacts(training_step=3))
    bundle = read_bundle(tmp_path / "b")
    assert bundle.config.latent.dim == 16
    assert bundle.metadata.facts.training_step == 3
    assert 0 < bundle.metadata.facts.parity_error < 1e-4
    assert len(bundle.read(ONNX_FP16)) < 0.6 * len(bundle.read(ONNX))
    assert bundle.config.versions["keras"]
    assert bundle.config.model["generator"]["latent_dim"] == 16
    for name, weight in named_weights(generator).items():
        np.testing.assert_array_equal(bundle.weights()[name], weight)
    for precision, atol in (("float32", 1e-5), ("float16", FLOAT16_TOLERANCE)):
        loaded = Generator.from_bundle(tmp_path / "b", precision=precision)
        z = loaded.latents(range(5))
        np.testing.assert_allclose(loaded.decode(z), keras_samples(generator, z, None), atol=atol)


def test_mixed_precision_is_exported_in_float32(config, tmp_path):
    mixed = randomise(networks.build_generator(config, precision="mixed_bfloat16"))
    clone = float32_clone(mixed, config)
    assert clone is not mixed
    z = np.random.RandomState(0).standard_normal((4, 16)).astype(np.float32)
    assert np.abs(keras_samples(mixed, z, None) - keras_samples(clone, z, None)).max() > 1e-3
    export_bundle(mixed, config, tmp_path / "b")
    loaded = Generator.from_bundle(tmp_path / "b")
    np.testing.assert_allclose(loaded.decode(z), keras_samples(clone, z, None), atol=1e-5)


def test_an_exported_bundle_of_vectors(tmp_path):
    from ganzoo.config.zoo import load_config

    config = load_config("dense-ring8")
    export_bundle(generator_of(config), config, tmp_path / "b")
    assert Generator.from_bundle(tmp_path / "b").sample(range(3)).shape == (3, 2)


@pytest.fixture
def run(config, tmp_path):
    """A run as training leaves it: config.yaml and two checkpoints."""
    from ganzoo.config.yaml_files import dump

    run = Run(tmp_path / "tiny" / "001")
    run.folder.mkdir(parents=True)
    (run.folder / "config.yaml").write_text(dump(config.to_dict()))
    for step in (5, 10):
        model = randomise(networks.build_generator(config), seed=step)
        state = {"ema": {name: np.asarray(v) for name, v in named_variables(model.variables).items()}}
        checkpoint.save(run.folder / "checkpoints", step=step, state=state, keep=2)
    return run


@pytest.mark.slow
def test_a_run_is_exported_at_its_newest_whole_checkpoint(run, config):
    z = np.random.RandomState(0).standard_normal((2, 16)).astype(np.float32)
    for damaged, step in ((False, 10), (True, 5)):
        if damaged:
            file = run.folder / "checkpoints" / "step-00000010" / "ema.safetensors"
            file.write_bytes(file.read_bytes()[:-9])
        folder = export_run(run)
        assert folder == run.folder / "bundle"
        assert read_bundle(folder).metadata.facts.training_step == step
        expected = keras_samples(randomise(networks.build_generator(config), seed=step), z, None)
        np.testing.assert_allclose(Generator.from_bundle(folder).decode(z), expected, atol=1e-5)


def test_the_bundle_of_a_run_tells_of_its_training(run):
    log = [{"step": 1, "seconds": 2.0}, {"step": 2, "seconds": 5.0}, {"step": 3, "seconds": 1.5}]
    (run.folder / "log.jsonl").write_text("\n".join(map(json.dumps, log)))
    facts = read_bundle(export_run(run)).metadata.facts
    assert facts.training["config"]["name"] == "tiny"
    assert facts.training["seconds"] == 6.5


@pytest.mark.slow
def test_every_form_of_a_run_is_compared_on_its_latents(run, monkeypatch):
    from ganzoo.config.yaml_files import dump

    values = run.config.to_dict()
    uniform = {**values, "generator": {**values["generator"], "latent": "uniform"}}
    (run.folder / "config.yaml").write_text(dump(uniform))
    seen = []

    def spy(generator, runtime, *, distribution, name, **_):
        seen.append((name, distribution))
        return 0.0

    monkeypatch.setattr("ganzoo.exporters.base.check_parity", spy)
    monkeypatch.setattr("ganzoo.exporters.bundle.check_parity", spy)
    export_run(Run(run.folder), formats=["fp16", "savedmodel", "tflite"])
    assert seen == [(name, "uniform") for name in ("onnx", "onnx float16", "savedmodel", "tflite")]


@pytest.mark.slow
def test_other_forms_of_a_run(run, tmp_path):
    assert export_run(run, formats=["tflite"]) == run.folder / "model.tflite"
    assert export_run(run, tmp_path / "mine.tflite", formats=["tflite"]) == tmp_path / "mine.tflite"
    assert (tmp_path / "mine.tflite").stat().st_size > 1000
    with pytest.raises(ExportError, match="Nothing to export"):
        export_run(run, formats=[])


def test_a_run_without_a_checkpoint_or_with_another_config(run):
    config = tiny_config(kernel_size=5)
    from ganzoo.config.yaml_files import dump

    (run.folder / "config.yaml").write_text(dump(config.to_dict()))
    with pytest.raises(RunError, match=r"does not match its config\.yaml"):
        export_run(Run(run.folder))
    import shutil

    shutil.rmtree(run.folder / "checkpoints")
    with pytest.raises(RunError, match="no checkpoint yet"):
        export_run(run)


def test_an_export_never_replaces_what_is_no_bundle(generator, config, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.txt").write_text("years of work")
    with pytest.raises(BundleError, match="not replaced"):
        export_bundle(generator, config, tmp_path / "b")
    assert [p.name for p in (tmp_path / "b").iterdir()] == ["thesis.txt"]
