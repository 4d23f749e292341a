"""Every command in a message can be pasted and works, even with odd names and runs in other folders."""

import re
import shlex
from pathlib import Path

import pytest
import tiny_bundles
from typer.testing import CliRunner

import ganzoo
from ganzoo.cli.main import app

ODD = ["a b", "it's", "$HOME;x", "おは", "~nobody", "-x"]
HINT = re.compile(
    r"ganzoo (?:list|show|train|runs|export|generate|evaluate|benchmark|compare|publish|pull|cache|data|parts|schema"
    r"|doctor|--help)\b.*"
)


def hints(text):
    """The commands in a message, as lists of words without ``ganzoo``. A sentence ends a command."""
    return [shlex.split(re.split(r"[.,]? and |\. |, |\)", line)[0].rstrip("."))[1:] for line in HINT.findall(text)]


def invoke(words):
    result = CliRunner().invoke(app, words, prog_name="ganzoo")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def check(text, *, at_least=1, run=True):
    """Run what a message names. It may fail on what it finds, but not on how the command is written."""
    found = hints(text)
    assert len(found) >= at_least, text
    for words in found:
        result = invoke(words) if run else invoke([*words[: 1 + (words[0] in ("data", "cache"))], "--help"])
        assert result.exit_code == 0, (words, result.output)


@pytest.mark.parametrize("name", ODD)
def test_show_after_a_dry_run(place, points_yaml, name):
    path = points_yaml.rename(f"{name}.yaml")
    path.write_text(f"name: points\n{path.read_text()}")
    dash = ["--"] if name.startswith("-") else []
    result = invoke(["train", "--dry-run", *dash, f"{name}.yaml", "training.batch_size=8"])
    assert result.exit_code == 0, result.output
    [words] = hints(result.stderr)
    assert f"{name}.yaml" in words
    assert "batch_size: 8" in invoke([*words[:1], "--config", *words[1:]]).stdout


@pytest.mark.parametrize("name", ODD)
def test_runs_elsewhere(trained, name, monkeypatch, capsys):
    """What ``ganzoo.train(root=...)`` and the command print of a run that is not in ``runs/``."""
    from ganzoo.cli.train import _report
    from ganzoo.training.trainer import Outcome

    Path(name).mkdir()
    (trained / "runs" / "images").rename(trained / name / "images")
    run = ganzoo.find_run(str(Path(name).absolute() / "images" / "001"))
    _report(run, Outcome(3, "steps"))
    words = hints(capsys.readouterr().err)
    assert [line[0] for line in words] == ["train", "export", "generate"]
    for line in words:
        named = next(word for word in line if word.endswith("images/001"))
        assert ganzoo.find_run(named).folder.samefile(run.folder)


@pytest.mark.parametrize("name", ODD)
def test_a_bundle_with_an_odd_name(place, name):
    from ganzoo.cli.output import generate_hint
    from ganzoo.environment.commands import path_word

    tiny_bundles.image_bundle(place / name)
    config = ganzoo.load_config("dcgan-faces-32")
    for folder in (Path(name), place / name):
        check(generate_hint(path_word(folder), config))
        assert Path("samples.png").is_file()
        Path("samples.png").unlink()


@pytest.mark.parametrize("name", ODD)
def test_data_check_after_broken_images(place, name):
    from PIL import Image

    Path(name).mkdir()
    Image.new("RGB", (8, 8)).save(Path(name) / "a.png")
    (Path(name) / "b.png").write_bytes(b"x")
    result = invoke(["data", "preview", "image_folder", f"--data={place / name}"])
    [words] = hints(result.stderr)
    assert words[:2] == ["data", "check"]
    assert "b.png" in invoke(words).stdout


@pytest.mark.parametrize(
    "words",
    [
        ["generate", "nosuch"],
        ["generate", "dcgan-faces-32"],
        ["generate", "/nosuch"],
        ["export"],
        ["export", "nosuch"],
        ["train", "nosuch"],
        ["train", "points.yaml", "nosuch=1"],
        ["list", "nosuch"],
        ["parts", "nosuch"],
        ["cache", "remove", "nosuch"],
        ["cache"],
        ["runs"],
        ["data", "preview", "nosuch"],
        ["evaluate", "bundle", "--metrics", "nosuch"],
        ["generate", "zoo:nosuch"],
        ["generate", "run:nosuch"],
        ["pull", "a/b", "--local-files-only"],
        ["pull", "faces-64"],
        ["generate", "--nosuch"],
        ["train", "points.yaml", "--max-steps", "nan"],
        ["nosuch"],
        ["--nosuch"],
    ],
)
def test_commands_in_messages_are_commands(bundle, points_yaml, words, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    check(invoke(words).stderr, run=False)


def test_pull_hints_at_what_was_pulled(monkeypatch, tmp_path):
    [words] = hints(invoke(["pull", "faces-64"]).stderr)
    assert words == ["generate", "faces-64", "--grid", "-o", "grid.png"]
    [words] = hints(invoke(["pull", "faces-64", "--cache-dir", str(tmp_path / "a b")]).stderr)
    assert Path(words[1]).is_dir()
    points = tiny_bundles.vector_bundle(tmp_path / "points")
    monkeypatch.setattr("ganzoo.hub.pull.pull", lambda name, **options: points.folder)
    [words] = hints(invoke(["pull", "someone/points"]).stderr)
    assert words == ["generate", "someone/points", "-o", "samples.npy"]


def test_no_module_writes_a_command_with_a_name_of_the_user_by_itself():
    """A name in a command goes through ``command``; a f-string would forget the quotes."""
    safe = {"ELSEWHERE", "name", "reference", "model.name", "made.repo", "repo_id", "text", "self.name", "repo"}
    pattern = re.compile(r"ganzoo (?:train|export|generate|show|evaluate|runs|data|pull|publish)[^`'\"{}]*\{([^}]*)\}")
    for path in sorted(Path(ganzoo.__file__).parent.rglob("*.py")):
        for found in pattern.findall(path.read_text(encoding="utf-8")):
            assert found.split(" or ")[0].split("!")[0] in safe, (path.name, found)
    assert pattern.search("ganzoo show {config.name}"), "the check sees names"


@pytest.mark.parametrize(
    "words",
    [
        ["generate", "fashion-28@1", "--codes", "1"],
        ["generate", "fashion-28@1", "--best-of", "2"],
        ["generate", "fashion-28@1", "--label", "hat"],
        ["generate", "fashion-28@1", "--direction", "hat=2"],
        ["interpolate", "fashion-28@1", "1", "2", "--codes", "1"],
    ],
)
def test_messages_name_the_version_of_a_pretrained_model(place, words):
    result = invoke(words)
    assert result.exit_code != 0
    assert "'fashion-28@1'" in result.stderr
    assert not re.search(r"fashion-28(?!@1)", result.stderr), "the name without version is another model"


def test_messages_name_the_newest_version_without_its_number(place):
    assert "'fashion-28' has no continuous codes" in invoke(["generate", "fashion-28@2", "--codes", "1"]).stderr


def test_commands_have_the_path_of_a_local_bundle(place):
    tiny_bundles.image_bundle(place / "a b")
    result = invoke(["generate", "a b", "--direction", "hat=2"])
    assert "See: ganzoo directions 'a b' -o directions.png" in result.stderr
