import os
import stat
import struct
import tracemalloc
import zipfile

import pytest

from data.conftest import encoded, photo
from ganzoo.data.reading.archive import HIDDEN, LINKS, NOT_IMAGES, ODD_NAMES, UNREAD, image_files
from ganzoo.errors import DataError


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
    "name",
    [
        "../evil.png",
        "a/../../evil.png",
        "..\\evil.png",
        "/etc/evil.png",
        "C:/evil.png",
        "c:\\evil.png",
        "\\\\server\\evil.png",
        "../evil.txt",
    ],
)
def test_member_with_an_unsafe_name_is_passed_over(tmp_path, name):
    path = write_zip(tmp_path / "data.zip", {"fine.png": encoded(photo()), name: b"x"})
    files = image_files(path)
    assert [entry.name for entry in files.entries] == ["fine.png"]
    assert files.passed_over == {ODD_NAMES: (name.replace("\\", "/"),)}
    assert files.others == ()


def test_members_whose_names_begin_with_the_current_folder(tmp_path):
    names = ("./", "./a/1.png", ".\\a\\2.png", "././3.png", "./.hidden.png", "./../4.png", ".//5.png")
    files = image_files(write_zip(tmp_path / "data.zip", dict.fromkeys(names, encoded(photo()))))
    assert [entry.name for entry in files.entries] == ["3.png", "a/1.png", "a/2.png"]
    assert all(files.read(entry) == encoded(photo()) for entry in files.entries)
    assert files.passed_over == {HIDDEN: (".hidden.png",), ODD_NAMES: ("../4.png", "/5.png")}


def add_link(archive, name):
    link = zipfile.ZipInfo(name)
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(link, "/etc/passwd")


def test_members_that_are_never_read_do_not_cost_the_zip(tmp_path):
    path = write_zip(tmp_path / "data.zip", {"a.png": encoded(photo()), "log.bin": bytes(30 << 20), ".git/x.png": b"x"})
    with zipfile.ZipFile(path, "a") as archive:
        add_link(archive, "latest.png")
    raw = bytearray(write_zip(tmp_path / "secret.zip", {"secret.png": b"x"}).read_bytes())
    files = image_files(path)
    assert [entry.name for entry in files.entries] == ["a.png"]
    assert files.passed_over == {LINKS: ("latest.png",), NOT_IMAGES: ("log.bin",), HIDDEN: (".git/x.png",)}
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # "encrypted"
    (tmp_path / "secret.zip").write_bytes(raw)
    with pytest.raises(DataError, match=r"has no images.* encrypted: 1 \(secret.png\)"):
        image_files(tmp_path / "secret.zip")


def test_zip_of_windows_keeps_its_folders(tmp_path):
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("pets\\", "pets\\cat\\1.png", "pets\\dog\\1.png"):
            info = zipfile.ZipInfo(name)
            info.filename = info.orig_filename = name
            info.create_system = 0
            archive.writestr(info, name.encode())
    files = image_files(path)
    assert [entry.name for entry in files.entries] == ["pets/cat/1.png", "pets/dog/1.png"]
    assert files.read(files.entries[1]) == b"pets\\dog\\1.png"
    assert files.passed_over == {}


def test_zip_of_macos_keeps_its_letters(tmp_path):
    name = "café/1.png"
    path = write_zip(tmp_path / "data.zip", {name: b"1", "__MACOSX/café/._1.png": b"x", "café/.DS_Store": b"x"})
    raw = path.read_bytes()
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # without the flag for UTF-8
        parts = raw.split(signature)
        raw = signature.join([parts[0], *(p[: offset - 4] + b"\0\0" + p[offset - 2 :] for p in parts[1:])])
    path.write_bytes(raw)
    files = image_files(path)
    assert [entry.name for entry in files.entries] == [name]
    assert files.read(files.entries[0]) == b"1"
    assert files.passed_over == {}


def test_of_two_members_with_one_name_the_last_counts(tmp_path):
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.png", b"old")
        archive.writestr("a.png", b"new one")
    files = image_files(tmp_path / "data.zip")
    assert [files.read(entry) for entry in files.entries] == [b"new one"]


