"""Tests the model of Triton that a bundle becomes. No server runs here."""

import re

import onnxruntime
import pytest
import tiny_bundles
from typer.testing import CliRunner

from ganzoo.bundle.folder import ONNX
from ganzoo.bundle.triton import write_triton_model
from ganzoo.cli.main import app
from ganzoo.errors import GanzooError
from ganzoo.resolve import resolve

TYPES = {"tensor(float)": "TYPE_FP32", "tensor(int32)": "TYPE_INT32"}
TENSOR = re.compile(r'{ name: "(\w+)" data_type: (\w+) dims: \[ ([\d, ]+) \](?: reshape: { shape: \[ \] })? }')


@pytest.fixture
def bundle(tmp_path):
    return tiny_bundles.image_bundle(tmp_path / "b", num_classes=3)


@pytest.mark.parametrize("name", ["faces-64", "digits-28", "dense"])
def test_the_configuration_is_that_of_the_graph(name, tmp_path):
    bundle = tiny_bundles.vector_bundle(tmp_path / "b") if name == "dense" else resolve(name, files=[ONNX])
    folder = write_triton_model(bundle, tmp_path / "models" / name)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [
        "1",
        "1/model.onnx",
        "config.pbtxt",
    ]
    text = (folder / "config.pbtxt").read_text(encoding="utf-8")
    assert f'\nname: "{name}"\n' in text
    session = onnxruntime.InferenceSession(folder / "1" / "model.onnx")
    inputs, outputs = text[text.index("input [") :].split("output [")
    for part, tensors in ((inputs, session.get_inputs()), (outputs, session.get_outputs())):
        expected = [(t.name, TYPES[t.type], ", ".join(map(str, t.shape[1:])) or "1") for t in tensors]
        assert TENSOR.findall(part) == expected
    assert text.count("reshape: { shape: [ ] }") == (len(session.get_inputs()) == 2), "only the label is a scalar"


def test_an_older_model_is_replaced_and_a_folder_of_the_user_is_not(bundle, tmp_path):
    folder = tmp_path / "models" / "m"
    folder.mkdir(parents=True)
    (folder / "config.pbtxt").write_text('name: "mine"')
    with pytest.raises(GanzooError, match="is not a Triton model of ganzoo, so it was not replaced"):
        write_triton_model(bundle, folder)
    assert (folder / "config.pbtxt").read_text() == 'name: "mine"'
    (folder / "config.pbtxt").unlink()
    with pytest.raises(GanzooError, match="was not replaced"):
        write_triton_model(bundle, folder)
    folder.rmdir()
    for _ in range(2):
        write_triton_model(bundle, folder)
    assert [path.name for path in folder.parent.iterdir()] == ["m"], "no leftovers"


@pytest.mark.parametrize("name", ["2/model.onnx", "1/labels.txt", "notes.txt"])
def test_a_model_with_files_of_the_user_is_not_replaced(bundle, tmp_path, name):
    folder = write_triton_model(bundle, tmp_path / "models" / "m")
    (folder / ".DS_Store").write_text("")
    write_triton_model(bundle, folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    with pytest.raises(GanzooError, match=r"files that ganzoo did not write, so it was not replaced: '"):
        write_triton_model(bundle, folder)
    assert (folder / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["a b", 'x"', "", ".hidden", "x" * 129])
def test_names_that_triton_cannot_have_are_refused(bundle, tmp_path, name):
    with pytest.raises(GanzooError, match="allowed are letters"):
        write_triton_model(bundle, tmp_path / name if name else type(tmp_path)("/"))


def test_nothing_is_written_into_a_bundle_or_without_a_graph(bundle, tmp_path):
    with pytest.raises(GanzooError, match="is in the bundle"):
        write_triton_model(bundle, bundle.folder / "models")
    (bundle.folder / "onnx" / "model.onnx").write_bytes(b"x")
    with pytest.raises(GanzooError, match=r"model\.onnx"):
        write_triton_model(bundle, tmp_path / "models" / "m")
    assert not (tmp_path / "models").exists()


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["export", "zoo:digits-28", "--triton"])
    assert (done.exit_code, done.stdout) == (0, "models/digits-28\n")
    assert "tritonserver --model-repository=models" in done.stderr
    done = CliRunner().invoke(app, ["export", "zoo:digits-28", "--triton", "--html"])
    assert done.exit_code == 2
    assert "--triton is used without other formats" in done.stderr
