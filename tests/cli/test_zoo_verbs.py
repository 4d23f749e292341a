"""Tests list, show, parts and schema, which need no data."""

import json
import re

import pytest

from ganzoo.cli import complete
from ganzoo.hub.pretrained import find_pretrained, pretrained_models
from ganzoo.model_list import list_models


def test_list_names_and_says_what_each_is(command):
    lines = command("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list_models()
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("pattern", ["*celeba*", "celeba"])
def test_list_takes_a_pattern_or_a_part_of_a_name(command, pattern):
    names = [line.split()[0] for line in command("list", pattern).stdout.splitlines()]
    assert names == [name for name in list_models() if "celeba" in name]
    assert len(names) >= 3


def test_list_json(command):
    (model,) = json.loads(command("list", "dense-ring8", "--json").stdout)
    assert model["name"] == "dense-ring8"
    assert "Gaussians" in model["description"]
    assert model["recipe"].startswith("Recipe")


@pytest.mark.parametrize("options", [[], ["--pretrained"]])
def test_list_without_a_match_exits_with_1_as_grep_does(command, options):
    result = command("list", "*nothing*", *options, code=1)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "model matches '*nothing*'" in result.stderr
    assert json.loads(command("list", "*nothing*", *options, "--json", code=1).stdout) == []


def test_list_pretrained(command):
    [header, *lines] = command("list", "--pretrained").stdout.splitlines()
    assert re.split(r"  +", header) == [
        "model",
        "generates",
        "px",
        "classes",
        "size",
        "license",
        "Frechet distance",
        "version",
        "where",
    ]
    faces = next(line for line in lines if line.startswith("faces-64 "))
    assert re.search(r"drawn faces +64 +6 +[\d.]+ MB +cc-by-4.0 +[\d.]+ \(small_cnn\) +\d+ +with ganzoo", faces)
    rows = json.loads(command("list", "--pretrained", "--json").stdout)
    assert len(rows) == len(lines)
    assert [row["load"] for row in rows if row["newest"]] == list(pretrained_models())
    for row in rows:
        assert find_pretrained(row["load"]).version == row["version"]
        assert row["place"] == "with ganzoo"
        assert {"bytes", "repo", "revision", "license", "data_license", "metric", "config", "shape"} <= row.keys()
    [row] = json.loads(command("list", "--pretrained", "faces-64@1", "--json").stdout)
    assert (row["name"], row["version"]) == ("faces-64", 1)


def test_list_pretrained_hashes_nothing(command, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a file is hashed")

    monkeypatch.setattr("hashlib.sha256", refuse)
    monkeypatch.setattr("hashlib.file_digest", refuse)
    assert "with ganzoo" in command("list", "--pretrained").stdout


@pytest.mark.parametrize("name", ["faces-64", "faces-64@1", "zoo:faces-64"])
@pytest.mark.parametrize("verb", ["train", "show"])
def test_a_pretrained_model_is_not_a_config(fails, verb, name):
    config = "dcgan-faces-64" if name.endswith("@1") else "cdcgan-faces-64-palette"
    message = fails(verb, name)
    assert message.strip() == (
        f"Error: '{name}' is a pretrained model, trained with the config {config}: ganzoo train {config}. "
        f"To generate with it: ganzoo generate {name}"
    )


def test_completion_of_versions():
    assert "faces-64" in complete.pretrained("fac")
    assert "faces-64@1" in complete.pretrained("faces-64@")


def test_parts_of_every_kind(command):
    rows = json.loads(command("parts", "--json").stdout)
    assert {"generator_blocks", "losses", "data_sources", "exporters"} <= {row["kind"] for row in rows}
    hinge = next(row for row in rows if row["kind"] == "losses" and row["name"] == "hinge")
    assert hinge["description"].startswith("Hinge loss")
    assert [row for row in rows if not row["description"]] == []


def test_parts_of_one_kind(command):
    text = command("parts", "penalties").stdout
    assert "wgan_gp" in text
    assert "hinge" not in text


def test_unknown_kind_of_part(fails):
    assert "Did you mean 'losses'?" in fails("parts", "loses")


def test_the_command_that_registry_errors_name_exists(command, fails):
    message = fails("train", "dense-ring8", "training.loss=hing", "--dry-run")
    assert "Did you mean 'hinge'?" in message
    line = message.splitlines()[-1]
    assert "hinge" in command(*line.partition("ganzoo ")[2].split()).stdout


def test_show_prints_config_layers_and_cost(command, points_yaml):
    text = command("show", points_yaml).stdout
    assert "source: ring8" in text
    assert "01_vector_head" in text
    # 2 * 4 + 4 and 4 * 2 + 2 parameters.
    assert next(line.split() for line in text.splitlines() if line.startswith("total")) == ["total", "22", "16"]


def test_show_json_with_a_change(command, points_yaml):
    shown = json.loads(command("show", points_yaml, "generator.hidden=[8]", "--json").stdout)
    assert shown["config"]["generator"]["hidden"] == [8]
    assert shown["generator"]["multiply_adds"] == 2 * 8 + 8 * 2
    assert shown["training_bytes"] > 0


def test_shown_config_is_a_config(command, points_yaml, place):
    (place / "again.yaml").write_text(command("show", points_yaml, "--config").stdout, encoding="utf-8")
    again = command("show", "again.yaml", "--config").stdout
    assert again == command("show", points_yaml, "--config").stdout


def test_show_without_tensorflow_has_the_shapes(command, points_yaml, monkeypatch):
    monkeypatch.setattr("ganzoo.environment.requirements.find_spec", lambda module: None)
    result = command("show", points_yaml)
    row = next(line.split() for line in result.stdout.splitlines() if line.startswith("00_dense"))
    assert row == ["00_dense", "4", "-", "-"]
    assert "pip install 'ganzoo-keras[train]'" in result.stderr


def test_show_of_an_unknown_model(fails):
    assert "Did you mean 'dense-ring8'" in fails("show", "dense-rin8")


def test_schema_is_json_and_names_the_parts(command):
    schema = json.loads(command("schema").stdout)
    assert {"data", "generator", "discriminator", "training"} <= set(schema["properties"])
    assert "residual_up" in json.dumps(schema)


def test_version(command):
    import ganzoo

    assert command("--version").stdout == f"ganzoo {ganzoo.__version__}\n"


@pytest.mark.parametrize(
    "verb",
    [
        "list",
        "show",
        "train",
        "runs",
        "export",
        "generate",
        "interpolate",
        "compare",
        "benchmark",
        "parts",
        "schema",
        "doctor",
        "data",
    ],
)
def test_every_verb_has_help(command, verb):
    assert verb in command("--help").stdout
    assert f"ganzoo {verb}" in command(verb, "--help").stdout


def test_completion_knows_models_and_runs(trained):
    from ganzoo.cli import complete

    assert complete.models("dcgan-faces") == ["dcgan-faces-32", "dcgan-faces-64"]
    assert complete.trained("im") == ["images", "images/001"]
    assert complete.kinds("lo") == ["losses"]
