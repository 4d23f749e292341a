"""Tests the names of export formats, in Python and on the command line, with an exporter of a plug-in."""

import shutil

import numpy as np
import pytest
from helpers import tiny_vectors

import ganzoo
from ganzoo.cli import complete
from ganzoo.errors import ExportError, UnknownNameError
from ganzoo.exporters.base import Exporter, exporters
from ganzoo.exporters.formats import Formats, format_names
from ganzoo.exporters.onnx import OnnxExporter
from ganzoo.exporters.savedmodel import SavedModelExporter
from ganzoo.exporters.tflite import TFLiteExporter
from ganzoo.runs import Run


class Archive(Exporter):
    """Keras' own archive, as in docs/extend/exporter.md."""

    file_name = "model.keras"
    registered_name = "keras_archive"

    def write(self, generator, path):
        generator.save(path.with_suffix(".keras"))
        shutil.move(path.with_suffix(".keras"), path)

    def load(self, path):
        import keras

        shutil.copy(path, path.with_suffix(".keras"))
        model = keras.saving.load_model(path.with_suffix(".keras"))
        path.with_suffix(".keras").unlink()
        return lambda z, labels: np.asarray(model([z] if labels is None else [z, labels]))


@pytest.fixture
def plugin(monkeypatch):
    monkeypatch.setitem(exporters._parts, "keras_archive", Archive)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return ganzoo.train(tiny_vectors(), root=tmp_path_factory.mktemp("runs"), quiet=True)


def test_names_are_those_of_the_bundle_and_of_every_exporter(plugin):
    assert format_names() == sorted({"onnx", "fp16", "critic", *exporters.names()})
    assert "keras_archive" in format_names()
    assert complete.formats("ker") == ["keras_archive"]


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["onnx"], Formats(True, False, False, ())),
        (("fp16",), Formats(True, True, False, ())),
        (["critic"], Formats(True, False, True, ())),
        (["tflite"], Formats(False, False, False, (TFLiteExporter(),))),
        ([{"name": "tflite", "tolerance": 0.01}], Formats(False, False, False, (TFLiteExporter(tolerance=0.01),))),
        (["onnx", TFLiteExporter()], Formats(True, False, False, (TFLiteExporter(),))),
        (
            ["tflite", "onnx", "tflite", "savedmodel"],
            Formats(True, False, False, (TFLiteExporter(), SavedModelExporter())),
        ),
    ],
    ids=str,
)
def test_what_names_mean(names, wanted):
    assert Formats.of(names) == wanted


def test_paths(tmp_path):
    run, mine = Run(tmp_path / "model/001"), tmp_path / "out/mine"
    assert Formats.of(["onnx"]).paths(run) == {"onnx": run.folder / "bundle"}
    assert Formats.of(["tflite"]).paths(run) == {"tflite": run.folder / "model.tflite"}
    assert Formats.of(["tflite"]).paths(run, mine) == {"tflite": mine}
    assert Formats.of(["tflite", "fp16"]).paths(run, mine) == {"onnx": mine, "tflite": tmp_path / "out/model.tflite"}
    both = {"tflite": tmp_path / "out/model.tflite", "savedmodel": tmp_path / "out/savedmodel"}
    assert Formats.of(["tflite", "savedmodel"]).paths(run, mine) == both


def test_paths_of_a_blend_are_not_those_of_the_run(tmp_path):
    run, mine = Run(tmp_path / "model/001"), tmp_path / "out/mine"
    three = Formats.of(["onnx", "tflite", "savedmodel"])
    names = ["bundle-blend-0.35", "model-blend-0.35.tflite", "savedmodel-blend-0.35"]
    assert list(three.paths(run, share=0.35).values()) == [run.folder / name for name in names]
    assert Formats.of(["tflite"]).paths(run, share=0.35) == {"tflite": run.folder / names[1]}
    assert three.paths(run, mine, share=0.35) == three.paths(run, mine)


