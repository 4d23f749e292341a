"""Messages repeat the facts of other libraries' errors, but not their advice."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import BaseModel

from ganzoo.data.base import data_sources
from ganzoo.errors import BundleError, GanzooError, reason

FOREIGN = ("pickle", "unsafe", "http", "visit", "please", "max_header_size", "`", "pattern '", "Input should", "[Errno")


class Number(BaseModel):
    number: int


def objects(save):
    file = io.BytesIO()
    save(file, np.array([{}], object))
    return file.getvalue()


def advise(error, text):
    raise error(text)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda: np.load(io.BytesIO(b"hello"), allow_pickle=False), "Python objects, which ganzoo never reads"),
        (lambda: np.load(io.BytesIO(objects(np.save)), allow_pickle=False), "Python objects, which ganzoo never reads"),
        (lambda: np.load(io.BytesIO(objects(np.savez)))["arr_0"], "Python objects, which ganzoo never reads"),
        (lambda: np.load(io.BytesIO(b"\x93NUMPY\x01\x00" + b"\x20\x4e" + b"{" * 20000)), "ValueError"),
        (lambda: zipfile.ZipFile(io.BytesIO(b"x")), "File is not a zip file"),
        (lambda: json.loads("[" * 10**6), "nested too deeply"),
        (lambda: yaml.safe_load("[" * 2000), "nested too deeply"),
        (lambda: b"\xff".decode(), "it is not UTF-8 text"),
        (lambda: Path("/nonexistent/file").read_bytes(), "No such file or directory"),
        (lambda: Number(number="x"), "1 validation error for Number"),
        (lambda: advise(ValueError, "Invalid id: x. Please pass `repo_type` argument."), "Invalid id: x"),
        (lambda: advise(OSError, "Broken. See https://example.org"), "Broken"),
        (lambda: advise(OSError, "See https://example.org"), "OSError"),
        (lambda: advise(ValueError, ""), "ValueError"),
        (lambda: advise(ValueError, "a\x1b[31mb\nc"), "a [31mb"),
        (lambda: advise(MemoryError, ""), "not enough memory"),
        (lambda: advise(BundleError, "Two lines.\nBoth: ganzoo pull x"), "Two lines.\nBoth: ganzoo pull x"),
    ],
)
def test_the_reason(action, words):
    with pytest.raises(Exception) as raised:
        action()
    assert words in reason(raised.value)
    if not isinstance(raised.value, GanzooError):
        assert "\n" not in reason(raised.value)
        assert not any(foreign in reason(raised.value) for foreign in FOREIGN)


FILES = {
    "objects.npy": objects(np.save),
    "objects.npz": objects(lambda file, array: np.savez(file, samples=array)),
    "cut.npy": b"\x93NUMPY\x01\x00",
    "long.npy": b"\x93NUMPY\x01\x00" + b"\x20\x4e" + b"{" * 20000,
    "text.npy": b"hello",
    "cut.npz": b"PK\x03\x04",
    "empty": b"",
    "a.tar.gz": b"x",
}


@pytest.mark.parametrize("name", [*FILES, "a folder", "nothing"])
@pytest.mark.parametrize("source", [name for name in data_sources.names() if data_sources.get(name).accepts_path])
def test_no_source_of_data_passes_advice_on(tmp_path, source, name):
    path = tmp_path / name
    if name in FILES:
        path.write_bytes(FILES[name])
    elif name == "a folder":
        path.mkdir()
    part = data_sources.create({"source": source, "path": str(path)})
    with pytest.raises(GanzooError) as said:
        part.load(cache_dir=tmp_path / "cache", quiet=True)
    text = str(said.value).partition(" Get img")[0]  # where CelebA is, is our own advice
    assert len(text.splitlines()) <= 2
    assert not any(foreign in text for foreign in FOREIGN if foreign != "pickle"), text


@pytest.mark.parametrize(
    "text", ["", "- 1", "a: [", "\tx", "a: " + "[" * 5000, "name: a b", "data: 5", "training: {steps: x}"]
)
def test_no_yaml_file_passes_advice_on(tmp_path, text):
    import ganzoo

    path = tmp_path / "mine.yaml"
    path.write_text(f"data: ring8\n{text}" if ":" in text and "data" not in text else text)
    with pytest.raises(GanzooError) as said:
        ganzoo.load_config(path)
    assert not any(foreign in str(said.value) for foreign in (*FOREIGN, "NoneType", "dictionary", "tuple"))
