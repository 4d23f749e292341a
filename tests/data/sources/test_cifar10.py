import os
import pickle
import pickletools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.publishers import (
    binary_batch,
    cifar_files,
    cifar_rows,
    python2_pickle,
    python3_pickle,
    write_files,
    write_tar,
)
from ganzoo.data import data_sources
from ganzoo.data.reading.cifar_pickle import read_pickled_batch
from ganzoo.errors import DataError


def source(path=None, **fields):
    return data_sources.create({"source": "cifar10", **({"path": str(path)} if path else {}), **fields})


@pytest.mark.parametrize("kind", ["python2", "python3", "binary"])
def test_folder_tar_and_folder_above_give_the_same_images(tmp_path, cache, kind):
    files, images, labels = cifar_files(kind=kind)
    folder = "cifar-10-batches-bin" if kind == "binary" else "cifar-10-batches-py"
    archive = "cifar-10-binary.tar.gz" if kind == "binary" else "cifar-10-python.tar.gz"
    write_files(tmp_path / "above" / folder, files)
    write_tar(tmp_path / "tars" / archive, files, folder, backwards=True)
    paths = (tmp_path / "above", tmp_path / "above" / folder, tmp_path / "tars", tmp_path / "tars" / archive)
    for path in paths:
        dataset = source(path).load()
        assert (dataset.samples == images).all()
        assert dataset.labels.tolist() == labels
        assert dataset.class_names[:2] == ("airplane", "automobile")


def test_handwritten_python2_pickle_is_a_true_one():
    rows, labels = cifar_rows(3)
    found = pickle.loads(python2_pickle(rows, labels), encoding="bytes")
    assert (found[b"data"] == rows).all()
    assert found[b"labels"] == labels


def test_splits_and_resolution(tmp_path, cache):
    files, images, _ = cifar_files()
    write_files(tmp_path / "d", files)
    assert source(tmp_path / "d", split="test").load().samples.shape == (4, 32, 32, 3)
    assert len(source(tmp_path / "d", split="all").load()) == 24
    small = source(tmp_path / "d", resolution=16, channels=1).load().samples
    assert small.shape == (20, 16, 16, 1)
    assert abs(small.mean() - (images @ [0.299, 0.587, 0.114]).mean()) < 2


@pytest.mark.parametrize("where", ["cifar-10-batches-py", "cifar-10-batches-py-target/cifar-10-batches-py", "tar"])
def test_as_keras_leaves_it(tmp_path, cache, monkeypatch, where):
    files, images, _ = cifar_files()
    home = tmp_path / "home" / "datasets"
    if where == "tar":
        write_tar(home / "cifar-10-batches-py.tar.gz", files)
    else:
        write_files(home / where, files)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    assert (source().load().samples == images).all()


def test_without_network_it_says_what_to_put_where(cache):
    with pytest.raises(DataError) as caught:
        source().load()
    message = str(caught.value)
    assert "Cannot download" in message
    assert "cifar-10-python.tar.gz" in message
    assert "--data PATH" in message
    assert "\n" not in message


class Runs:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments"),
    [(os.system, ("touch executed",)), (eval, ("open('executed', 'w')",)), (exec, ("open('executed', 'w')",)),
     (os.mkdir, ("executed",)), (np.save, ("executed", 1)), (getattr, (os, "system"))],
)  # fmt: skip
def test_malicious_pickle_is_refused_and_never_runs(tmp_path, cache, monkeypatch, protocol, function, arguments):
    monkeypatch.chdir(tmp_path)
    if arguments[0] is not os:
        pickle.loads(pickle.dumps(Runs(function, *arguments), protocol))  # it is a true attack
        assert list(tmp_path.iterdir())
        for path in tmp_path.iterdir():
            path.rmdir() if path.is_dir() else path.unlink()
        attack = pickle.dumps({b"data": Runs(function, *arguments), b"labels": [1]}, protocol)
    else:
        attack = b"cbuiltins\ngetattr\n(cos\nsystem\nS'__call__'\ntR."
    files, _, _ = cifar_files()
    write_files(tmp_path / "d", {**files, "data_batch_3": attack})
    with pytest.raises(DataError, match=r"data_batch_3 is rejected: it uses \w+"):
        source(tmp_path / "d").load()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("executed")] == []


