"""Comparing trained generators."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import tiny_bundles

from ganzoo.bundle.schema import BundleFacts
from ganzoo.bundle.writing import write_bundle
from ganzoo.errors import GanzooError
from ganzoo.evaluation import comparison, comparison_page, comparison_picture
from ganzoo.inference.generator import Generator

NUMBER = {"value": 0.7935, "interval": [0.78, 0.81], "floor": 0.9, "protocol": "5 draws of faces"}
CONFIG = {
    "name": "a",
    "data": {"source": "faces", "styles": ["x", "y"]},
    "generator": {"blocks": [{"name": "conv", "channels": 4}], "head": None},
    "training": {"steps": 5},
}


def model(folder, *, name=None, metrics=None, config=None, **options):
    bundle = tiny_bundles.image_bundle(folder, **options)
    facts = BundleFacts(training={} if config is None else {"config": config}, training_step=10)
    bundle = replace(bundle, metadata=bundle.metadata._replace(facts=facts))
    return comparison.Model(name or folder.name, Generator.from_bundle(bundle, device="cpu"), metrics or {})


def vectors(folder):
    return comparison.Model(folder.name, Generator.from_bundle(tiny_bundles.vector_bundle(folder), device="cpu"))


def test_only_numbers_of_one_protocol_and_the_same_real_samples_are_comparable(tmp_path):
    labels = ("frechet (pixels)", "recall (pixels)", "precision (pixels)")
    a = model(tmp_path / "a", metrics=dict.fromkeys(labels, NUMBER))
    others = {
        "frechet (pixels)": {**NUMBER, "value": 3, "floor": 0.9001},
        "recall (pixels)": {**NUMBER, "protocol": "1 draw of faces"},
        "precision (pixels)": {**NUMBER, "floor": 0.8},
        "coverage (pixels)": NUMBER,
    }
    b = replace(a, name="b", metrics=others)
    rows = comparison.number_rows([a, b])
    assert [(row.title, row.comparable) for row in rows] == [
        ("Frechet distance (pixels)", True),
        ("Precision (pixels)", False),
        ("Recall (pixels)", False),
        ("Coverage (pixels)", True),
    ]
    assert rows[-1].metrics == (None, NUMBER)
    table = dict(comparison.table_rows([a, b]))
    assert table["Frechet distance (pixels)"] == ["0.793 (0.780 to 0.810)", "3.00 (0.780 to 0.810)"]
    assert table["Coverage (pixels)"][0] == "-"
    assert "Recall (pixels) *" in table
    (note,) = [line for line in comparison.notes([a, b]) if line.startswith("*")]
    assert "Precision (pixels), Recall (pixels)" in note
    one_without_floor = replace(b, metrics={"frechet (pixels)": {**NUMBER, "floor": None}})
    assert not comparison.number_rows([a, one_without_floor])[0].comparable


def test_other_words_for_the_same_resizing_are_comparable_if_the_real_samples_have_the_same_value(tmp_path):
    words = "extractor small_cnn, resize {}, to 64 x 64 px; 2500 generated against 2500 real samples of {}"
    first = {**NUMBER, "protocol": words.format("bilinear where it enlarges", "faces")}
    a = model(tmp_path / "a", metrics={"recall": first})
    for protocol, floor, comparable in (
        (words.format("bilinear to enlarge", "faces"), 0.9, True),
        (words.format("bilinear to enlarge", "faces"), 0.9001, False),
        (words.format("bilinear to enlarge", "faces"), None, False),
        (words.format("bilinear to enlarge", "cats"), 0.9, False),
    ):
        b = replace(a, metrics={"recall": {**first, "protocol": protocol, "floor": floor}})
        assert comparison.number_rows([a, b])[0].comparable == comparable


def test_only_differing_keys_of_the_configs(tmp_path):
    other = {
        "name": "b",
        "data": {"source": "faces", "styles": ["x", "z"]},
        "generator": {"blocks": [{"name": "conv", "channels": 8}]},
        "training": {"steps": 5, "seed": 1},
    }
    models = [model(tmp_path / "a", config=CONFIG), model(tmp_path / "b", config=other)]
    assert comparison.config_differences(models) == [
        ("data.styles", ('["x", "y"]', '["x", "z"]')),
        ("generator.blocks.0.channels", ("4", "8")),
        ("training.seed", ("-", "1")),
    ]
    assert comparison.config_differences([models[0], models[0]]) == []


def test_facts_of_images_beside_vectors_without_numbers(tmp_path):
    models = [model(tmp_path / "a", num_classes=3), replace(vectors(tmp_path / "v"), milliseconds=0.1234)]
    table = dict(comparison.table_rows(models))
    assert table["classes"] == ["3", "-"]
    assert table["step"] == ["10", "-"]
    assert table["ms for one sample"] == ["-", "0.123"]
    assert sum("has no measured numbers" in line for line in comparison.notes(models)) == 2
    assert sum("does not have the config" in line for line in comparison.notes(models)) == 2


def test_one_row_per_model_at_one_height(tmp_path):
    large = write_bundle(
        tmp_path / "large",
        config=replace(tiny_bundles.image_config(), shape=(100, 100, 3)),
        onnx=tiny_bundles.image_model(side=100).SerializeToString(),
        weights={},
    )
    models = [
        model(tmp_path / "small"),
        comparison.Model("large", Generator.from_bundle(large, device="cpu")),
        vectors(tmp_path / "v"),
    ]
    rows = comparison_picture.rows(models, [3, 4, 5])
    assert [row.size for row in rows] == [(304, 100), (304, 100), (192, 192)]
    assert rows[1].crop((102, 0, 202, 100)).tobytes() == models[1].generator.generate(4).tobytes()
    sheet = comparison_picture.sheet(["small", "large", "v" * 200], rows)
    assert sheet.width > 304
    assert sheet.height > sum(row.height for row in rows)


def test_a_label_is_for_models_with_classes(tmp_path):
    models = [model(tmp_path / "a"), model(tmp_path / "b", num_classes=2, class_names=("cat", "dog"))]
    messages = []
    rows = comparison_picture.rows(models, [7], label="dog", info=messages.append)
    assert messages == ["a has no classes, so the label does not apply to it."]
    assert rows[1].tobytes() != comparison_picture.rows(models, [7], label="cat")[1].tobytes()
    with pytest.raises(GanzooError, match="cow"):
        comparison_picture.rows(models, [7], label="cow")


def test_the_page_is_complete_and_loads_nothing(tmp_path):
    models = [model(tmp_path / "a", name="<a>", config=CONFIG, metrics={"frechet (pixels)": NUMBER})]
    models += [model(tmp_path / "b", config={**CONFIG, "training": {"steps": "<script>"}})]
    text = comparison_page.page(models, comparison_picture.rows(models, [1, 2]), seeds="1,2")
    assert text.count("data:image/png;base64,") == 2
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "<h1>&lt;a&gt; and b</h1>" in text
    assert "prefers-color-scheme: dark" in text
    assert "0.793 (0.780 to 0.810)" in text
    assert not re.search(r"https?:|url\(|@import|<link", text)
    same = [models[0], models[0]]
    assert "<p>Nowhere.</p>" in comparison_page.page(same, comparison_picture.rows(same, [1]), seeds="1")
    unknown = [model(tmp_path / "c")] * 2
    assert "<p>Unknown.</p>" in comparison_page.page(unknown, comparison_picture.rows(unknown, [1]), seeds="1")


def test_the_page_of_vectors_names_the_seeds_that_are_drawn(tmp_path):
    models = [vectors(tmp_path / name) for name in "ab"]
    text = comparison_page.page(models, comparison_picture.rows(models, [1]), seeds="1")
    assert "Samples of the seeds 0-2499" in text


def test_one_model_is_not_enough():
    with pytest.raises(GanzooError, match="at least two models; received 1: faces-64"):
        comparison.open_models(["faces-64"])


def test_keys_that_are_newer_than_a_model_do_not_differ(tmp_path):
    from helpers import tiny

    new = tiny().to_dict()
    old = {**new, "training": {key: value for key, value in new["training"].items() if key != "deterministic"}}
    models = [model(tmp_path / "a", config=new), model(tmp_path / "b", config=old)]
    assert comparison.config_differences(models) == []
