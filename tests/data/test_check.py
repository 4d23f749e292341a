import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from ganzoo.data.check import check
from ganzoo.errors import DataError

from .conftest import encoded, photo


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "cat/fine.png": encoded(photo(1, 80, 80)),
        "cat/same.bmp": encoded(photo(1, 80, 80), "BMP"),
        "cat/lie.jpg": b"this is text",
        "cat/cut.jpg": encoded(photo(2, 300, 300), "JPEG")[:900],
        "dog/tiny.png": encoded(photo(3, 20, 20)),
        "dog/gray.png": encoded(photo(4, 90, 90)[..., 0]),
        "dog/gray_rgb.png": encoded(np.repeat(photo(5, 90, 90)[..., :1], 3, axis=2)),
        "dog/alpha.png": encoded(Image.fromarray(photo(6, 100, 90)).convert("RGBA")),
        "dog/long.png": encoded(photo(7, 300, 70)),
        "dog/really_png.jpg": encoded(photo(8, 80, 80)),
        "dog/turned.jpg": encoded(photo(9, 120, 80), "JPEG", exif=exif),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_everything_is_found(folder):
    report = check(folder)
    assert report.files == 11
    assert report.usable == 9
    assert set(report.broken) == {"cat/lie.jpg", "cat/cut.jpg"}
    assert "text" in report.broken["cat/lie.jpg"]
    assert report.duplicates == [["cat/fine.png", "cat/same.bmp"]]
    assert report.tiny == ["dog/tiny.png"]
    assert report.grayscale == ["dog/gray.png", "dog/gray_rgb.png"]
    assert report.alpha == ["dog/alpha.png"]
    assert report.odd_shaped == ["dog/long.png"]
    assert report.misnamed == {"dog/really_png.jpg": "PNG"}
    assert report.rotated == ["dog/turned.jpg"]
    assert report.formats == {"PNG": 7, "BMP": 1, "JPEG": 1}
    assert report.classes == {"cat": 4, "dog": 7}
    assert report.width == (20, 300)
    assert report.height == (20, 120)  # the turned one is 80 wide and 120 high
    assert report.counts["broken"] == 2
    assert report.counts["duplicate"] == 1


def test_report_is_json(folder):
    report = check(folder)
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()


def test_zip_gives_the_same_report(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for path in folder.rglob("*.*"):
            archive.write(path, path.relative_to(folder))
    packed, plain = check(tmp_path / "data.zip").to_dict(), check(folder).to_dict()
    packed["path"] = plain["path"]
    assert packed == plain


def test_limits_are_arguments(folder):
    report = check(folder, tiny_below=85, odd_above=5)
    assert len(report.tiny) == 6
    assert report.odd_shaped == []


def test_nothing_to_check_is_one_line(tmp_path):
    with pytest.raises(DataError, match="has no images"):
        check(tmp_path)


def test_all_broken_is_a_report_not_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    report = check(tmp_path)
    assert (report.files, report.usable, report.width) == (1, 0, (0, 0))
