"""Tests a training's report about its data, and that a resumed run keeps the order of its classes."""

import json

import numpy as np
import pytest
from helpers import tiny
from PIL import Image

from ganzoo.config import yaml_files
from ganzoo.errors import DataError, RunError
from ganzoo.runs import FINGERPRINT
from ganzoo.training.data import load_data
from ganzoo.training.session import resume, start

FOLDERS = [str(number) for number in range(1, 13)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Twelve class folders with numbers as names; each class has its own gray level."""
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    for name in FOLDERS:
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("L", (8, 8), 20 * int(name)).save(tmp_path / "data" / name / f"{number}.png")
    (tmp_path / "data" / "notes.txt").write_text("notes")
    return tmp_path / "data"


def config(folder, *, num_classes=12, **data):
    return tiny(
        data={"source": "image_folder", "resolution": 8, "channels": 1, "path": str(folder), **data},
        num_classes=num_classes,
        training={"evaluation": None, "batch_size": 4, "steps": 4},
    )


def class_of(dataset):
    """The label of each sample, and the class of its gray level."""
    found = [int(dataset.class_names[label]) for label in dataset.labels]
    return found, (dataset.samples[:, 0, 0, 0] // 20).tolist()


def test_samples_classes_guess_and_what_was_passed_over(folder):
    said = []
    load_data(config(folder), quiet=True, info=said.append)
    assert said == [
        "24 samples (8 x 8 px grayscale) in 12 classes: 1, 2, 3, 4, 5, and 7 more",
        "Classes: the folders (data.classes=none if they are not classes)",
        "Skipped 1 file; not an image: 1 (notes.txt)",
        "Only 24 images: the generator will copy them. Use at least 100, or better a few thousand. With few images, "
        "training.augment='{name: diff_augment, adaptive: true, padding: reflect}' helps",
    ]
    load_data(config(folder, num_classes=0), quiet=True, info=said.append)
    assert said[-1].startswith("The labels are not used")
    said.clear()
    load_data(config(folder, num_classes=0, classes="none"), quiet=True, info=said.append)
    assert said[0] == "24 samples (8 x 8 px grayscale), without labels"


@pytest.mark.parametrize(
    ("change", "end"),
    [
        ({"training.augment": "diff_augment"}, "better a few thousand"),
        ({"training.loss": "wasserstein"}, "With few images, training.augment=diff_augment helps"),
    ],
)
def test_the_advice_for_few_images_fits_the_config(folder, change, end):
    said = []
    load_data(config(folder).replace(**change), quiet=True, info=said.append)
    assert said[-1].startswith("Only 24 images")
    assert said[-1].endswith(end)


def datasets_trained_on(monkeypatch):
    """The datasets that trainers are made with."""
    import ganzoo.training.trainer as module

    made, original = [], module.Trainer
    monkeypatch.setattr(
        module, "Trainer", lambda one, data, run, **options: made.append(data) or original(one, data, run, **options)
    )
    return made


@pytest.mark.slow
def test_a_run_from_before_numbers_counted_keeps_its_classes(folder, tmp_path, monkeypatch):
    run, _ = start(config(folder), root=tmp_path, quiet=True, max_steps=2)
    names = run.folder / "class_names.json"
    assert json.loads(names.read_text()) == FOLDERS
    names.write_text(json.dumps(sorted(FOLDERS)))  # 1, 10, 11, 12, 2, ..., as it was
    (run.folder / FINGERPRINT).unlink()  # older runs have none
    made = datasets_trained_on(monkeypatch)
    resume(root=tmp_path, quiet=True, max_steps=3)
    assert made[0].class_names == tuple(sorted(FOLDERS))
    meant, shown = class_of(made[0])
    assert meant == shown
    assert made[0].labels.dtype == np.int32


def write_as_older_code(run):
    """Take the fields out of the run's config that older code did not have."""
    path = run.folder / "config.yaml"
    values = yaml_files.read_mapping(path)
    del values["data"]["classes"], values["data"]["split"]
    path.write_text(yaml_files.dump(values))


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [0, 2])
def test_a_run_of_older_code_reads_the_images_that_it_began_with(folder, tmp_path, monkeypatch, num_classes):
    for name, split in zip(FOLDERS, ["train", "test"] * 6, strict=True):
        (folder / split).mkdir(exist_ok=True)
        (folder / name).rename(folder / split / name)
    if num_classes == 0:
        Image.new("L", (8, 8)).save(folder / "stray.png")
    then = config(folder, num_classes=num_classes, split="none", classes="folder" if num_classes else "none")
    run, _ = start(then, root=tmp_path, quiet=True, max_steps=2)
    write_as_older_code(run)
    made = datasets_trained_on(monkeypatch)
    resume(root=tmp_path, quiet=True, max_steps=3)
    assert len(made[0]) == (24 if num_classes else 25)
    assert made[0].class_names == (("test", "train") if num_classes else ())


def test_a_run_whose_classes_are_gone_is_not_resumed(folder, tmp_path):
    run, _ = start(config(folder), root=tmp_path, quiet=True, max_steps=2)
    (folder / "12").rename(folder / "13")
    with pytest.raises(DataError, match="missing: 12; new: 13"):
        resume(root=tmp_path, quiet=True)
    for damaged in ("[1, 2]", "{", '{"a": 1}', "[" * 100_000):
        (run.folder / "class_names.json").write_text(damaged)
        with pytest.raises(RunError, match=r"Cannot read .*class_names\.json"):
            resume(root=tmp_path, quiet=True)
