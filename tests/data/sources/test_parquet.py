"""Parquet shards: columns, labels, splits, damage, and what a killed or second process finds."""

import datetime
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from pydantic import ValidationError

from data.conftest import encoded, photo
from data.shards import pngs, write_parquet
from ganzoo.data import data_sources
from ganzoo.data.check import check
from ganzoo.data.reading import parquet_shards
from ganzoo.environment import requirements
from ganzoo.errors import DataError, MissingDependencyError

pa = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402 - after the check that it is installed

CLASS_LABEL = {"label": {"names": ["dog", "cat", "10"], "_type": "ClassLabel"}}


def source(path, **fields):
    return data_sources.create({"source": "parquet", "path": str(path), "resolution": 20, **fields})


def pixels(first, count):
    return np.stack([photo(first + index, 20, 20) for index in range(count)])


@pytest.mark.parametrize("plain", [False, True])
def test_images_are_read_in_the_order_of_shards_and_rows(tmp_path, cache, plain):
    write_parquet(tmp_path / "d" / "p-10.parquet", pngs(5, first=40), plain=plain)
    write_parquet(tmp_path / "d" / "p-9.parquet", pngs(40), plain=plain, row_group_size=17)
    for cached in (False, True):
        dataset = source(tmp_path / "d").load()
        assert dataset.report.cached == cached
        assert (dataset.samples == pixels(0, 45)).all()
    assert dataset.labels is None
    assert (source(tmp_path / "d" / "p-*.parquet").load().samples == dataset.samples).all()
    assert (source(tmp_path / "d" / "p-10.parquet").load().samples == pixels(40, 5)).all()


def test_the_memory_is_that_of_a_row_group(tmp_path, cache):
    random = np.random.RandomState(0)
    images = [data + random.bytes(1_000_000) for data in pngs(40)]
    path = write_parquet(tmp_path / "d.parquet", images, row_group_size=2)
    pool, before = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        dataset = source(path).load()
    finally:
        pa.set_memory_pool(before)
    assert (dataset.samples == pixels(0, 40)).all()
    assert 2_000_000 < pool.max_memory() < 12_000_000


def test_class_names_are_from_the_schema_and_keep_their_order(tmp_path, cache):
    labels = pa.array([2, 0, 0, 2, None, -1])
    write_parquet(tmp_path / "d.parquet", pngs(6), features=CLASS_LABEL, label=labels)
    dataset = source(tmp_path / "d.parquet", label="label").load()
    assert dataset.class_names == ("dog", "cat", "10")
    assert dataset.labels.tolist() == [2, 0, 0, 2]
    assert dataset.report.passed_over == {"without a label in the column 'label'": ("d.parquet:4", "d.parquet:5")}
    assert (dataset.samples == pixels(0, 4)).all()
    unlabeled = source(tmp_path / "d.parquet").load()
    assert len(unlabeled) == 6
    assert unlabeled.report.notes == ("No labels (data.label=label uses the column 'label')",)


@pytest.mark.parametrize(
    ("values", "names", "labels"),
    [
        (["10", "9", "10"], ("9", "10"), [1, 0, 1]),
        ([10, 9, 10], ("9", "10"), [1, 0, 1]),
        ([True, False, True], ("false", "true"), [1, 0, 1]),
        (pa.array(["b", "a", "b"]).dictionary_encode(), ("a", "b"), [1, 0, 1]),
        (pa.array(["b", "a", "b"], pa.large_string()), ("a", "b"), [1, 0, 1]),
    ],
)
def test_labels_without_class_names(tmp_path, cache, values, names, labels):
    write_parquet(tmp_path / "d.parquet", pngs(3), kind=values)
    dataset = source(tmp_path / "d.parquet", label="kind").load()
    assert dataset.class_names == names
    assert dataset.labels.tolist() == labels


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.5, 1.0], "is double; labels are integers"),
        ([[1], [2]], "is list"),
        (pa.array([None, None], pa.int64()), "has no label for any image"),
        ([datetime.date(2020, 1, 1)] * 2, "is date32"),
    ],
)
def test_a_column_that_has_no_labels(tmp_path, cache, values, message):
    write_parquet(tmp_path / "d.parquet", pngs(2), kind=values)
    with pytest.raises(DataError, match=message) as caught:
        source(tmp_path / "d.parquet", label="kind").load()
    assert "\n" not in str(caught.value)