@pytest.mark.parametrize(
    "attack",
    [
        b"\x80\x02cnumpy\ndtype\n\x8c\x01x\x93.",
        b"\x80\x02cnumpy.core.multiarray\nfromfile\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x0ectypeslib.load\x93.",
        b"\x80\x02\x82\x01.",  # the extension registry
        b"\x80\x02Pother\n.",  # another file
        b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
        b"c_codecs\ndecode\n(S'x'\nS'rot13'\ntR.",
    ],
)
def test_other_ways_in_are_closed(attack):
    with pytest.raises(ValueError, match=r"is rejected|is not a pickled batch"):
        read_pickled_batch(attack)


def test_a_pickle_leaves_no_trace_in_the_reader():
    # Sets the attribute __setstate__ of what stands for numpy.ndarray; the next batch must still read well.
    rows, labels = cifar_rows(2)
    attack = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nN}U\x0c__defaults__Nsb\x86b."
    with pytest.raises(ValueError, match="is not a pickled batch"):
        read_pickled_batch(attack)
    read, _ = read_pickled_batch(python2_pickle(rows, labels))
    assert (read == rows).all()


@pytest.mark.parametrize(
    ("batch", "why"),
    [
        (python3_pickle(np.zeros((2, 3072), np.uint8), [1]), "1 labels"),
        (python3_pickle(np.zeros((2, 3000), np.uint8), [1, 2]), r"rows \[2, 3000\]"),
        (python3_pickle(np.zeros((2, 3072), np.float32), [1, 2]), "not uint8"),
        (python3_pickle(np.zeros((2, 3072), np.uint8), [1, 10]), "labels outside"),
        (python3_pickle(np.zeros((2, 3072), np.uint8), ["a", "b"]), "no list 'labels'"),
        (pickle.dumps([1, 2], 2), "no dictionary"),
        (pickle.dumps({b"labels": [1]}, 2), "no array"),
        (python2_pickle(*cifar_rows(2))[:500], "not a pickled batch"),
        (binary_batch(*cifar_rows(2))[:-1], "truncated"),
        (b"", "not a pickled batch"),
        (b"<html>404</html>", "not a pickled batch"),
    ],
)
def test_what_is_no_batch_is_one_line(tmp_path, cache, batch, why):
    files, _, _ = cifar_files()
    write_files(tmp_path / "d", {**files, "data_batch_2": batch})
    with pytest.raises(DataError, match=why) as caught:
        source(tmp_path / "d").load()
    assert "\n" not in str(caught.value)
    assert list((cache / "data").iterdir()) == []


def test_missing_batches_and_damaged_tars(tmp_path, cache):
    files, _, _ = cifar_files()
    files.pop("data_batch_4")
    with pytest.raises(DataError, match="no data_batch_4"):
        source(write_files(tmp_path / "d", files)).load()
    tar = write_tar(tmp_path / "cifar-10-python.tar.gz", files)
    with pytest.raises(DataError, match="no data_batch_4"):
        source(tar).load()
    tar.write_bytes(tar.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"Cannot read|holds no"):
        source(tar).load()
    tar.write_bytes(b"text")
    with pytest.raises(DataError, match="Cannot read"):
        source(tar).load()
    with pytest.raises(DataError, match="neither batches"):
        source(write_files(tmp_path / "empty", {})).load()
    with pytest.raises(DataError, match="There is no folder or file"):
        source(tmp_path / "nowhere").load()


GOOD = python2_pickle(*cifar_rows(1))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_pickles_read_or_raise_value_error(changes):
    data = bytearray(GOOD)
    for position, value in changes:
        data[position if position % 2 else position % 200] = value
    try:
        rows, labels = read_pickled_batch(bytes(data))
    except ValueError:
        return
    assert rows.dtype == np.uint8
    assert isinstance(labels, list)


def test_the_publishers_opcodes_are_in_the_handwritten_batch():
    names = {opcode.name for opcode, _, _ in pickletools.genops(GOOD)}
    assert {"GLOBAL", "REDUCE", "BUILD", "BINSTRING"} <= names
