"""The model card: what stands in it, and whether it is known again."""

from __future__ import annotations

import dataclasses
import re

import pytest
import tiny_bundles
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.bundle.card_metrics import interval, main_numbers
from ganzoo.bundle.card_text import number
from ganzoo.bundle.folder import CRITIC, ENCODER, NEAREST, ONNX, BundleFacts
from ganzoo.bundle.model_card import is_ours, model_card

TRAINING = {
    "config": {
        "name": "tiny",
        "data": {"source": "faces", "styles": ["micah"]},
        "training": {
            "loss": {"name": "hinge"},
            "penalties": [{"name": "r1", "gamma": 1.0}],
            "batch_size": 64,
            "seed": 3,
        },
    },
    "seconds": 7300,
    "machine": {"platform": "Linux", "cpus": 2, "devices": ["/physical_device:CPU:0"]},
    "data_credits": ['micah: "Micah" by Micah Lanier; license: CC BY 4.0'],
    "data_limits": ["Cartoons."],
}
FACTS = BundleFacts(
    parity_error=2e-7,
    training_step=500,
    metrics={"frechet": {"value": 12.5, "protocol": "5000 samples | seed 0"}},
    training=TRAINING,
)


def front_matter(card):
    return yaml.safe_load(card.split("---\n")[1])


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        ({"cpus": 1, "devices": 1}, "batches of 64, 1 CPU core, no GPU."),
        ({"cpus": 2, "devices": {"a": 1}}, "batches of 64, 2 CPU cores, no GPU."),
        ({"cpus": 2, "devices": ["H200", 3]}, "batches of 64, 2 CPU cores and H200."),
        ({"cpus": [2], "devices": None}, "batches of 64."),
        ([1], "batches of 64."),
    ],
)
def test_a_machine_of_any_type(machine, words):
    training = {key: value for key, value in TRAINING.items() if key != "seconds"} | {"machine": machine}
    facts = BundleFacts(training_step=500, training=training)
    assert f"- Trained: 500 steps, {words}\n" in model_card(tiny_bundles.image_config(), facts, load_name="a/b")


