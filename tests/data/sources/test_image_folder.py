import contextlib
import errno
import os
import sys
import zipfile

import numpy as np
import pytest

from data.conftest import encoded, photo
from ganzoo.data import data_sources
from ganzoo.data.reading import archive
from ganzoo.errors import DataError


def source(path, **fields):
    return data_sources.create({"source": "image_folder", "path": str(path), "resolution": 16, **fields})


def fill(folder, count=4, prefix=""):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        (folder / f"{prefix}{index}.png").write_bytes(encoded(photo(index, 20, 20)))


@pytest.fixture(scope="module")
def opened():
    """File name -> number of the error that opening this file raises. Root may read everything, so a hook refuses it.

    A hook stays until the process ends, so there is one for all tests.
    """
    refused = {}

    def refuse(event, arguments):
        if event == "open" and refused and isinstance(arguments[0], str):
            code = refused.get(os.path.basename(arguments[0]))  # noqa: PTH119 - pathlib would be audited, too
            if code:
                raise OSError(code, os.strerror(code), arguments[0])

    sys.addaudithook(refuse)
    return refused


@pytest.fixture
def unreadable(opened):
    @contextlib.contextmanager
    def refuse(name, code):
        opened[name] = code
        try:
            yield
        finally:
            opened.clear()

    return refuse


def test_classes_are_the_subfolders_and_samples_are_in_order(tmp_path, cache):
    fill(tmp_path / "data" / "dog", 2)
    fill(tmp_path / "data" / "cat", 3)
    dataset = source(tmp_path / "data", resolution=20).load()
    assert dataset.class_names == ("cat", "dog")
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1]
    assert dataset.labels.dtype == np.int32
    assert (dataset.samples[2] == photo(2, 20, 20)).all()
    assert (dataset.samples[3] == photo(0, 20, 20)).all()


def test_zip_gives_the_same_as_the_folder(tmp_path, cache):
    fill(tmp_path / "data" / "a")
    fill(tmp_path / "data" / "b")
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as zipped:
        for path in sorted((tmp_path / "data").rglob("*.png")):
            zipped.write(path, path.relative_to(tmp_path))
    folder, packed = source(tmp_path / "data").load(), source(tmp_path / "data.zip").load()
    assert (folder.samples == packed.samples).all()
    assert (folder.labels == packed.labels).all()
    assert folder.class_names == packed.class_names == ("a", "b")


def test_second_load_reads_no_image(tmp_path, cache, monkeypatch):
    fill(tmp_path / "data")
    first = source(tmp_path / "data").load()
    monkeypatch.setattr(archive.ImageFiles, "read", lambda self, entry: pytest.fail("an image was read again"))
    second = source(tmp_path / "data", flip=True, max_broken=0.5).load()  # these two change no pixel
    assert second.report.cached
    assert (first.samples == second.samples).all()


@pytest.mark.parametrize("change", [{"resolution": 8}, {"channels": 1}, {"crop": "pad"}, {"resize": "area"}])
def test_other_fields_make_other_data(tmp_path, cache, change):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").write_bytes(encoded(photo(1, 37, 21)))
    first = source(tmp_path / "data").load()
    second = source(tmp_path / "data", **change).load()
    assert not second.report.cached
    assert first.samples.shape != second.samples.shape or (first.samples != second.samples).any()


def test_changed_file_is_read_again(tmp_path, cache):
    fill(tmp_path / "data")
    source(tmp_path / "data").load()
    (tmp_path / "data" / "0.png").write_bytes(encoded(photo(99, 20, 20)))
    os.utime(tmp_path / "data" / "0.png", (1, 1))
    assert not source(tmp_path / "data").load().report.cached


def test_broken_images_are_skipped_and_named(tmp_path, cache):
    fill(tmp_path / "data", 18)
    (tmp_path / "data" / "lie.jpg").write_bytes(b"this is text")
    (tmp_path / "data" / "cut.jpg").write_bytes(encoded(photo(1, 400, 400), "JPEG")[:1500])
    (tmp_path / "data" / "other.jpg").write_bytes(encoded(photo(50, 20, 20), "PNG"))  # a PNG called .jpg is fine
    (tmp_path / "data" / "empty.png").write_bytes(b"")
    for _ in range(2):  # the second time from the cache
        dataset = source(tmp_path / "data", max_broken=0.2).load()
        assert len(dataset) == 19
        assert dataset.report.files == 22
        assert set(dataset.report.broken) == {"lie.jpg", "cut.jpg", "empty.png"}
        assert "text" in dataset.report.broken["lie.jpg"]
    assert dataset.report.cached


