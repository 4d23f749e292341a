import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.conftest import encoded, photo
from data.publishers import LANDMARK_NAMES, TYPICAL_LANDMARKS, celeba_table, write_celeba
from ganzoo.data import data_sources
from ganzoo.data.reading.celeba_tables import face_from_box, face_from_landmarks, inside, read_table, with_aspect
from ganzoo.errors import DataError


def source(path, **fields):
    return data_sources.create({"source": "celeba", "path": str(path), **fields})


def close(samples, pictures, tolerance=3):
    return all(np.abs(a.astype(int) - b).mean() < tolerance for a, b in zip(samples, pictures, strict=True))


def test_default_is_the_middle_178(tmp_path, cache):
    pictures = write_celeba(tmp_path)
    dataset = source(tmp_path, resolution=178).load()
    assert close(dataset.samples, [picture[20:198] for picture in pictures])
    assert dataset.labels is None
    assert source(tmp_path).flip


def test_center_108(tmp_path, cache):
    pictures = write_celeba(tmp_path)
    dataset = source(tmp_path, resolution=108, crop="center_108").load()
    assert close(dataset.samples, [picture[55:163, 35:143] for picture in pictures])


def test_crops_that_are_not_square_grow_to_the_aspect_inside_the_image(tmp_path, cache):
    pictures = write_celeba(tmp_path)
    tall = source(tmp_path, resolution="144x108", crop="center_108").load()
    assert close(tall.samples, [picture[37:181, 35:143] for picture in pictures])
    wide = source(tmp_path, resolution="89x178").load()  # 178 px high would be 356 px wide
    assert close(wide.samples, [picture[64:153] for picture in pictures], tolerance=4)
    face = source(tmp_path, resolution="96x64", crop="face").load()
    assert face.samples.shape[1:] == (96, 64, 3)


@given(
    size=st.tuples(st.integers(4, 1024), st.integers(4, 1024)),
    box=st.tuples(st.integers(-50, 300), st.integers(-50, 300), st.integers(1, 300)),
    width=st.integers(1, 400),
    height=st.integers(1, 400),
)
def test_a_box_of_any_aspect_ends_inside_with_its_aspect(size, box, width, height):
    x, y, side = box
    left, top, right, bottom = inside(with_aspect((x, y, x + side, y + side), size), width, height)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert (right - left) * size[0] == pytest.approx((bottom - top) * size[1], rel=1e-6)


def test_every_layout_gives_the_same(tmp_path, cache):
    write_celeba(tmp_path / "a")
    folder = tmp_path / "a" / "img_align_celeba"
    (tmp_path / "b" / "Img").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "b" / "Img" / "img_align_celeba.zip", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"img_align_celeba/{path.name}")
    (tmp_path / "b" / "Anno").mkdir()
    for path in (tmp_path / "a").glob("*.txt"):
        (tmp_path / "b" / "Anno" / path.name).write_bytes(path.read_bytes())
    paths = [tmp_path / "a", folder, tmp_path / "b", tmp_path / "b" / "Img" / "img_align_celeba.zip"]
    for crop in ("center_178", "face"):
        loaded = [source(path, crop=crop, resolution=32).load().samples for path in paths]
        assert all((samples == loaded[0]).all() for samples in loaded)


def test_doubled_folder_and_csv_lists(tmp_path, cache):
    write_celeba(tmp_path / "a")
    doubled = tmp_path / "c" / "img_align_celeba"
    doubled.mkdir(parents=True)
    (tmp_path / "a" / "img_align_celeba").rename(doubled / "img_align_celeba")
    rows = "\n".join(f"{n:06d}.jpg,{','.join(map(str, TYPICAL_LANDMARKS))}" for n in range(1, 7))
    lists = tmp_path / "c" / "list_landmarks_align_celeba.csv"
    lists.write_text(f"image_id,{','.join(LANDMARK_NAMES)}\n{rows}\n")
    assert len(source(tmp_path / "c", crop="face").load()) == 6


def test_face_of_aligned_images_comes_from_their_landmarks(tmp_path, cache):
    pictures = write_celeba(tmp_path)
    left, top, right, _ = face_from_landmarks(TYPICAL_LANDMARKS)
    side = round(right - left)
    dataset = source(tmp_path, crop="face", resolution=side).load()
    x, y = round(left), round(top)
    assert close(dataset.samples, [picture[y : y + side, x : x + side] for picture in pictures], tolerance=6)
    # Another list of landmarks makes another data set.
    moved = {f"{n:06d}.jpg": tuple(v + 20 for v in TYPICAL_LANDMARKS) for n in range(1, 7)}
    (tmp_path / "list_landmarks_align_celeba.txt").write_text(celeba_table(LANDMARK_NAMES, moved))
    again = source(tmp_path, crop="face", resolution=side).load()
    assert not again.report.cached
    assert (again.samples != dataset.samples).any()


def test_boxes_in_the_wild_are_never_used_for_aligned_images(tmp_path, cache):
    write_celeba(tmp_path)
    (tmp_path / "list_landmarks_align_celeba.txt").unlink()
    with pytest.raises(DataError, match=r"list_landmarks_align_celeba\.txt") as caught:
        source(tmp_path, crop="face").load()
    assert "other images" in str(caught.value)
    assert "\n" not in str(caught.value)