def test_a_class_outside_of_the_names_and_other_names_in_another_shard(tmp_path, cache):
    write_parquet(tmp_path / "a.parquet", pngs(2), features=CLASS_LABEL, label=[0, 3])
    with pytest.raises(DataError, match="has 3 class names, but also the class 3"):
        source(tmp_path / "a.parquet", label="label").load()
    write_parquet(tmp_path / "a.parquet", pngs(2), features=CLASS_LABEL, label=[0, 1])
    other = {"label": {"names": ["cat", "dog", "10"], "_type": "ClassLabel"}}
    write_parquet(tmp_path / "b.parquet", pngs(2), features=other, label=[0, 1])
    with pytest.raises(DataError, match=r"b\.parquet has other class names"):
        source(tmp_path, label="label").load()


@pytest.mark.parametrize(
    "metadata", [b"{", b"[]", b'{"info": 3}', b'{"info": {"features": {"label": "x"}}}', b"[" * 9999]
)
def test_strange_metadata_are_ignored(tmp_path, cache, metadata):
    write_parquet(tmp_path / "d.parquet", pngs(2), label=[5, 6])
    table = parquet.read_table(tmp_path / "d.parquet").replace_schema_metadata({"huggingface": metadata})
    parquet.write_table(table, tmp_path / "d.parquet")
    assert source(tmp_path / "d.parquet", label="label").load().class_names == ("5", "6")


def test_columns(tmp_path, cache):
    path = write_parquet(tmp_path / "d.parquet", pngs(2), mask=pngs(2, first=7), caption=["a", "b"])
    with pytest.raises(DataError, match=r"several columns.*data\.column=image \(columns: image, mask\)"):
        source(path).load()
    assert (source(path, column="mask").load().samples == pixels(7, 2)).all()
    with pytest.raises(
        DataError, match=r"no column 'imag' \(data.column\). Did you mean 'image'\? Columns: image, mask"
    ):
        source(path, column="imag").load()
    with pytest.raises(DataError, match=r"'caption' of .* is string, not encoded images.*with images: image, mask"):
        source(path, column="caption").load()
    features = {"mask": {"_type": "Audio"}}
    write_parquet(path, pngs(2), features=features, mask=pngs(2, first=7))
    assert (source(path).load().samples == pixels(0, 2)).all()
    parquet.write_table(pa.table({"text": ["a"]}), path)
    with pytest.raises(DataError, match=r"no column of encoded images. Columns: text \(string\)"):
        source(path).load()


