"""The text files of CelebA: attributes, landmarks, face boxes.

Format (README.txt of CelebA): the first line has the number of images, the second line the names of the columns. Then
one line per image has the file name and integers. The .csv files of other hosts have the names in the first line.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from ganzoo.data.reading.resize import Box
from ganzoo.environment.git_lfs import require_content
from ganzoo.errors import DataError, reason

LANDMARKS_ALIGNED = "list_landmarks_align_celeba"
LANDMARKS_WILD = "list_landmarks_celeba"
BOXES_WILD = "list_bbox_celeba"
ATTRIBUTES = "list_attr_celeba"

Table = tuple[list[str], dict[str, tuple[int, ...]]]
"""Names of the columns, and the numbers by file name."""


def find_table(name: str, places: Sequence[Path]) -> Path | None:
    """The file ``name`` (.txt or .csv) in one of the folders, or in the folder ``Anno`` of one of them."""
    for place in places:
        for folder in (place, place / "Anno"):
            for suffix in (".txt", ".csv"):
                if (folder / f"{name}{suffix}").is_file():
                    return folder / f"{name}{suffix}"
    return None


def read_table(path: Path) -> Table:
    """Read one of CelebA's text files.

    Raises:
        DataError: if the file is not valid. The message names the first wrong line.
    """
    require_content(path, error=DataError)
    try:
        text = path.read_text(encoding="utf-8-sig")
        comma = path.suffix.lower() == ".csv"
        lines = list(csv.reader(text.splitlines())) if comma else [line.split() for line in text.splitlines()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"Cannot read {path}: {reason(error)}.") from error
    if not comma and lines and len(lines[0]) == 1 and lines[0][0].isdigit():
        lines = lines[1:]
    names = [name.strip() for name in lines[0]] if lines else []
    names = names[1:] if names and names[0] == "image_id" else names
    rows: dict[str, tuple[int, ...]] = {}
    for number, line in enumerate(lines[1:], start=2 if comma else 3):
        if not line:
            continue
        try:
            rows[line[0]] = tuple(int(value) for value in line[1:])
        except ValueError:
            raise DataError(
                f"{path}, line {number}: expected a file name and whole numbers; received {line!r:.80}."
            ) from None
        if len(rows[line[0]]) != len(names):
            raise DataError(f"{path}, line {number}: there are {len(names)} columns, but {len(line) - 1} numbers.")
    if not rows:
        raise DataError(f"{path} lists no images.")
    return names, rows


def face_from_landmarks(points: Sequence[int]) -> Box:
    """A square around a face, from its landmarks.

    Args:
        points: x and y of the left eye, right eye, nose, left and right corner of the mouth, in pixels.

    The center is between the eyes and the mouth, slightly closer to the eyes. The side is 3 times the larger of two
    distances: between the eyes, and from the eyes to the mouth. So the square spans from the hairline to the chin.
    """
    left_x, left_y, right_x, right_y, _, _, mouth_left_x, mouth_left_y, mouth_right_x, mouth_right_y = points
    eyes = (left_x + right_x) / 2, (left_y + right_y) / 2
    mouth = (mouth_left_x + mouth_right_x) / 2, (mouth_left_y + mouth_right_y) / 2
    apart = ((right_x - left_x) ** 2 + (right_y - left_y) ** 2) ** 0.5
    down = ((mouth[0] - eyes[0]) ** 2 + (mouth[1] - eyes[1]) ** 2) ** 0.5
    half = 1.5 * max(apart, down)
    x, y = eyes[0] + 0.4 * (mouth[0] - eyes[0]), eyes[1] + 0.4 * (mouth[1] - eyes[1])
    return (x - half, y - half, x + half, y + half)


def face_from_box(left: int, top: int, width: int, height: int) -> Box:
    """The square with the center of a face box and its longer side."""
    half = max(width, height) / 2
    x, y = left + width / 2, top + height / 2
    return (x - half, y - half, x + half, y + half)


def with_aspect(box: Box, size: tuple[int, int]) -> Box:
    """Extend a square in one direction, around its center, to the aspect ratio of ``size``, ``(height, width)``."""
    height, width = size
    side, shorter = box[2] - box[0], min(size)
    x, y = side * (width - shorter) / shorter / 2, side * (height - shorter) / shorter / 2
    return (box[0] - x, box[1] - y, box[2] + x, box[3] + y)


def inside(box: Box, width: int, height: int) -> Box:
    """Move a box into an image of this size. A box that is too large is shrunk and keeps its aspect ratio."""
    across, down = box[2] - box[0], box[3] - box[1]
    scale = min(1.0, width / across, height / down)
    across, down = min(across * scale, float(width)), min(down * scale, float(height))
    x = min(max((box[0] + box[2] - across) / 2, 0.0), width - across)
    y = min(max((box[1] + box[3] - down) / 2, 0.0), height - down)
    return (x, y, min(x + across, float(width)), min(y + down, float(height)))
