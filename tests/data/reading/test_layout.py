"""Which images are for training, which class each has, and what of that was guessed."""

import errno
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.data.reading.archive import NOT_IMAGES, Entry, ImageFiles, image_files
from ganzoo.data.reading.layout import arranged, check_classes, class_folders
from ganzoo.errors import DataError


def collection(tmp_path, names, **texts):
    """Empty image files, and text files by their contents."""
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    for name, text in texts.items():
        path = tmp_path / name.replace("__", "/").replace("_json", ".json").replace("_csv", ".csv")
        path.write_text(text, encoding="utf-8")
    return image_files(tmp_path)


def grid(*folders, count=3):
    return [f"{folder}/{number}.png" for folder in folders for number in range(count)]


def labels_of(layout):
    """Name -> class name."""
    return {
        entry.name: layout.class_names[label] for entry, label in zip(layout.files.entries, layout.labels, strict=True)
    }


@pytest.mark.parametrize(
    ("names", "labels", "classes"),
    [
        (["cat/1.png", "dog/2.png", "dog/x/3.png"], ["cat", "dog", "dog"], ("cat", "dog")),
        (["all/cat/1.png", "all/dog/2.png"], ["cat", "dog"], ("cat", "dog")),
        (["cat/1.png", "dog/1.png", "2.png"], ["cat", "dog", None], ("cat", "dog")),
        (["cat/1.png", "2.png"], [None, None], ()),
        (["cat/1.png", "cat/2.png"], [None, None], ()),
        (["1.png"], [None], ()),
        (["10/a.png", "9/a.png", "x/a.png"], ["10", "9", "x"], ("9", "10", "x")),
        (["pets\\cat\\1.png", "pets\\dog\\2.png"], ["cat", "dog"], ("cat", "dog")),
        (["cafe\u0301/1.png", "b/2.png"], ["caf\u00e9", "b"], ("b", "caf\u00e9")),
    ],
)
def test_class_folders(names, labels, classes):
    assert class_folders(names) == (labels, classes, labels.count(None))


@given(st.lists(st.sampled_from(["a/1", "b/2", "c/d/3", "a/e/4", "5"]), min_size=1))
def test_class_folders_name_the_folder_of_each_image(names):
    labels, classes, stray = class_folders(names)
    if classes:
        assert labels == [name.split("/")[0] if "/" in name else None for name in names]
        assert set(classes) == {label for label in labels if label is not None}
        assert len(classes) > 1
    assert stray == labels.count(None)


def test_a_stray_image_does_not_cost_the_labels(tmp_path):
    layout = arranged(collection(tmp_path, [*grid("a", "b"), "cover.png"]))
    assert labels_of(layout) == {name: name[0] for name in grid("a", "b")}
    assert layout.passed_over == {"outside the class folders": ("cover.png",)}
    assert "data.classes=none" in layout.notes[0]
    assert len(arranged(image_files(tmp_path), classes="none").files) == 7


def test_many_images_outside_the_folders_are_no_strays(tmp_path):
    names = [*grid("a", "b"), "1.png", "2.png"]
    layout = arranged(collection(tmp_path, names))
    assert layout.labels is None
    assert len(layout.files) == 8
    assert "2 of 8 images are outside the folders a, b (data.classes=folder" in layout.notes[0]
    assert len(arranged(image_files(tmp_path), classes="folder").files) == 6


def test_numbers_in_class_names_count_as_numbers(tmp_path):
    layout = arranged(collection(tmp_path, grid(*map(str, range(1, 13)), count=1)))
    assert layout.class_names == tuple(map(str, range(1, 13)))


@pytest.mark.parametrize(
    ("folders", "train"),
    [
        (("train", "test"), ["train"]),
        (("data/Train", "data/Val", "data/Test"), ["data/Train"]),
        (("train2017", "val2017"), ["train2017"]),
        (("seg_train", "seg_test", "seg_pred"), ["seg_train"]),
        (("images/train", "images/val"), ["images/train"]),
    ],
)
def test_train_and_test_are_no_classes(tmp_path, folders, train):
    classes = ("cat", "dog")
    names = grid(*(f"{folder}/{name}" for folder in folders for name in classes))
    layout = arranged(collection(tmp_path, names))
    assert layout.class_names == classes
    assert {entry.name.rsplit("/", 2)[0] for entry in layout.files.entries} == set(train)
    assert "data.split=all" in layout.notes[0]
    everything = arranged(image_files(tmp_path), split="all")
    assert (len(everything.files), everything.class_names) == (len(names), classes)


