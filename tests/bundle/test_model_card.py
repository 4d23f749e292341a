"""The model card: what stands in it, and whether it is known again."""

from __future__ import annotations

import re

import pytest
import tiny_bundles
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.bundle.folder import CRITIC, ONNX, BundleFacts
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


def test_a_complete_card():
    card = model_card(tiny_bundles.image_config(), FACTS, repo_id="someone/tiny", license="cc-by-4.0", speed="Fast.")
    matter = front_matter(card)
    assert matter["library_name"] == "ganzoo"
    assert matter["pipeline_tag"] == "unconditional-image-generation"
    assert matter["license"] == "cc-by-4.0"
    assert matter["datasets"] == ["faces"]
    assert {"gan", "ganzoo"} <= set(matter["tags"])
    (result,) = matter["model-index"][0]["results"]
    assert result["metrics"] == [
        {"type": "frechet", "value": 12.5, "name": "frechet", "args": {"protocol": "5000 samples | seed 0"}}
    ]
    for words in (
        "![Samples",
        "| Steps | 500 |",
        "| Batch size | 64 |",
        "| Loss | hinge |",
        "| Penalties | r1 (gamma 1.0) |",
        "| Seed | 3 |",
        "| Time | 2 h 2 min |",
        "| Hardware | 2 CPU cores, no GPU |",
        "| frechet | 12.5 | - | - | - |",
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
        "| density | 0.7394 | 0.7 to 0.7781 | 1.002 | higher |\n| recall | 1 | 0.7 to 0.7781 | 1.002 | higher |\n"
        in card
    )
    evaluation = card.partition("## Evaluation")[2].partition("\n## ")[0]
    assert evaluation.count("Protocol: 5 draws.") == evaluation.count("Protocol: 1 draw.") == 1
    assert "Worst class" not in card


def test_the_worst_class_is_below_its_table():
    number = {"value": 0.9, "protocol": "5 draws", "worst_class": {"name": "a|b\n# c", "value": 0.5, "floor": 0.98765}}
    card = model_card(tiny_bundles.image_config(), BundleFacts(metrics={"label_agreement": number}))
    assert "\n\n- Worst class of label_agreement: a\\|b # c (0.5; real samples 0.9877).\n\nProtocol: 5 draws." in card
    odd = {"value": 0.9, "protocol": "5 draws", "worst_class": {"name": ["x"], "value": "no"}}
    assert "(-; real samples -)" in model_card(tiny_bundles.image_config(), BundleFacts(metrics={"a": odd}))


def test_the_snippet_works_as_pasted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bundle = tiny_bundles.image_bundle(tmp_path / "b")
    card = model_card(bundle.config, bundle.metadata.facts, repo_id="someone/tiny")
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert len(code.splitlines()) == 3
    exec(code.replace("someone/tiny", "b"), {})
    assert (tmp_path / "seed7.png").stat().st_size > 50


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
    assert "label=0" in card


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