def test_a_complete_card():
    card = model_card(tiny_bundles.image_config(), FACTS, load_name="someone/tiny", license="cc-by-4.0", speed="Fast.")
    matter = front_matter(card)
    assert matter["library_name"] == "ganzoo"
    assert matter["pipeline_tag"] == "unconditional-image-generation"
    assert matter["license"] == "cc-by-4.0"
    assert "datasets" not in matter, "the faces are not a dataset of the Hub"
    assert {"gan", "ganzoo"} <= set(matter["tags"])
    (result,) = matter["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "frechet", "value": 12.5, "name": "frechet"}]
    assert result["dataset"] == {"type": "faces", "name": "faces"}
    for words in (
        '<img src="samples.png" alt="Samples of the seeds 0 to 63, uncurated" width="64">',
        "- Trained: 500 steps, batches of 64, 2 h 2 min, 2 CPU cores, no GPU.",
        "- Loss: hinge.",
        "- Penalties: r1 (gamma 1.0).",
        "- Seed: 3.",
        "| Frechet distance | 12.5 | - | - | - |",
        "- License of the weights: `cc-by-4.0`.",
        "Protocol: 5000 samples \\| seed 0.",
        "Micah Lanier; license: CC BY 4.0",
        "Keras: 2e-07 for values",
        "Fast.",
        "- Cartoons.",
        "styles:",
    ):
        assert words in card


def test_numbers_stand_with_interval_and_floor_once_for_each_protocol():
    draws = {"value": 0.7393919999999999, "interval": [0.7, 0.77812345], "floor": 1.0024, "better": "higher"}
    numbers = {"density": draws, "recall": draws | {"value": 1}, "frechet": {"value": 2.5}}
    protocols = {"density": "5 draws", "recall": "5 draws", "frechet": "1 draw"}
    metrics = {name: {**number, "protocol": protocols[name]} for name, number in numbers.items()}
    card = model_card(tiny_bundles.image_config(), BundleFacts(metrics=metrics))
    assert (
        "| density | 0.739 | 0.700 to 0.778 | 1.00 | higher |\n| recall | 1.00 | 0.700 to 0.778 | 1.00 | higher |\n"
        in card
    )
    evaluation = card.partition("## Quality")[2].partition("\n## ")[0]
    assert evaluation.count("Protocol: 5 draws.") == evaluation.count("Protocol: 1 draw.") == 1
    assert "Worst class" not in card


def test_the_worst_class_is_below_its_table():
    number = {"value": 0.9, "protocol": "5 draws", "worst_class": {"name": "a|b\n# c", "value": 0.5, "floor": 0.98765}}
    card = model_card(tiny_bundles.image_config(), BundleFacts(metrics={"label_agreement": number}))
    assert "\n\n- Worst class of label_agreement: a\\|b # c (0.500; real samples 0.988).\n\nProtocol: 5 draws." in card
    odd = {"value": 0.9, "protocol": "5 draws", "worst_class": {"name": ["x"], "value": "no"}}
    assert "(-; real samples -)" in model_card(tiny_bundles.image_config(), BundleFacts(metrics={"a": odd}))


def test_the_snippet_works_as_pasted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bundle = tiny_bundles.image_bundle(tmp_path / "b")
    card = model_card(bundle.config, bundle.metadata.facts, load_name="someone/tiny")
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert len(code.splitlines()) == 3
    exec(code.replace("someone/tiny", "b"), {})
    assert (tmp_path / "seed7.png").stat().st_size > 50


def test_an_encoder_is_explained_only_if_there_is_one():
    facts = BundleFacts(training={"encoder": {"parity_error": 3e-7}})
    card = model_card(tiny_bundles.image_config(num_classes=3), facts, files=[ONNX, ENCODER])
    assert "`latents = generator.encode(images)`, then `generator.decode(latents, labels)`" in card
    assert "- `onnx/encoder.onnx` is the encoder" in card
    assert "Largest difference from Keras: 3e-07." in card
    assert "encode" not in model_card(tiny_bundles.image_config(), facts, files=[ONNX])


def test_a_critic_is_explained_only_if_there_is_one():
    facts = BundleFacts(training={"critic": {"step": 500, "parity_error": 1e-7}})
    card = model_card(tiny_bundles.image_config(), facts, files=[ONNX, CRITIC])
    assert "`generator.generate(7, best_of=4)`" in card
    assert "- `onnx/critic.onnx` is the discriminator of step 500" in card
    assert "best_of" not in model_card(tiny_bundles.image_config(), facts, files=[ONNX])


def test_a_card_of_vectors_and_of_nothing_known():
    card = model_card(tiny_bundles.vector_config(), BundleFacts(), files=())
    assert "pipeline_tag" not in front_matter(card)
    assert front_matter(card)["license"] == "unknown"
    assert "samples.png" not in card
    assert "## Training" not in card
    assert "Its quality has not been measured" in card


def test_the_license_of_the_export_and_that_of_the_publication():
    facts = BundleFacts(training={"license": "cc0-1.0"})
    assert front_matter(model_card(tiny_bundles.image_config(), facts))["license"] == "cc0-1.0"
    assert front_matter(model_card(tiny_bundles.image_config(), facts, license="mit"))["license"] == "mit"
    strange = BundleFacts(training={"license": "mit\nname: x"})
    assert front_matter(model_card(tiny_bundles.image_config(), strange))["license"] == "unknown"


@pytest.mark.parametrize(
    ("source", "dataset"),
    [("mnist", "ylecun/mnist"), ("stacked_mnist", "ylecun/mnist"), ("cifar10", "uoft-cs/cifar10")],
)
def test_a_source_names_its_dataset_on_the_hub(source, dataset):
    from ganzoo.data.base import data_sources

    assert data_sources.create(source).notes().hub_dataset == dataset


def test_the_dataset_on_the_hub_is_in_the_front_matter():
    facts = BundleFacts(training={"config": {"data": {"source": "digits"}}, "hub_dataset": "someone/digits"})
    assert front_matter(model_card(tiny_bundles.image_config(), facts))["datasets"] == ["someone/digits"]


def test_classes_are_named():
    config = tiny_bundles.image_config(num_classes=2, class_names=("cat", "dog"))
    card = model_card(config, BundleFacts())
    assert "2 classes: cat, dog" in card
    assert 'generator.generate(7, label="cat").save' in card
    assert "label=0" in model_card(tiny_bundles.image_config(num_classes=2), BundleFacts())
    odd = tiny_bundles.image_config(num_classes=1, class_names=("`a`",))
    assert "label=0" in model_card(odd, BundleFacts())
    assert 'alt="Samples of the seeds 0 to 63, with the classes in turn, uncurated"' in card


ALL = ("frechet", "precision", "recall", "coverage", "label_response", "density", "kernel", "copies", "nearest")


def many_numbers(*extractors):
    number = {"value": 0.7935999999999999, "interval": [0.642123, 0.71365], "floor": 0.44575489727841094}
    labels = [f"{name} ({extractor})" for extractor in extractors for name in ALL]
    return {label: {**number, "better": "higher", "protocol": "5 draws of 2500, small_cnn"} for label in labels}


def test_five_numbers_first_and_all_folded():
    config = tiny_bundles.image_config(num_classes=2)
    card = model_card(config, BundleFacts(metrics=many_numbers("pixels", "small_cnn"), training=TRAINING))
    shown, _, folded = card.partition("## Quality")[2].partition("<details>")
    rows = [line for line in shown.splitlines() if line.startswith("| ") and "| Value |" not in line]
    titles = ["Frechet distance", "Precision", "Recall", "Coverage", "Label response"]
    assert [row.split(" | ")[0] for row in rows] == [f"| {title}" for title in titles]
    assert rows[0] == "| Frechet distance | 0.794 | 0.642 to 0.714 | 0.446 | higher |"
    assert "Features: `small_cnn`." in shown
    folded = folded.partition("</details>")[0]
    assert folded.startswith("<summary>All 18 numbers")
    assert all(f"| {label} |" in folded for label in many_numbers("pixels", "small_cnn"))


def test_the_front_matter_is_short_and_rounded():
    matter = model_card(
        tiny_bundles.image_config(num_classes=2),
        BundleFacts(metrics=many_numbers("pixels", "small_cnn"), training={**TRAINING, "hub_dataset": "a/b"}),
        load_name="someone/tiny",
    ).split("---\n")[1]
    assert len(matter.splitlines()) <= 40
    (model,) = yaml.safe_load(matter)["model-index"]
    assert model["name"] == "tiny"
    (result,) = model["results"]
    assert [(metric["type"], metric["value"]) for metric in result["metrics"]] == [(name, 0.794) for name in ALL[:5]]


def test_the_main_numbers_are_of_one_extractor():
    assert main_numbers(many_numbers("pixels"))[1] == "pixels"
    fid = {"FID": {}, **many_numbers("inception_v3", "small_cnn")}
    numbers, extractor = main_numbers(fid)
    assert extractor == "inception_v3"
    assert [label for _, label in numbers][:2] == ["FID", "precision (inception_v3)"]
    assert main_numbers({"reverse_kl": {}, "b": {}}) == ([("b", "b"), ("reverse_kl", "reverse_kl")], None)
    assert main_numbers({}) == ([], None)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.7935999999999999, "0.794"),
        (-0.000224, "-0.0002"),
        (-0.00001, "0"),
        (0, "0"),
        (12.5, "12.5"),
        (99.96, "100.0"),
        (1234.5, "1234"),
        (2e7, "20000000"),
        (None, "-"),
        ("no", "-"),
    ],
)
def test_numbers_have_three_digits(value, shown):
    assert number(value) == shown


