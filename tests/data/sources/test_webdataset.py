"""Tar shards: samples, labels, unsafe members and damage."""

import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from data.conftest import encoded, photo
from data.shards import pngs, write_tar
from ganzoo.data import data_sources
from ganzoo.data.check import check
from ganzoo.data.reading import tar_shards
from ganzoo.errors import DataError


def source(path, **fields):
    return data_sources.create({"source": "webdataset", "path": str(path), "resolution": 20, **fields})


def pixels(first, count):
    return np.stack([photo(first + index, 20, 20) for index in range(count)])


def named(images, *, first=0, extension="png"):
    return [(f"{first + index:04}.{extension}", data) for index, data in enumerate(images)]


def member(kind, target="", size=0):
    info = tarfile.TarInfo()
    info.type, info.linkname, info.size = kind, target, size
    return info


def test_images_are_read_in_the_order_of_shards_and_members(tmp_path, cache):
    write_tar(tmp_path / "d" / "s-10.tar", named(pngs(3, first=5), first=5))
    write_tar(tmp_path / "d" / "s-9.tar", [*named(pngs(5)), ("note.txt", b"not an image")])
    for cached in (False, True):
        dataset = source(tmp_path / "d").load()
        assert dataset.report.cached == cached
        assert (dataset.samples == pixels(0, 8)).all()
        assert dataset.report.passed_over == {"without an image": ("s-9.tar:note",)}
    assert (source(tmp_path / "d" / "s-1*.tar").load().samples == pixels(5, 3)).all()
    assert (source(tmp_path / "d" / "s-9.tar").load().samples == pixels(0, 5)).all()


def test_a_sample_is_the_files_with_the_same_name_up_to_the_first_dot(tmp_path, cache):
    one, two, mask = pngs(3)
    files = [("./a/1.png", one), ("b/1.png", two), ("a/1.seg.png", mask), ("b/1.CLS", b"dog"), ("a/1.cls", b" cat\n")]
    write_tar(tmp_path / "d.tar", [*files, ("a", tarfile.TarInfo())])
    dataset = source(tmp_path / "d.tar", label="cls").load()
    assert (dataset.samples == pixels(0, 2)).all()
    assert dataset.class_names == ("cat", "dog")
    assert dataset.labels.tolist() == [0, 1]
    assert (source(tmp_path / "d.tar", image="seg.png").load().samples == pixels(2, 1)).all()


def test_several_images_in_a_sample(tmp_path, cache):
    images = pngs(4)
    write_tar(tmp_path / "d.tar", [("1.png", images[0]), ("1.jpg", images[1]), ("2.png", images[2])])
    with pytest.raises(DataError, match=r"d\.tar:1 has several images.*data\.image=png \(extensions: png, jpg\)"):
        source(tmp_path / "d.tar").load()
    assert (source(tmp_path / "d.tar", image="png").load().samples == pixels(0, 3)[::2]).all()
    with pytest.raises(DataError, match=r"no \.pngs file \(data.image\). Did you mean 'png'"):
        source(tmp_path / "d.tar", image="pngs").load()