def test_split_by_name_and_no_split(tmp_path):
    files = collection(tmp_path, [*grid("train", "valid"), "cover.png"])
    assert arranged(files).labels is None
    assert arranged(files).passed_over == {"outside the splits": ("cover.png",)}
    for split in ("valid", "validation"):
        assert [entry.name for entry in arranged(files, split=split).files.entries] == grid("valid")
    assert arranged(files, split="none").class_names == ("train", "valid")
    with pytest.raises(DataError, match=r"has the folders train, valid\. Did you mean 'train'"):
        arranged(files, split="trian")
    with pytest.raises(DataError, match="has no folders"):
        arranged(ImageFiles(tmp_path, (Entry("1.png", 1, ""),)), split="test")


@pytest.mark.parametrize(
    "folders", [("train", "bus"), ("trainA", "trainB"), ("test", "val"), ("train", "training"), ("bus", "car")]
)
def test_other_folders_are_classes_and_the_note_names_the_choice(tmp_path, folders):
    layout = arranged(collection(tmp_path, grid(*folders)))
    assert set(layout.class_names) == set(folders)
    assert layout.notes == ["Classes: the folders (data.classes=none if they are not classes)"]


STYLEGAN = grid("00000", "00001")


def stylegan(labels):
    return json.dumps({"labels": labels})


def test_labels_of_stylegan(tmp_path):
    rows = [[name, int(name[-5]) + 9] for name in STYLEGAN]
    layout = arranged(collection(tmp_path, STYLEGAN, dataset_json=stylegan(rows)))
    assert layout.class_names == ("9", "10", "11")
    assert labels_of(layout)["00001/2.png"] == "11"
    assert layout.passed_over == {}
    assert "dataset.json" in layout.notes[0]


def test_labels_of_stylegan_in_a_folder_and_one_hot(tmp_path):
    names = [f"sub/{name}" for name in STYLEGAN]
    rows = [[name, [0.0, 1.0] if name.startswith("00001") else [1, 0]] for name in STYLEGAN]
    layout = arranged(collection(tmp_path, names, sub__dataset_json=stylegan(rows)), classes="dataset_json")
    assert layout.labels == [0, 0, 0, 1, 1, 1]


def test_shards_of_stylegan_without_labels_are_no_classes(tmp_path):
    layout = arranged(collection(tmp_path, STYLEGAN, dataset_json=stylegan(None)))
    assert layout.labels is None
    assert "data.classes=folder" in layout.notes[0]
    assert arranged(image_files(tmp_path), classes="folder").class_names == ("00000", "00001")
    with pytest.raises(DataError, match="has no labels"):
        arranged(image_files(tmp_path), classes="dataset_json")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "3",
        "{}",
        '{"labels": 3}',
        '{"labels": [["a"]]}',
        '{"labels": [["a", "b"]]}',
        '{"labels": [["a", [1, 1]]]}',
        '{"labels": [[0, 1], [1, 0]]}',
        '{"labels": [[["a"], 1]]}',
    ],
)
def test_other_dataset_json_is_left_alone(tmp_path, text):
    files = collection(tmp_path, grid("a", "b"), dataset_json=text)
    assert arranged(files).class_names == ("a", "b")
    assert arranged(files).passed_over == {NOT_IMAGES: ("dataset.json",)}
    assert arranged(files).notes[0].startswith("dataset.json in ")
    assert "not used" in arranged(files).notes[0]
    with pytest.raises(DataError, match=r"not a dataset\.json of StyleGAN") as caught:
        arranged(files, classes="dataset_json")
    assert "\n" not in str(caught.value)


def test_dataset_json_of_few_images(tmp_path):
    files = collection(tmp_path, STYLEGAN, dataset_json=stylegan([[STYLEGAN[0], 0], [STYLEGAN[1], 1]]))
    assert arranged(files).class_names == ("00000", "00001")
    assert "2 of 6 images" in arranged(files).notes[0]
    only = arranged(files, classes="dataset_json")
    assert only.labels == [0, 1]
    assert only.passed_over["without a label in dataset.json"] == tuple(STYLEGAN[2:])


