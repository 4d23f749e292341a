import os
import stat
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.data.archive import class_folders, image_files
from ganzoo.errors import DataError

from .conftest import encoded, photo


def write_zip(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_folder_lists_images_only_and_reads_them(tmp_path):
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    for name in ("z.PNG", "b/a.jpeg", "b/deep/x.webp", "notes.txt", ".hidden/h.png", "._z.png", "__MACOSX/z.png"):
        (tmp_path / name).write_bytes(name.encode())
    files = image_files(tmp_path)
    assert [entry.name for entry in files.entries] == ["b/a.jpeg", "b/deep/x.webp", "z.PNG"]
    assert files.read(files.entries[1]) == b"b/deep/x.webp"


def test_zip_is_read_in_place_with_the_same_names(tmp_path):
    members = {"b/a.jpg": b"1", "z.png": b"22", "readme.txt": b"", "__MACOSX/b/._a.jpg": b"x", ".x/y.png": b"y"}
    files = image_files(write_zip(tmp_path / "data.zip", members))
    assert [entry.name for entry in files.entries] == ["b/a.jpg", "z.png"]
    assert files.read(files.entries[1]) == b"22"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.zip"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.png", "outside"),
        ("a/../../evil.png", "outside"),
        ("..\\evil.png", "outside"),
        ("/etc/evil.png", "absolute"),
        ("C:/evil.png", "absolute"),
        ("c:\\evil.png", "absolute"),
        ("\\\\server\\evil.png", "absolute"),
        ("../evil.txt", "outside"),
    ],
)
def test_zip_with_an_unsafe_name_is_refused(tmp_path, name, why):
    path = write_zip(tmp_path / "data.zip", {"fine.png": encoded(photo()), name: b"x"})
    with pytest.raises(DataError, match=f"is refused: its member .* {why}|{why}"):
        image_files(path)


def test_zip_with_a_link_is_refused(tmp_path):
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("photo.png")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        image_files(path)


def test_zip_bomb_is_refused_unread(tmp_path):
    with pytest.raises(DataError, match="times its size"):
        image_files(write_zip(tmp_path / "bomb.zip", {"flat.bmp": bytes(20 << 20)}))


def test_small_flat_bitmap_is_no_bomb(tmp_path):
    assert len(image_files(write_zip(tmp_path / "flat.zip", {"flat.bmp": bytes(4 << 20)}))) == 1


def test_zip_member_that_lies_about_its_size_is_broken(tmp_path):
    path = write_zip(tmp_path / "data.zip", {"a.png": encoded(photo()) * 50})
    raw = bytearray(path.read_bytes())
    central = raw.index(b"PK\x01\x02")
    raw[central + 24 : central + 28] = struct.pack("<I", 10)  # "10 bytes unpacked"
    path.write_bytes(raw)
    files = image_files(path)
    with pytest.raises(ValueError, match="cannot be read"):
        files.read(files.entries[0])


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "There is no folder or zip"),
        (lambda path: path.mkdir(), "holds no image"),
        (lambda path: path.write_bytes(b"PK\x03\x04 not really"), "neither a folder nor a readable zip"),
        (lambda path: write_zip(path, {"a.txt": b""}), "holds no image"),
    ],
)
def test_nothing_to_read_is_one_line(tmp_path, make, why):
    make(tmp_path / "data")
    with pytest.raises(DataError, match=why) as caught:
        image_files(tmp_path / "data")
    assert "\n" not in str(caught.value)


def test_links_that_lead_nowhere_pipes_and_circles(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.png").write_bytes(b"a")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    files = image_files(tmp_path)
    assert [entry.name for entry in files.entries] == ["gone.png", "pipe.png", "sub/a.png"]
    for entry, why in zip(files.entries, ("leads nowhere", "empty"), strict=False):
        with pytest.raises(ValueError, match=why):
            files.read(entry)


def test_fingerprint_follows_names_sizes_and_dates(tmp_path):
    (tmp_path / "a.png").write_bytes(b"abc")
    first = image_files(tmp_path).fingerprint()
    assert image_files(tmp_path).fingerprint() == first
    os.utime(tmp_path / "a.png", (1, 1))
    assert image_files(tmp_path).fingerprint() != first


@pytest.mark.parametrize(
    ("names", "labels", "classes"),
    [
        (["cat/1.png", "dog/2.png", "dog/x/3.png"], [0, 1, 1], ("cat", "dog")),
        (["all/cat/1.png", "all/dog/2.png"], [0, 1], ("cat", "dog")),
        (["cat/1.png", "2.png"], None, ()),
        (["cat/1.png", "cat/2.png"], None, ()),
        (["all/cat/1.png", "all/2.png"], None, ()),
        (["1.png"], None, ()),
    ],
)
def test_class_folders(names, labels, classes):
    assert class_folders(names) == (labels, classes)


@given(st.lists(st.sampled_from(["a/1", "b/2", "c/d/3", "a/e/4"]), min_size=1))
def test_class_folders_name_the_folder_of_each_image(names):
    labels, classes = class_folders(names)
    if labels is not None:
        assert [classes[label] for label in labels] == [name.split("/")[0] for name in names]
        assert len(classes) > 1
