"""Chooses the image and the label of each sample in tar shards."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganzoo.data.reading.collection import LabeledImages, UnreadableError
from ganzoo.data.reading.described import listed
from ganzoo.data.reading.formats import IMAGE_SUFFIXES, suffix_of
from ganzoo.data.reading.label_order import natural_order
from ganzoo.data.reading.shards import Shard
from ganzoo.data.reading.tar_shards import Place, Sample, TarImages, find_samples, read_file
from ganzoo.errors import DataError, did_you_mean

AUTO = "auto"
EXTENSION_FORM = r"[^\s/\\:]+"
_LABEL_FORM = re.compile(rf"(?P<extension>{EXTENSION_FORM})(?::(?P<key>.+))?")
_JSON = "json"
_MAX_LABEL_BYTES = 1 << 20
_NO_IMAGE = "without an image"


def check_label(label: str) -> str:
    """Return ``label`` if it is a valid value of ``data.label``: an extension, or ``json:KEY``.

    Raises:
        ValueError: if not.
    """
    form = _LABEL_FORM.fullmatch(label)
    if form is None or (form["key"] is not None) != (form["extension"].lower() == _JSON):
        raise ValueError(f"received '{label[:100]}'; allowed: an extension such as cls, or json:KEY")
    return label


def labeled_images(path: Path, shards: Sequence[Shard], *, image: str, label: str | None) -> LabeledImages:
    """The image of each sample, and its label.

    Args:
        path: the file, folder or glob, for messages.
        shards: the shards.
        image: extension of the images, or ``auto``.
        label: see ``check_label``; None for no labels. Samples without a label are left out.

    Raises:
        DataError: if a shard is damaged, a sample has several images, no sample has an image or a label, or the system
            cannot read a label.
    """
    samples, passed_over = find_samples(shards)
    if not samples:
        raise DataError(f"{path} has no samples.")
    extensions = Counter(extension for sample in samples for extension in sample.files)
    found = [(sample, _image(sample, image)) for sample in samples]
    chosen = [(sample, place) for sample, place in found if place is not None]
    if not chosen:
        near = "" if image == AUTO else did_you_mean(image, extensions)
        raise DataError(
            f"{path} has no {'image' if image == AUTO else f'.{image} file (data.image)'}.{near} "
            f"Extensions: {listed(natural_order(extensions))}."
        )
    without = tuple(sample.name for sample, place in found if place is None)
    passed_over |= {_NO_IMAGE: without} if without else {}
    files = TarImages.of(path, shards, [place for _, place in chosen], passed_over)
    if label is None:
        return LabeledImages(files, notes=_advice(extensions))
    return _with_labels(files, [sample for sample, _ in chosen], label, extensions)


def _image(sample: Sample, wanted: str) -> Place | None:
    """The image of a sample; None if it has none."""
    if wanted != AUTO:
        return sample.files.get(wanted.lower())
    images = [extension for extension in sample.files if suffix_of(f"_.{extension}") in IMAGE_SUFFIXES]
    found = [extension for extension in images if "." not in extension] or images  # jpg before mask.png
    if len(found) > 1:
        raise DataError(
            f"The sample {sample.name} has several images. Choose an extension: data.image={found[0]} "
            f"(extensions: {', '.join(found)})"
        )
    return sample.files[found[0]] if found else None


def _advice(extensions: Counter[str]) -> tuple[str, ...]:
    """The note about files that may have labels."""
    if "cls" in extensions:
        return ("No labels (data.label=cls uses the .cls files)",)
    return ("No labels (data.label=json:KEY uses a key of the .json files)",) if _JSON in extensions else ()


def _with_labels(files: TarImages, samples: Sequence[Sample], label: str, extensions: Counter[str]) -> LabeledImages:
    extension, _, key = label.partition(":")
    if extension.lower() not in extensions:
        near, known = did_you_mean(extension, extensions), listed(natural_order(extensions))
        raise DataError(f"{files.path} has no .{extension} file (data.label).{near} Extensions: {known}.")
    texts: list[str | None] = []
    first = ""
    for sample in samples:
        try:
            texts.append(_label(files.shards, sample.files.get(extension.lower()), key))
        except UnreadableError as error:  # an intact label: without its image, another set of images would be cached
            raise DataError(f"The label of {sample.name} {error}.") from error
        except ValueError as error:
            texts.append(None)
            first = first or f" The label of {sample.name}: {error}."
    kept = [index for index, text in enumerate(texts) if text is not None]
    if not kept:
        raise DataError(f"No image in {files.path} has a label (data.label={label}).{first}")
    names = natural_order({text for text in texts if text is not None})
    number = {name: index for index, name in enumerate(names)}
    unlabeled = tuple(entry.name for entry, text in zip(files.entries, texts, strict=True) if text is None)
    return LabeledImages(
        files.part(kept) if unlabeled else files,
        labels=[number[text] for text in texts if text is not None],
        class_names=tuple(names),
        passed_over={f"without a label (data.label={label})": unlabeled} if unlabeled else {},
    )


def _label(shards: Sequence[Shard], place: Place | None, key: str) -> str:
    """The label in a file.

    Raises:
        ValueError: if there is none. The message is the reason.
    """
    if place is None:
        raise ValueError("it has no such file")
    if place.size > _MAX_LABEL_BYTES:
        raise ValueError("its file is too large")
    text = read_file(shards, place).decode("utf-8-sig")
    if key:
        try:
            text = _value(json.loads(text), key)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
    text = text.strip()
    if not text or "\n" in text or len(text) > 255:
        raise ValueError("it is empty, or longer than a line of 255 characters")
    return text


def _value(content: Any, key: str) -> str:
    if not isinstance(content, dict) or key not in content:
        keys = listed(content) if isinstance(content, dict) else "none"
        raise ValueError(f"it has no key '{key}'. Keys: {keys}")
    value = content[key]
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int):
        raise ValueError(f"its value is {json.dumps(value)[:50]}; labels are integers, texts or truth values")
    return str(value)