def test_labels_in_json(tmp_path, cache):
    contents = [{"kind": "b", "n": 10}, {"kind": "a", "n": 9}, {"kind": None}, {}, ["kind"], {"kind": "b", "n": 9}]
    files = [(f"000{n}.json", json.dumps(content).encode()) for n, content in enumerate(contents)]
    write_tar(tmp_path / "d.tar", [*named(pngs(7)), *files, ("0006.json", b"{")])
    dataset = source(tmp_path / "d.tar", label="json:kind").load()
    assert dataset.class_names == ("a", "b")
    assert dataset.labels.tolist() == [1, 0, 1]
    unlabeled = tuple(f"d.tar:000{n}.png" for n in (2, 3, 4, 6))
    assert dataset.report.passed_over == {"without a label (data.label=json:kind)": unlabeled}
    assert source(tmp_path / "d.tar", label="json:n").load().class_names == ("9", "10")
    with pytest.raises(DataError, match=r"No image .*data.label=json:knd.*no key 'knd'. Keys: kind, n"):
        source(tmp_path / "d.tar", label="json:knd").load()
    notes = source(tmp_path / "d.tar").load().report.notes
    assert notes == ("No labels (data.label=json:KEY uses a key of the .json files)",)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a\nb", b"x" * 300, b"[" * 100_000])
def test_unusable_labels_are_left_out_with_their_image(tmp_path, cache, content):
    extension, label = ("json", "json:x") if content.startswith(b"[") else ("cls", "cls")
    good = b'{"x": 1}' if extension == "json" else b"1"
    write_tar(tmp_path / "d.tar", [*named(pngs(2)), (f"0000.{extension}", good), (f"0001.{extension}", content)])
    dataset = source(tmp_path / "d.tar", label=label).load()
    assert (dataset.samples == pixels(0, 1)).all()
    assert len(dataset.report.passed_over) == 1


def test_a_label_that_the_system_cannot_read_is_one_line_and_leaves_no_cache(tmp_path, cache, monkeypatch):
    write_tar(tmp_path / "d.tar", [*named(pngs(2)), ("0000.cls", b"0"), ("0001.cls", b"1")])
    opened, calls = Path.open, []

    def fails_later(path, *arguments, **options):
        calls.append(path)
        if path.suffix == ".tar" and len(calls) > 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", fails_later)
    with pytest.raises(DataError, match=r"^The label of d\.tar:0001 cannot be read: Too many open files\.$"):
        source(tmp_path / "d.tar", label="cls").load()
    assert not (cache / "data").exists()


def test_no_file_with_labels(tmp_path, cache):
    write_tar(tmp_path / "d.tar", [*named(pngs(2)), ("0000.cls", b"0")])
    with pytest.raises(DataError, match=r"no \.clss file \(data.label\). Did you mean 'cls'\? Extensions: cls, png"):
        source(tmp_path / "d.tar", label="clss").load()
    assert source(tmp_path / "d.tar").load().report.notes == ("No labels (data.label=cls uses the .cls files)",)


def test_links_devices_and_names_outside_are_not_read(tmp_path, cache):
    (tmp_path / "secret.png").write_bytes(pngs(1)[0])
    files = [
        *named(pngs(2)),
        ("link.png", member(tarfile.SYMTYPE, str(tmp_path / "secret.png"))),
        ("hard.png", member(tarfile.LNKTYPE, "0000.png")),
        ("pipe.png", member(tarfile.FIFOTYPE)),
        ("device.png", member(tarfile.CHRTYPE)),
        ("/etc/0.png", pngs(1)[0]),
        ("a/../../0.png", pngs(1)[0]),
        ("C:/0.png", pngs(1)[0]),
        (".hidden.png", pngs(1)[0]),
        ("__MACOSX/._0.png", b"resource fork"),
        ("folder/", member(tarfile.DIRTYPE)),
    ]
    write_tar(tmp_path / "d.tar", files)
    dataset = source(tmp_path / "d.tar").load()
    assert (dataset.samples == pixels(0, 2)).all()
    assert dataset.report.passed_over == {
        "a link": ("d.tar:link.png", "d.tar:hard.png"),
        "hidden": ("d.tar:.hidden.png", "d.tar:__MACOSX/._0.png"),
        "its name points outside the tar": ("d.tar:/etc/0.png", "d.tar:a/../../0.png", "d.tar:C:/0.png"),
        "not a regular file": ("d.tar:pipe.png", "d.tar:device.png"),
    }


def test_repeated_names_in_a_shard_and_the_same_name_in_two_shards(tmp_path, cache):
    write_tar(tmp_path / "a.tar", [*named(pngs(2)), ("0000.png", pngs(1, first=7)[0])])
    write_tar(tmp_path / "b.tar", named(pngs(1, first=3)))
    dataset = source(tmp_path).load()
    assert (dataset.samples == np.concatenate([pixels(7, 1), pixels(1, 1), pixels(3, 1)])).all()
    assert dataset.report.passed_over == {"a later file has its name": ("a.tar:0000.png",)}


def test_broken_images_are_named_by_shard_and_file(tmp_path, cache):
    images = pngs(10)
    images[2], images[5] = b"", b"<html>"
    write_tar(tmp_path / "d.tar", named(images))
    dataset = source(tmp_path / "d.tar", max_broken=0.2).load()
    assert dataset.report.broken == {
        "d.tar:0002.png": "the file is empty",
        "d.tar:0005.png": "is a web page, not a supported image",
    }
    with pytest.raises(DataError, match=r"2 of 10 images.*d\.tar:0002\.png: the file is empty"):
        source(tmp_path / "d.tar").load()


def long_name(size):
    """A header that claims a name of ``size`` bytes, and no name."""
    return member(tarfile.GNUTYPE_LONGNAME, size=size).tobuf(tarfile.GNU_FORMAT)


def number(value):
    """A header's size in base 256, which can be negative."""
    return value.to_bytes(12, "big", signed=True) if value < 0 else (value | 1 << 95).to_bytes(12, "big")


def with_size(data, value):
    """The tar with another size in the header of its second member, and the right checksum."""
    start = 512 * (1 + -(-len(pngs(1)[0]) // 512))
    header = bytearray(data[start : start + 512])
    header[124:136] = number(value)
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:]) + 8 * 32)
    return data[:start] + bytes(header) + data[start + 512 :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "is empty"),
        (lambda data: b"<html><body>Sign in</body></html>" * 40, "web page"),
        (lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-lfs pointer"),
        (lambda data: os.urandom(5000), "damaged after the start"),
        (lambda data: gzip.compress(data), "compressed"),
        (lambda data: data[:700], "after the start"),
        (lambda data: data[: 512 * 3 + 600], "damaged after"),
        (lambda data: data[:512] + b"\xff" * 512 + data[1024:], None),
        (lambda data: with_size(data, 1 << 30), "size of '0001.png' is wrong"),
        (lambda data: with_size(data, 1 << 90), "damaged after 0000.png"),
        (lambda data: with_size(data, -1024), "damaged after 0000.png"),
        (lambda data: long_name(1 << 30) + data, "a header claims to have 1.07 GB"),
        (lambda data: long_name(0) * 5000 + data, "damaged after the start"),
    ],
)
def test_a_damaged_shard_is_one_line_with_its_name(tmp_path, cache, damage, message):
    path = write_tar(tmp_path / "d" / "a.tar", named(pngs(4)))
    path.write_bytes(damage(path.read_bytes()))
    write_tar(tmp_path / "d" / "b.tar", named(pngs(2)))
    if message is None:  # the damage is in an image
        assert list(source(tmp_path / "d", max_broken=0.5).load().report.broken) == ["a.tar:0000.png"]
        return
    with pytest.raises(DataError, match=message) as caught:
        source(tmp_path / "d").load()
    assert "a.tar" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_header_is_not_the_end(tmp_path, cache):
    path = write_tar(tmp_path / "a.tar", named(pngs(4)))
    data = bytearray(path.read_bytes())
    start = data.index(b"0002.png")
    data[start : start + 4] = b"x" * 4  # its checksum is wrong now
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"damaged after 0001\.png: a header is damaged"):
        source(path).load()