def test_dataset_json_of_another_split_is_not_used(tmp_path):
    rows = {
        split: [[f"{number}.png", number + shift] for number in range(3)]
        for split, shift in (("train", 0), ("test", 5))
    }
    names = grid("train", "test")
    files = collection(
        tmp_path, names, train__dataset_json=stylegan(rows["train"]), test__dataset_json=stylegan(rows["test"])
    )
    for classes in ("auto", "dataset_json"):
        layout = arranged(files, classes=classes)
        assert labels_of(layout) == {"train/0.png": "0", "train/1.png": "1", "train/2.png": "2"}
    assert layout.passed_over == {NOT_IMAGES: ("test/dataset.json",)}
    (tmp_path / "train/dataset.json").unlink()
    assert arranged(image_files(tmp_path)).labels is None
    with pytest.raises(DataError, match=r"there is no dataset\.json"):
        arranged(image_files(tmp_path), classes="dataset_json")


def test_dataset_json_labels_no_image_of_another_folder_by_its_base_name(tmp_path):
    rows = [["0.png", 0], ["1.png", 1], ["3.png", 1]]
    files = collection(tmp_path, [*grid("a"), "b/3.png"], a__dataset_json=stylegan(rows))
    assert labels_of(arranged(files, classes="dataset_json")) == {"a/0.png": "0", "a/1.png": "1"}


def test_dataset_json_that_the_system_cannot_read_is_an_error(tmp_path, monkeypatch):
    files = collection(tmp_path, grid("a", "b"), dataset_json=stylegan([["0.png", 0]]))

    def fails(self):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fails)
    with pytest.raises(DataError, match=r"dataset\.json in .* cannot be read: Input/output error\.$"):
        arranged(files)


def table(*rows, header="file,label"):
    return "\n".join([*([header] if header else []), *rows]) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        table("a/0.png,x", "a/1.png,y", "a/2.png,x", "b/0.png,y"),
        table("x\ta/0.png", "y\ta\\1.png", "x\t./a/2.png", "y\tb/0.png", header="label\tname"),
        table("a/0;x", "a/1;y", '"a/2";"x"', "b/0;y", header="id;breed"),
        table("a/0.png x", "a/1.png y", "a/2.png x", "b/0.png y", header=""),
        table("1,a/0,x,3", "2,a/1,y,4", "3,a/2,x,5", "4,b/0,y,6", header="row,image,class,age"),
        table("data/train/a/0.png,x", "data/train/a/1.png,y", "data/train/a/2.png,x", "data/train/b/0.png,y"),
        "\ufeff" + table("a/0.png,x\r", "a/1.png,y\r", "a/2.png,x\r", "b/0.png,y\r", header="file,label\r"),
    ],
)
def test_csv_in_the_forms_that_people_write(tmp_path, text):
    layout = arranged(collection(tmp_path, [*grid("a"), "b/0.png", "b/1.png"], t_csv=text), classes="csv:t.csv")
    assert labels_of(layout) == {"a/0.png": "x", "a/1.png": "y", "a/2.png": "x", "b/0.png": "y"}
    assert layout.passed_over == {"without a label in t.csv": ("b/1.png",)}
    assert layout.notes == []


def test_csv_and_names_may_spell_a_letter_differently(tmp_path):
    files = collection(tmp_path, ["cafe\u0301.png", "b.png"], t_csv=table("caf\u00e9,x", "b,y"))
    assert sorted(labels_of(arranged(files, classes="csv:t.csv")).values()) == ["x", "y"]


def test_csv_by_base_name_next_to_the_data_and_with_a_column(tmp_path):
    files = collection(tmp_path / "train", ["x/007.png", "y/008.png"])
    (tmp_path / "labels.csv").write_text("id,sex,age\n007,m,10\n008,f,9\n")
    assert arranged(files, classes="csv:labels.csv:age").class_names == ("9", "10")
    assert arranged(files, classes="csv:labels.csv:2").class_names == ("f", "m")
    assert arranged(files, classes="csv:train/../labels.csv:SEX").labels == [1, 0]
    with pytest.raises(DataError, match=r"data\.classes=csv:labels\.csv:COLUMN.*sex, age"):
        arranged(files, classes="csv:labels.csv")
    with pytest.raises(DataError, match=r"no column 'agee'\. Did you mean 'age'"):
        arranged(files, classes="csv:labels.csv:agee")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (table("z.png,x"), "No row of t.csv matches an image"),
        (table("0.png,x"), r"the row '0.png' matches two images, a/0.png and b/0.png"),
        (table("a/0.png,x", "a/0.png,y"), "lists 'a/0.png' twice"),
        (table("a/0.png,"), "no label for any image"),
        ("", "the file is empty"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        ("one\n", "not a table"),
        (table('a/0.png,"' + "x" * 200_000), "not a CSV"),
    ],
)
def test_csv_that_cannot_be_used_is_one_line(tmp_path, text, why):
    files = collection(tmp_path, grid("a", "b"), t_csv=text)
    with pytest.raises(DataError, match=why) as caught:
        arranged(files, classes="csv:t.csv")
    assert "\n" not in str(caught.value)