SUFFIXES = {
    "a.jfif": "JPEG",
    "b.JPE": "JPEG",
    "c.tif": "TIFF",
    "d.avif": "AVIF",
    "e.heic": "HEIF",
    "f.ppm": "PPM",
}


@pytest.mark.parametrize("zipped", [False, True])
def test_images_are_found_by_suffix_or_by_content(tmp_path, zipped):
    contents = {name: encoded(photo(), kind) for name, kind in SUFFIXES.items() if kind != "HEIF"}
    members = contents | {
        "e.heic": b"x",
        "no_suffix": contents["a.jfif"],
        "g.jpg!large": contents["a.jfif"],
        "h.image": encoded(photo(), "PNG"),
        "i.dat": contents["d.avif"],
        "j.img": encoded(photo(), "BMP"),
        "k.img": encoded(photo(), "WEBP"),
        "l.img": encoded(photo(), "GIF"),
        "m.img": contents["c.tif"],
        "photo.cr2": contents["c.tif"],  # raw photographs begin like a TIFF
        "film.mov": b"film",
        "README": b"read me",
        "notes.txt": b"notes",
        "empty": b"",
        ".hidden.png": contents["a.jfif"],
    }
    unread = {"photo.cr2", "film.mov"}
    not_images = {"README", "notes.txt", "empty"}
    (tmp_path / "data").mkdir()
    for name, data in members.items():
        (tmp_path / "data" / name).write_bytes(data)
    files = image_files(write_zip(tmp_path / "data.zip", members) if zipped else tmp_path / "data")
    assert {entry.name for entry in files.entries} == set(members) - unread - not_images - {".hidden.png"}
    found = {reason: set(names) for reason, names in files.passed_over.items()}
    assert found == {UNREAD: unread, NOT_IMAGES: not_images, HIDDEN: {".hidden.png"}}


def test_every_file_is_an_image_or_counted(tmp_path):
    """Nothing gets lost between the images and what is passed over, except file managers' droppings."""
    names = [f"{number}.{suffix}" for number, suffix in enumerate(("jpg", "HEIC", "xcf", "txt", "odd", "mp4"))]
    for name in (*names, ".DS_Store", "._1.jpg", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_bytes(b"x")
    files = image_files(tmp_path)
    counted = [name for found in files.passed_over.values() for name in found]
    assert sorted([*counted, *(entry.name for entry in files.entries)]) == sorted(names)


@pytest.mark.parametrize("name", ["bomb.img", "bomb.jpg"])
def test_bomb_under_any_name_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="times its size"):
        image_files(write_zip(tmp_path / "bomb.zip", {name: encoded(photo(), "JPEG") + bytes(20 << 20)}))


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


@pytest.mark.slow
def test_zip_member_that_lies_unpacks_no_more_than_it_admits(tmp_path):
    path = write_zip(tmp_path / "data.zip", {"a.png": bytes(300 << 20)})
    raw = bytearray(path.read_bytes())
    central = raw.index(b"PK\x01\x02")
    raw[central + 24 : central + 28] = struct.pack("<I", 10)  # "10 bytes unpacked"
    path.write_bytes(raw)
    files = image_files(path)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="cannot be read"):
            files.read(files.entries[0])
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "There is no folder or zip"),
        (lambda path: path.mkdir(), "has no images"),
        (lambda path: path.write_bytes(b"PK\x03\x04 not really"), "not a folder or a readable zip"),
        (lambda path: write_zip(path, {"a.txt": b""}), "has no images"),
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
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    files = image_files(tmp_path)
    assert [entry.name for entry in files.entries] == ["gone.png", "loop.png", "pipe.png", "sub/a.png"]
    for entry, why in zip(files.entries, ("is dangling", "is dangling", "empty"), strict=False):
        with pytest.raises(ValueError, match=why):
            files.read(entry)


def test_fingerprint_follows_names_sizes_and_dates(tmp_path):
    (tmp_path / "a.png").write_bytes(b"abc")
    first = image_files(tmp_path).fingerprint()
    assert image_files(tmp_path).fingerprint() == first
    os.utime(tmp_path / "a.png", (1, 1))
    assert image_files(tmp_path).fingerprint() != first