def write_wild(root):
    """img_celeba: photographs of any size with a face box; the face is a white square on black."""
    (root / "img_celeba").mkdir(parents=True)
    rows = {}
    for number, (width, height, x, y, side) in enumerate([(300, 200, 200, 50, 60), (150, 400, 10, 300, 80)], start=1):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[y : y + side, x : x + side] = 255
        (root / "img_celeba" / f"{number:06d}.jpg").write_bytes(encoded(picture, "JPEG", quality=95))
        rows[f"{number:06d}.jpg"] = (x, y, side, side)
    (root / "list_bbox_celeba.txt").write_text(celeba_table(["x_1", "y_1", "width", "height"], rows))
    return rows


def test_face_in_the_wild_comes_from_its_box(tmp_path, cache):
    write_wild(tmp_path)
    dataset = source(tmp_path, crop="face", resolution=32).load()
    assert len(dataset) == 2
    assert dataset.samples.mean() > 245
    with pytest.raises(DataError, match="crop=face"):
        source(tmp_path, crop="center_178").load()


def test_empty_and_missing_boxes_are_broken_images(tmp_path, cache):
    rows = write_wild(tmp_path)
    rows["000002.jpg"] = (0, 0, 0, 0)
    names = ["x_1", "y_1", "width", "height"]
    (tmp_path / "list_bbox_celeba.txt").write_text(celeba_table(names, rows))
    dataset = source(tmp_path, crop="face", max_broken=0.5).load()
    assert "empty face" in dataset.report.broken["000002.jpg"]
    del rows["000002.jpg"]
    (tmp_path / "list_bbox_celeba.txt").write_text(celeba_table(names, rows) + "\n")
    dataset = source(tmp_path, crop="face", max_broken=0.5).load()
    assert "not in list_bbox_celeba.txt" in dataset.report.broken["000002.jpg"]


def test_attribute_is_the_class(tmp_path, cache):
    write_celeba(tmp_path)
    smiling = source(tmp_path, attribute="Smiling")
    assert smiling.class_count() == 2
    dataset = smiling.load()
    assert dataset.labels.tolist() == [1, 0, 0, 1, 0, 0]
    assert dataset.class_names == ("not Smiling", "Smiling")
    with pytest.raises(DataError, match="Did you mean 'Smiling'"):
        source(tmp_path, attribute="Smilin").load()
    (tmp_path / "list_attr_celeba.txt").unlink()
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt"):
        smiling.load()


def test_odd_image_among_the_aligned_is_broken(tmp_path, cache):
    write_celeba(tmp_path)
    (tmp_path / "img_align_celeba" / "000004.jpg").write_bytes(encoded(photo(1, 100, 100), "JPEG"))
    report = source(tmp_path, max_broken=0.5).load().report
    assert "are smaller than the crop" in report.broken["000004.jpg"]


def test_without_data_it_says_what_to_get(tmp_path):
    with pytest.raises(DataError, match=r"img_align_celeba\.zip.*--data PATH"):
        data_sources.create("celeba").load()
    with pytest.raises(DataError, match="There is no folder"):
        source(tmp_path / "nowhere").load()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2\na b\n1.jpg 1 2\n2.jpg 1 x\n", "line 4"),
        ("2\na b\n1.jpg 1 2\n2.jpg 1\n", "line 4"),
        ("", "lists no image"),
        ("2\na b\n", "lists no image"),
    ],
)
def test_damaged_lists_name_the_line(tmp_path, text, why):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(DataError, match=why):
        read_table(tmp_path / "list.txt")


def test_typical_face_goes_from_the_hairline_to_the_chin():
    left, top, right, bottom = face_from_landmarks(TYPICAL_LANDMARKS)
    assert right - left == pytest.approx(bottom - top)
    assert 20 < left < 40
    assert 140 < right < 160
    assert 55 < top < 80  # brows are near 98
    assert 175 < bottom < 200  # the chin is near 180


@given(
    width=st.integers(1, 500),
    height=st.integers(1, 500),
    x=st.integers(-300, 600),
    y=st.integers(-300, 600),
    w=st.integers(1, 700),
    h=st.integers(1, 700),
)
def test_boxes_end_up_inside_square_and_as_large_as_they_can(width, height, x, y, w, h):
    left, top, right, bottom = inside(face_from_box(x, y, w, h), width, height)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert right - left == pytest.approx(bottom - top) == min(max(w, h), width, height)
    if x >= 0 and y >= 0 and x + max(w, h) <= width and y + max(w, h) <= height and w == h:
        assert (left, top) == (x, y)


def test_a_very_long_cell_is_one_line(tmp_path):
    """Found by fuzz_files.py: the csv module raised csv.Error."""
    path = tmp_path / "list_attr_celeba.csv"
    path.write_text("image_id,Smiling\n1.jpg," + "1" * 200_000 + "\n")
    with pytest.raises(DataError, match="Cannot read") as said:
        read_table(path)
    assert len(str(said.value).splitlines()) == 1