def test_csv_that_is_not_there(tmp_path):
    files = collection(tmp_path, grid("a"), labels_csv="")
    with pytest.raises(DataError, match=r"Did you mean 'labels\.csv'"):
        arranged(files, classes="csv:label.csv")
    assert "data.classes=csv:labels.csv" in arranged(files).notes[0]


def test_labels_follow_the_split(tmp_path):
    files = collection(tmp_path, grid("train", "test"), t_csv=table("0.png,x", "1.png,y", "2.png,x"))
    assert labels_of(arranged(files, classes="csv:t.csv")) == dict(zip(grid("train"), "xyx", strict=True))


def test_csv_with_the_rows_of_all_splits(tmp_path):
    rows = table("train/1.jpg,cat", "val/1.jpg,dog", "test/1.jpg,bird")
    files = collection(tmp_path, ["train/1.jpg", "val/1.jpg", "test/1.jpg"], labels_csv=rows)
    for split, label in (("auto", "cat"), ("val", "dog"), ("test", "bird")):
        layout = arranged(files, classes="csv:labels.csv", split=split)
        assert list(labels_of(layout).values()) == [label]
    assert arranged(files, classes="csv:labels.csv", split="all").class_names == ("bird", "cat", "dog")


def test_csv_with_the_row_of_another_image_of_the_same_base_name(tmp_path):
    files = collection(tmp_path, ["a/0.png", "b/0.png"], t_csv=table("b/0.png,dog", "c/0.png,bird"))
    layout = arranged(files, classes="csv:t.csv")
    assert labels_of(layout) == {"b/0.png": "dog"}
    assert layout.passed_over == {"without a label in t.csv": ("a/0.png",)}


def test_csv_with_another_folder_labels_by_a_base_name_that_only_one_image_of_all_splits_has(tmp_path):
    rows = table("old/0.png,x", "old/1.png,y", "test/2.png,z")
    files = collection(tmp_path, ["train/0.png", "train/1.png", "train/2.png", "test/1.png"], t_csv=rows)
    assert labels_of(arranged(files, classes="csv:t.csv")) == {"train/0.png": "x", "train/2.png": "z"}


def test_csv_row_of_an_image_in_the_root_is_not_that_of_an_image_in_a_folder(tmp_path):
    files = collection(tmp_path, ["0.png", "a/0.png", "a/1.png"], t_csv=table("0.png,x", "a/1,y"))
    assert labels_of(arranged(files, classes="csv:t.csv")) == {"0.png": "x", "a/1.png": "y"}


def test_csv_of_another_split_needs_its_folder(tmp_path):
    files = collection(tmp_path, grid("train", "test"), test__labels_csv=table("0.png,x", "1.png,y", "2.png,x"))
    with pytest.raises(DataError, match=r"There is no 'labels\.csv' in .* Did you mean 'test/labels\.csv'"):
        arranged(files, classes="csv:labels.csv")
    assert arranged(files, classes="csv:labels.csv", split="test").labels == [0, 1, 0]
    assert arranged(files, classes="csv:test/labels.csv").labels == [0, 1, 0]


def test_folder_asked_for_and_not_there(tmp_path):
    with pytest.raises(DataError, match=r"data\.classes=none"):
        arranged(collection(tmp_path, grid("a")), classes="folder")
    with pytest.raises(DataError, match=r"there is no dataset\.json"):
        arranged(image_files(tmp_path), classes="dataset_json")


@pytest.mark.parametrize("value", ["auto", "folder", "none", "csv:a.csv", "csv:x/my.labels.tsv:a b", "csv:a.txt:2"])
def test_values_of_classes(value):
    assert check_classes(value) == value


@pytest.mark.parametrize("value", ["", "folders", "csv", "csv:", "csv:labels", "labels.csv"])
def test_wrong_values_of_classes(value):
    with pytest.raises(ValueError, match=r"csv:labels\.csv:COLUMN"):
        check_classes(value)


@pytest.mark.parametrize("path", ["/x/labels.csv", "~/labels.csv", "C:\\x\\labels.csv", "\\\\server\\labels.csv"])
def test_places_of_one_machine_do_not_get_into_a_config(path):
    with pytest.raises(ValueError, match="relative to the data"):
        check_classes(f"csv:{path}")