@pytest.mark.parametrize(
    ("names", "kind", "message"),
    [
        (
            ["tflight"],
            UnknownNameError,
            r"No export format 'tflight'. Did you mean 'tflite'\? Allowed: critic, fp16, onnx, ",
        ),
        (["onnx", "fp6"], UnknownNameError, r"No export format 'fp6'. Did you mean 'fp16'\?"),
        ([""], UnknownNameError, "No export format ''. Allowed"),
        ("onnx", ExportError, r"formats: received 'onnx'; allowed is a list of names, such as \['onnx', 'tflite'\]"),
        ([3], ExportError, r"formats: received \[3\]"),
        ({"tflite": {}}, ExportError, r"received \{'tflite': \{\}\}; .* as in \[\{'name': 'tflite'"),
        ([{"tolerance": 1}], ExportError, r"received \[\{'tolerance': 1\}\]; allowed is a list of names"),
        ([{"name": "tflight"}], UnknownNameError, "Did you mean 'tflite'"),
        (
            [{"name": "tflite", "tolerence": 0.1}],
            ExportError,
            r"tflite\.tolerence: no such key\. Did you mean 'tolerance'",
        ),
        ([{"name": "tflite", "tolerance": 5}], ExportError, r"formats: tflite\.tolerance = 5: allowed is 0\.1 at most"),
        (
            [{"name": "onnx", "fp16": True}],
            ExportError,
            "'onnx' stands for a bundle, which takes no options",
        ),
        ([Exporter()], ExportError, "the exporter Exporter needs a file_name, and a name"),
        ([OnnxExporter(fold=False)], ExportError, "'onnx' stands for a bundle"),
        (
            ["tflite", {"name": "tflite", "tolerance": 0.1}],
            ExportError,
            r"'tflite' and 'tflite' both write model\.tflite",
        ),
        (None, ExportError, "formats: received None"),
        (7, ExportError, "formats: received 7"),
        ([], ExportError, "Nothing to export; choose one or more of critic, fp16, onnx, "),
    ],
    ids=str,
)
def test_wrong_names_are_one_line(names, kind, message):
    with pytest.raises(kind, match=message) as raised:
        Formats.of(names)
    assert "\n" not in str(raised.value)


def test_two_formats_with_the_same_file_are_refused(plugin, monkeypatch):
    monkeypatch.setattr(Archive, "file_name", "model.tflite")
    with pytest.raises(ExportError, match=r"'tflite' and 'keras_archive' both write model\.tflite"):
        Formats.of(["tflite", "keras_archive"])


def test_wrong_formats_fail_before_tensorflow(run, monkeypatch):
    monkeypatch.setattr("ganzoo.environment.requirements.find_spec", lambda module: None)
    with pytest.raises(UnknownNameError, match="tflite"):
        ganzoo.export(run, formats=["tflight"])
    with pytest.raises(ExportError, match="received 'onnx'"):
        ganzoo.export(run, formats="onnx")


@pytest.mark.slow
def test_an_exporter_of_a_plugin_from_python_and_from_the_command_line(plugin, run, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from ganzoo.cli.main import app

    assert ganzoo.export(run, tmp_path / "mine.keras", formats=["keras_archive"]) == tmp_path / "mine.keras"
    assert ganzoo.export(run, formats=("keras_archive", "onnx")) == run.folder / "bundle"
    (run.folder / "model.keras").unlink()
    monkeypatch.chdir(tmp_path)
    options = "{name: tflite, tolerance: 0.01}"
    arguments = ["export", str(run.folder), "--format", "keras_archive", "--format", options]
    done = CliRunner().invoke(app, arguments, prog_name="ganzoo")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [str(run.folder / name) for name in ("model.keras", "model.tflite")]
    assert all((run.folder / name).stat().st_size for name in ("model.keras", "model.tflite"))
    wrong = CliRunner().invoke(app, ["export", str(run.folder), "--format", "keras_archiv"], prog_name="ganzoo")
    assert wrong.exit_code == 2
    assert "Did you mean 'keras_archive'?" in wrong.stderr
    assert "Traceback" not in wrong.output
    for text, message in (("{name: tflite, tolerance: 9}", "tflite.tolerance = 9"), ("{name: ", "--format")):
        wrong = CliRunner().invoke(app, ["export", str(run.folder), "--format", text], prog_name="ganzoo")
        assert wrong.exit_code == 2 and message in wrong.stderr and "Traceback" not in wrong.output