def test_a_shard_of_another_schema(tmp_path, cache):
    write_parquet(tmp_path / "a.parquet", pngs(2))
    parquet.write_table(pa.table({"img": pngs(2)}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet has no column 'image'.*Columns: img"):
        source(tmp_path).load()
    parquet.write_table(pa.table({"image": ["text"]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"'image' of .*b\.parquet is string"):
        source(tmp_path).load()


def test_broken_images_are_named_by_shard_and_row(tmp_path, cache):
    images = pngs(20)
    images[3], images[7], images[8], images[19] = None, b"", b"<html>", images[19][:60]
    write_parquet(tmp_path / "d.parquet", images, row_group_size=6)
    for cached in (False, True):
        dataset = source(tmp_path / "d.parquet", max_broken=0.2).load()
        assert dataset.report.cached == cached
        assert set(dataset.report.broken) == {"d.parquet:3", "d.parquet:7", "d.parquet:8", "d.parquet:19"}
        assert "null" in dataset.report.broken["d.parquet:3"]
        assert "web page" in dataset.report.broken["d.parquet:8"]
        assert len(dataset) == 16
    with pytest.raises(DataError, match=r"4 of 20 images.*d\.parquet:3: the image is null.*ganzoo data check"):
        source(tmp_path / "d.parquet").load()


def test_a_path_in_a_shard_is_not_opened(tmp_path, cache):
    (tmp_path / "secret.png").write_bytes(pngs(1)[0])
    rows = [{"bytes": None, "path": str(tmp_path / "secret.png")}] * 2
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    parquet.write_table(pa.table({"image": pa.array(rows, kind)}), tmp_path / "d.parquet")
    with pytest.raises(DataError, match="only a path to a file outside the shard"):
        source(tmp_path / "d.parquet", max_broken=0.9).load()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "is empty"),
        (lambda data: b"<!DOCTYPE html><p>Sign in</p>", "web page"),
        (lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-lfs pointer"),
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda data: data[:4], "cannot be read"),
        (lambda data: data[:-8] + (1 << 30).to_bytes(4, "little") + b"PAR1", "cannot be read"),
        (lambda data: data[:-8] + (0xFFFFFFFF).to_bytes(4, "little") + b"PAR1", "cannot be read"),
        (lambda data: data[:-200] + os.urandom(100) + data[-100:], "cannot be read"),
        (lambda data: data.replace(b"image", b"ima\xff\xfe"), "not UTF-8"),
    ],
)
def test_a_damaged_shard_is_one_line_with_its_name(tmp_path, cache, damage, message):
    path = write_parquet(tmp_path / "d" / "a.parquet", pngs(3))
    path.write_bytes(damage(path.read_bytes()))
    write_parquet(tmp_path / "d" / "b.parquet", pngs(3))
    with pytest.raises(DataError, match=message) as caught:
        source(tmp_path / "d").load()
    assert "a.parquet" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_rows_are_broken_images(tmp_path, cache):
    """The footer is right, but a page in the second row group is not."""
    path = write_parquet(tmp_path / "d.parquet", pngs(30), row_group_size=10)
    group = parquet.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = group.dictionary_page_offset or group.data_page_offset
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)
    dataset = source(path, max_broken=0.5).load()
    assert set(dataset.report.broken) == {f"d.parquet:{row}" for row in range(10, 20)}
    assert "row group" in dataset.report.broken["d.parquet:10"]
    assert (dataset.samples == np.concatenate([pixels(0, 10), pixels(20, 10)])).all()


def test_no_rows_no_shards_no_path(tmp_path, cache):
    write_parquet(tmp_path / "d" / "a.parquet", [])
    with pytest.raises(DataError, match="has no rows"):
        source(tmp_path / "d").load()
    write_parquet(tmp_path / "d" / "b.parquet", pngs(2))
    assert len(source(tmp_path / "d").load()) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"has no \.parquet file"):
        source(tmp_path / "empty").load()
    with pytest.raises(DataError, match="no file or folder"):
        source(tmp_path / "nothing").load()
    with pytest.raises(DataError, match=r"has no \.parquet file.*glob"):
        source(tmp_path / "d" / "x-{0..9}*.parquet").load()
    with pytest.raises(DataError, match=r"--data PATH.*data\.repo"):
        data_sources.create("parquet").load()


def test_splits(tmp_path, cache):
    write_parquet(tmp_path / "data" / "train-00000-of-00002.parquet", pngs(2))
    write_parquet(tmp_path / "data" / "train-00001-of-00002.parquet", pngs(2, first=2))
    write_parquet(tmp_path / "data" / "validation-00000-of-00001.parquet", pngs(3, first=4))
    dataset = source(tmp_path).load()
    assert (dataset.samples == pixels(0, 4)).all()
    assert "data.split=all" in dataset.report.notes[0]
    assert (source(tmp_path, split="valid").load().samples == pixels(4, 3)).all()
    assert len(source(tmp_path, split="all").load()) == 7
    with pytest.raises(DataError, match="has the splits train, validation"):
        source(tmp_path, split="test").load()


def test_two_parts_for_training_and_validation(tmp_path, cache):
    write_parquet(tmp_path / "d.parquet", pngs(20), features=CLASS_LABEL, label=[0, 1] * 10, row_group_size=3)
    parts = [
        source(tmp_path / "d.parquet", label="label", validation_split=0.2, subset=subset).load()
        for subset in ("training", "validation")
    ]
    assert [len(part) for part in parts] == [16, 4]
    assert [np.bincount(part.labels).tolist() for part in parts] == [[8, 8], [2, 2]]
    both = {sample.tobytes() for part in parts for sample in part.samples}
    assert both == {sample.tobytes() for sample in pixels(0, 20)}


def test_changed_shards_and_labels_are_read_again(tmp_path, cache):
    path = write_parquet(tmp_path / "d.parquet", pngs(4), a=["x", "x", "y", "y"], b=["x", "y", "x", "y"])
    first = source(path, label="a").load()
    second = source(path, label="b").load()
    assert not second.report.cached
    assert first.labels.tolist() != second.labels.tolist()
    write_parquet(path, pngs(4, first=9))
    assert (source(path).load().samples == pixels(9, 4)).all()