def test_labels_follow_when_images_are_skipped(tmp_path, cache):
    for name in ("a", "b"):
        fill(tmp_path / "data" / name, 2)
    (tmp_path / "data" / "a" / "00.png").write_bytes(b"broken")
    dataset = source(tmp_path / "data", max_broken=0.5).load()
    assert dataset.labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_file_that_the_system_cannot_read_is_skipped_and_read_next_time(tmp_path, cache, unreadable, code):
    """A permission, a network and a disk can be repaired; the file's size and date then are those of before."""
    fill(tmp_path / "data", 4)
    with unreadable("2.png", code):
        dataset = source(tmp_path / "data", max_broken=0.5).load()
        assert dataset.report.broken == {"2.png": f"cannot be read: {os.strerror(code)}"}
        assert len(dataset) == 3
        again = source(tmp_path / "data", max_broken=0.5).load()
        assert (again.samples == dataset.samples).all()
        assert again.report.cached  # the other images are not read again while this one cannot be read
        assert again.report.broken == dataset.report.broken
    repaired = source(tmp_path / "data", max_broken=0.5).load()
    assert len(repaired) == 4
    assert not repaired.report.broken
    assert source(tmp_path / "data", max_broken=0.5).load().report.cached


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO])
def test_file_that_the_system_cannot_read_is_named_with_the_reason(tmp_path, cache, unreadable, code):
    fill(tmp_path / "data", 4)
    with unreadable("2.png", code), pytest.raises(DataError) as caught:
        source(tmp_path / "data").load()
    assert "\n" not in str(caught.value)
    assert f"(2.png: cannot be read: {os.strerror(code)})" in str(caught.value)


def test_folder_inside_that_cannot_be_listed_is_one_line(tmp_path, cache, monkeypatch):
    fill(tmp_path / "data" / "a")
    fill(tmp_path / "data" / "b")
    scan = os.scandir

    def refused(path):
        if str(path).endswith("/b"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scan(path)

    monkeypatch.setattr("os.scandir", refused)
    with pytest.raises(DataError) as caught:
        source(tmp_path / "data").load()
    assert str(caught.value) == f"Cannot read the folder {tmp_path / 'data' / 'b'}: Permission denied."


def test_folder_that_vanishes_while_it_is_read_is_one_line_and_complete_when_it_is_back(tmp_path, cache, monkeypatch):
    """The last images are read after the folder is gone. A tenth may be broken, so this alone is not refused."""
    fill(tmp_path / "data", 100)
    read = archive.ImageFiles.read

    def vanishing(self, entry):
        if entry.name == "99.png" and (tmp_path / "data").exists():
            (tmp_path / "data").rename(tmp_path / "elsewhere")
        return read(self, entry)

    monkeypatch.setattr(archive.ImageFiles, "read", vanishing)
    first = source(tmp_path / "data", max_broken=0.1).load()
    assert first.report.broken["99.png"] == "cannot be read: No such file or directory"
    with pytest.raises(DataError) as caught:
        source(tmp_path / "data", max_broken=0.1).load()
    assert str(caught.value) == f"There is no folder or zip {tmp_path / 'data'}."
    (tmp_path / "elsewhere").rename(tmp_path / "data")
    monkeypatch.undo()
    monkeypatch.setenv("GANZOO_CACHE", str(cache))
    assert len(source(tmp_path / "data", max_broken=0.1).load()) == 100


@pytest.mark.parametrize(
    "names", [(b"\xff\xfe.png", b"caf\xe9.png"), (b"x" * 251 + b".png", "ü".encode() * 125 + b".webp")]
)
def test_names_that_are_not_utf8_and_the_longest_names(tmp_path, cache, names):
    folders = (b"kl\xe4\xdfe", b"y" * 255)
    for folder in folders:
        path = tmp_path / "data" / os.fsdecode(folder)
        path.mkdir(parents=True)
        for index, name in enumerate(names):
            content = encoded(photo(index, 20, 20), "WEBP" if name.endswith(b"webp") else "PNG")
            (path / os.fsdecode(name)).write_bytes(content)
        (path / os.fsdecode(b"\xe0.png")).write_bytes(b"no image")
    dataset = source(tmp_path / "data", max_broken=0.5).load()
    assert len(dataset) == 4
    assert {os.fsencode(name) for name in dataset.class_names} == set(folders)
    assert {os.fsencode(name) for name in dataset.report.broken} == {folder + b"/\xe0.png" for folder in folders}
    again = source(tmp_path / "data", max_broken=0.5).load()
    assert again.report.cached
    assert again.report.broken == dataset.report.broken
    with pytest.raises(DataError, match="2 of 6 images"):
        source(tmp_path / "data").load()


def test_too_many_broken_images_is_an_error_that_names_some(tmp_path, cache):
    fill(tmp_path / "data", 10)
    for index in range(5):
        (tmp_path / "data" / f"bad{index}.jpg").write_bytes(b"this is text")
    with pytest.raises(DataError) as caught:
        source(tmp_path / "data").load()
    message = str(caught.value)
    assert "5 of 15 images" in message
    assert "bad0.jpg: is text" in message
    assert "and 2 more" in message
    assert "ganzoo data check" in message
    assert "\n" not in message
    assert source(tmp_path / "data", max_broken=0.4).load().report.files == 15
    with pytest.raises(DataError):  # the stricter limit holds for cached data too
        source(tmp_path / "data", max_broken=0.1).load()


def test_nothing_but_broken_images(tmp_path, cache):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match="1 of 1 images") as caught:
        source(tmp_path / "data", max_broken=1).load()
    assert "none can be used (a.png: is text, not an image)" in str(caught.value)
    assert "max_broken" not in str(caught.value)
    assert list((cache / "data").iterdir()) == []