def test_a_tar_without_its_end_blocks_is_read(tmp_path, cache):
    path = write_tar(tmp_path / "a.tar", named(pngs(4)))
    path.write_bytes(path.read_bytes().rstrip(b"\0") + bytes(512))
    size = os.path.getsize(path) // 512 * 512  # noqa: PTH202
    os.truncate(path, size)
    assert len(source(path).load()) == 4


def test_sparse_members_are_not_read(tmp_path, cache):
    """A sparse member of 1 TB has only a few bytes in the tar."""
    info = member(tarfile.GNUTYPE_SPARSE)
    info.name = "big.png"
    buffer = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    buffer[483:495] = number(1 << 40)
    buffer[148:156] = b"%06o\0 " % (sum(buffer[:148]) + sum(buffer[156:]) + 8 * 32)
    path = write_tar(tmp_path / "a.tar", named(pngs(2)))
    path.write_bytes(bytes(buffer) + path.read_bytes())
    dataset = source(path).load()
    assert len(dataset) == 2
    assert list(dataset.report.passed_over) == ["not a regular file"]


def test_an_image_above_the_limit_is_broken(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(tar_shards, "MAX_FILE_BYTES", 2000)
    write_tar(tmp_path / "a.tar", [*named(pngs(1)), ("big.png", pngs(1)[0] + bytes(2000))])
    assert "limit is 2 kB" in source(tmp_path / "a.tar", max_broken=0.5).load().report.broken["a.tar:big.png"]


def test_no_samples_no_images_no_path(tmp_path, cache):
    write_tar(tmp_path / "a.tar", [])
    with pytest.raises(DataError, match="has no samples"):
        source(tmp_path / "a.tar").load()
    write_tar(tmp_path / "a.tar", [("1.txt", b"x"), ("1.mp4", b"x")])
    with pytest.raises(DataError, match=r"has no image\. Extensions: mp4, txt"):
        source(tmp_path / "a.tar").load()
    with pytest.raises(DataError, match="--data PATH"):
        data_sources.create("webdataset").load()
    with pytest.raises(DataError, match=r"has no \.tar file.*glob"):
        source(tmp_path / "s-{000..009}*.tar").load()


@pytest.mark.parametrize("label", ["json", "cls:x", "json:", "", "a/b"])
def test_labels_of_a_wrong_form_are_refused_when_the_config_is_read(label):
    with pytest.raises(ValidationError, match="json:KEY"):
        source("x", label=label)


def test_two_parts_for_training_and_validation(tmp_path, cache):
    labels = [(f"{index:04}.cls", b"%d" % (index % 2)) for index in range(20)]
    write_tar(tmp_path / "d.tar", [*named(pngs(20)), *labels])
    fields = {"label": "cls", "validation_split": 0.2}
    parts = [source(tmp_path / "d.tar", subset=subset, **fields).load() for subset in ("training", "validation")]
    assert [np.bincount(part.labels).tolist() for part in parts] == [[8, 8], [2, 2]]


def test_check_finds_shards(tmp_path):
    images = [*pngs(3), pngs(1)[0], b"text"]
    write_tar(tmp_path / "d" / "a.tar", [*named(images), ("0005.jpg", pngs(1, first=9)[0])])
    for path in (tmp_path / "d", tmp_path / "d" / "a.tar", tmp_path / "d" / "*.tar"):
        report = check(path, tiny_below=1, quiet=True)
        assert (report.files, report.usable) == (6, 5)
        assert report.broken == {"a.tar:0004.png": "is text, not an image"}
        assert report.duplicates == [["a.tar:0000.png", "a.tar:0003.png"]]
        assert report.misnamed == {"a.tar:0005.jpg": "PNG"}
    with pytest.raises(DataError, match=r"data\.source=webdataset"):
        data_sources.create({"source": "image_folder", "path": str(tmp_path / "d")}).load()


def test_a_tar_of_the_command_line_program(tmp_path, cache):
    for index, data in enumerate(pngs(3)):
        (tmp_path / f"{index}.png").write_bytes(data)
        (tmp_path / f"{index}.{'long' * 60}").write_bytes(b"x")  # a name that needs two headers
    subprocess.run(["tar", "cf", "d.tar", "--sort=name", "."], cwd=tmp_path, check=True)
    assert (source(tmp_path / "d.tar").load().samples == pixels(0, 3)).all()


LOAD = """
from ganzoo.data import data_sources
data = data_sources.create({{"source": "webdataset", "path": {path!r}, "resolution": 256}}).load(quiet=True)
print(len(data), int(data.samples.astype("u8").sum()), data.report.cached)
"""


@pytest.mark.slow
def test_killed_while_preparing_and_two_at_once(tmp_path, cache):
    path = write_tar(tmp_path / "d.tar", named([encoded(photo(index, 300, 300)) for index in range(60)] * 2))
    program = [sys.executable, "-c", LOAD.format(path=str(path))]
    killed = subprocess.Popen(program)
    while not list((cache / "data").glob(".*/samples.npy")):
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    both = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0].split() for process in both]
    assert outputs[0][:2] == outputs[1][:2]
    assert outputs[0][0] == "120"
    assert len(list((cache / "data").iterdir())) == 1
    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()[2] == "True"


def test_random_damage_never_ends_in_a_traceback(tmp_path, cache):
    data = write_tar(tmp_path / "a.tar", named(pngs(3))).read_bytes()
    random = np.random.RandomState(0)
    for _ in range(300):
        changed = bytearray(data)
        for place in random.randint(0, 2048, random.randint(1, 6)):
            changed[place] = random.randint(256)
        (tmp_path / "a.tar").write_bytes(changed[: random.randint(1, len(data))])
        try:
            tar_shards.find_samples([tar_shards.Shard(tmp_path / "a.tar", "a.tar", "")])
        except DataError as error:
            assert "\n" not in str(error)