def test_contradictions_are_refused_when_the_config_is_read():
    for fields, message in (
        ({"repo": "a/b"}, "exclude each other"),
        ({"revision": "x"}, "revision needs repo"),
        ({"files": "x"}, "files needs repo"),
        ({"subset": "validation"}, "needs validation_split"),
    ):
        with pytest.raises(ValidationError, match=message):
            source("x", **fields)
    with pytest.raises(ValidationError, match="repo"):
        data_sources.create({"source": "parquet", "repo": "../x"})


def test_without_pyarrow_one_line_has_the_command(tmp_path, cache, monkeypatch):
    path = write_parquet(tmp_path / "d.parquet", pngs(1))
    monkeypatch.setattr(requirements, "find_spec", lambda module: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'ganzoo-keras\[parquet\]'"):
        source(path).load()


def test_check_finds_shards(tmp_path):
    images = [*pngs(4), encoded(photo(0, 20, 20)), b"text"]
    write_parquet(tmp_path / "d" / "a.parquet", images, features=CLASS_LABEL, label=[0] * 6)
    for path in (tmp_path / "d", tmp_path / "d" / "a.parquet", tmp_path / "d" / "*.parquet"):
        report = check(path, tiny_below=1, quiet=True)
        assert (report.files, report.usable) == (6, 5)
        assert report.broken == {"a.parquet:5": "is text, not an image"}
        assert report.duplicates == [["a.parquet:0", "a.parquet:4"]]
        assert report.misnamed == {}
        assert report.notes == ["No labels (data.label=label uses the column 'label')"]
    with pytest.raises(DataError, match="no folder or zip"):
        check(tmp_path / "nothing")


def test_a_folder_of_shards_in_the_wrong_source_names_the_right_one(tmp_path):
    write_parquet(tmp_path / "a.parquet", pngs(1))
    with pytest.raises(DataError, match=r"data\.source=parquet"):
        data_sources.create({"source": "image_folder", "path": str(tmp_path)}).load()


LOAD = """
from ganzoo.data import data_sources
data = data_sources.create({{"source": "parquet", "path": {path!r}, "resolution": 256}}).load(quiet=True)
print(len(data), int(data.samples.astype("u8").sum()), data.report.cached)
"""


@pytest.mark.slow
def test_killed_while_preparing_and_two_at_once(tmp_path, cache):
    path = write_parquet(tmp_path / "d.parquet", [encoded(photo(index, 300, 300)) for index in range(60)] * 2)
    program = [sys.executable, "-c", LOAD.format(path=str(path))]
    killed = subprocess.Popen(program)
    while not list((cache / "data").glob(".*/samples.npy")):
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert list((cache / "data").glob("[!.]*")) == []
    both = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0][:2] == outputs[1][:2]
    assert outputs[0][0] == "120"
    assert len(list((cache / "data").iterdir())) == 1, "the leftover of the killed process is removed"
    again = subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()
    assert again == [*outputs[0][:2], "True"]


def test_an_image_above_the_limit_is_broken(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(parquet_shards, "MAX_FILE_BYTES", 2000)
    write_parquet(tmp_path / "d.parquet", [*pngs(1), pngs(1)[0] + bytes(2000)])
    dataset = source(tmp_path / "d.parquet", max_broken=0.5).load()
    assert "limit is 2 kB" in dataset.report.broken["d.parquet:1"]


@pytest.mark.slow
def test_random_damage_never_ends_in_a_traceback(tmp_path, cache):
    labels = {"features": CLASS_LABEL, "label": [0, 1] * 3}
    data = write_parquet(tmp_path / "a.parquet", pngs(6), row_group_size=2, **labels).read_bytes()
    random = np.random.RandomState(0)
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    refused = 0
    for _ in range(100):
        changed = bytearray(data)
        for place in random.randint(footer, len(data), random.randint(1, 4)):
            changed[place] = random.randint(256)
        (tmp_path / "a.parquet").write_bytes(changed)
        try:
            source(tmp_path / "a.parquet", label="label", max_broken=0.9).load()
        except DataError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 10