def test_the_interval_of_a_share_is_cut_and_that_of_a_distance_is_not():
    assert interval("copies (small_cnn)", [-0.000224, 0.0017]) == "0 to 0.0017"
    assert interval("precision", [0.98, 1.02]) == "0.980 to 1.00"
    assert interval("kernel (small_cnn)", [-0.000224, 0.0017]) == "-0.0002 to 0.0017"
    assert interval("precision", None) == interval("precision", "x") == "-"


def test_the_nearest_training_images_are_shown_only_if_there_is_a_picture():
    assert "(nearest.png)" not in model_card(tiny_bundles.image_config(), FACTS)
    assert "(nearest.png)" in model_card(tiny_bundles.image_config(), FACTS, files=[NEAREST])
    assert "## Quality\n\n![Samples in" in model_card(tiny_bundles.image_config(), BundleFacts(), files=[NEAREST])


def test_pictures_fit_side_by_side_and_are_not_enlarged():
    config = tiny_bundles.image_config(num_classes=2, class_names=('a"<b>', "c"))
    card = model_card(config, BundleFacts())
    assert '<img src="classes.png" alt="One seed in each row, one class in each column: a&quot;&lt;b&gt;, c"' in card
    assert 'c" width="16">\n' in card
    large = model_card(dataclasses.replace(config, shape=(512, 512, 3)), BundleFacts())
    assert large.count('width="340">') == 2


@pytest.mark.parametrize(("name", "title"), [("a/faces", "faces"), ("faces-64@2", "faces-64"), (None, "tiny")])
def test_the_title_is_the_name_that_users_load(name, title):
    card = model_card(tiny_bundles.image_config(), BundleFacts(), load_name=name)
    assert f"\n# {title}\n" in card
    assert f'ganzoo.load("{name or "path/to/this/folder"}")' in card


def test_a_card_of_ours_is_known_until_it_is_edited():
    card = model_card(tiny_bundles.image_config(), FACTS)
    assert is_ours(card)
    for edited in (card.replace("# tiny", "# Tiny"), f"{card}\nMine.", card.replace("<!--", "<!- ", 1), "# Mine"):
        assert not is_ours(edited)
    assert is_ours("---\nlicense: mit\n---\n")
    assert is_ours("")


@given(text=st.text(max_size=200))
def test_no_text_of_a_bundle_breaks_the_front_matter_or_a_table(text):
    try:
        facts = BundleFacts(training={"config": {"data": {"source": text}}, "data_limits": [text], "command": text})
    except Exception as error:
        assert type(error).__name__ == "BundleError"
        return
    card = model_card(tiny_bundles.image_config(), facts)
    assert front_matter(card)["library_name"] == "ganzoo"
    assert is_ours(card)


@pytest.mark.parametrize("name", ["faces", "celeba", "mnist", "fashion_mnist", "stacked_mnist", "cifar10"])
def test_every_source_of_other_peoples_work_gives_credit(name):
    from ganzoo.data.base import data_sources

    notes = data_sources.create(name).notes()
    assert notes.credits
    assert notes.limits


def test_each_style_of_the_faces_has_its_own_license():
    from ganzoo.data.base import data_sources

    credits = data_sources.create("faces").notes().credits
    assert len(credits) == 7
    assert all("license:" in line for line in credits[1:])