def test_reading_stops_early_when_it_is_hopeless(tmp_path, cache, monkeypatch):
    (tmp_path / "data").mkdir()
    for index in range(600):
        (tmp_path / "data" / f"{index}.jpg").write_bytes(b"text")
    reads = []
    original = archive.ImageFiles.read
    monkeypatch.setattr(archive.ImageFiles, "read", lambda self, entry: reads.append(1) or original(self, entry))
    with pytest.raises(DataError, match=r"At least \d+ of 600 images"):
        source(tmp_path / "data").load()
    assert len(reads) < 300


def test_missing_path_says_how_to_name_it():
    with pytest.raises(DataError, match="--data PATH"):
        data_sources.create("image_folder").load()


def test_no_progress_bar_when_standard_error_is_no_terminal(tmp_path, cache, capfd):
    fill(tmp_path / "data")
    source(tmp_path / "data").load()
    assert capfd.readouterr() == ("", "")


def test_the_guess_is_in_the_report_also_from_the_cache(tmp_path, cache):
    for split in ("train", "test"):
        for name in ("9", "10"):
            fill(tmp_path / "data" / split / name, 2)
    fill(tmp_path / "data", 1)
    for cached in (False, True):
        dataset = source(tmp_path / "data").load()
        assert dataset.report.cached == cached
        assert dataset.class_names == ("9", "10")
        assert (len(dataset), dataset.labels.tolist()) == (4, [0, 0, 1, 1][::-1])  # files in the order of their names
        assert [note.partition(":")[0] for note in dataset.report.notes] == ["Split", "Classes"]
        assert dataset.report.passed_over == {"outside the splits": ("0.png",)}


@pytest.mark.parametrize("change", [{"classes": "none"}, {"split": "test"}, {"split": "all"}, {"split": "none"}])
def test_another_layout_is_other_data(tmp_path, cache, change):
    for split in ("train", "test"):
        for name in ("a", "b"):
            fill(tmp_path / "data" / split / name, 2 if split == "train" else 1)
    first = source(tmp_path / "data").load()
    second = source(tmp_path / "data", **change).load()
    assert not second.report.cached
    assert (len(first), first.class_names) != (len(second), second.class_names)


def test_other_labels_are_other_data(tmp_path, cache):
    fill(tmp_path / "data", 4)
    table = tmp_path / "data" / "labels.csv"
    for labels in ("xxyy", "xyxy"):
        table.write_text("\n".join(f"{index}.png,{label}" for index, label in enumerate(labels)))
        dataset = source(tmp_path / "data", classes="csv:labels.csv").load()
        assert [dataset.class_names[label] for label in dataset.labels] == list(labels)


def test_classes_of_a_wrong_form_are_refused_when_the_config_is_read():
    with pytest.raises(ValueError, match=r"received 'foldr'.*Did you mean 'folder'"):
        source("x", classes="foldr")
    assert source("x", classes="none").class_count() == 0
    assert source("x").class_count() is None
