"""Tests train, runs and export: from a config to a bundle."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from PIL import Image

from ganzoo.bundle.folder import read_bundle


@pytest.mark.slow
def test_train_prints_the_run_and_what_to_do_next(command, points_yaml, place):
    result = command("train", points_yaml, "--quiet", "--seed", 5, "training.batch_size=8")
    assert result.stdout == "runs/points/001\n"
    config = yaml.safe_load((place / "runs/points/001/config.yaml").read_text())
    assert (config["training"]["seed"], config["training"]["batch_size"]) == (5, 8)
    assert "Finished at step 3" in result.stderr
    assert "ganzoo export points/001" in result.stderr
    assert "-o samples.npy" in result.stderr, "points are no pictures"


@pytest.mark.slow
def test_train_stops_and_goes_on(command, points_yaml, place):
    result = command("train", points_yaml, "--max-steps", 2)
    assert "ganzoo train --resume points/001" in result.stderr
    assert command("train", "--resume", "points").stdout == "runs/points/001\n"
    (row,) = json.loads(command("runs", "--json").stdout)
    assert (row["run"], row["step"], row["steps"], row["checkpoint"]) == ("points/001", 3, 3, 3)


def test_a_finished_run_is_not_resumed(fails, trained):
    assert "finished" in fails("train", "--resume", "images/001")


@pytest.mark.parametrize("change", [["--seed", 3], ["training.batch_size=9"], ["--dry-run"]])
def test_a_resumed_run_keeps_its_config(fails, trained, change):
    message = fails("train", "--resume", "images", *change)
    assert str(change[0]) in message
    assert "training.steps=N" in message


@pytest.mark.slow
def test_a_finished_run_is_lengthened(command, fails, trained):
    assert "ganzoo train --resume images/001 training.steps=6" in fails("train", "--resume", "images")
    result = command("train", "--resume", "training.steps=5")
    assert "continues from step 3 of 5" in result.stderr
    (row,) = json.loads(command("runs", "--json").stdout)
    assert (row["step"], row["steps"], row["checkpoint"]) == (5, 5, 5)
    assert "training.steps=4 leaves nothing to train" in fails("train", "--resume", "images", "training.steps=4")
    assert "training.steps" in fails("train", "--resume", "images", "training.steps=many")


@pytest.mark.slow
def test_moved_data_are_named_on_resume(command, fails, points_yaml, trained, _trained):
    place = trained / "runs/images/001/config.yaml"
    moved = trained / "moved data.npz"
    shutil.copy(_trained / "data.npz", moved)
    place.write_text(place.read_text().replace(str(_trained / "data.npz"), str(trained / "gone.npz")))
    message = fails("train", "--resume", "images", "training.steps=4")
    assert "ganzoo train --resume images/001 --data PATH" in message
    command("train", "--resume", "images", "training.steps=4", "--data", "moved data.npz")
    assert yaml.safe_load(place.read_text())["data"]["path"] == str(moved)
    command("train", points_yaml, "--max-steps", 1)
    assert "generates its samples" in fails("train", "--resume", "points", "--data", moved)


def test_changed_data_are_refused_unless_they_are_allowed(command, fails, trained):
    rng = np.random.default_rng(1)
    np.savez(trained / "new.npz", samples=rng.integers(0, 256, (13, 8, 8, 3), np.uint8), labels=np.arange(13) % 3)
    again = ("train", "--resume", "images", "training.steps=4", "--data", "new.npz")
    message = fails(*again)
    assert "the number of samples 12 became 13" in message
    assert "--allow-changed data" in message
    assert yaml.safe_load((trained / "runs/images/001/config.yaml").read_text())["training"]["steps"] == 3
    assert "the only allowed value is data" in fails(*again, "--allow-changed", "everything")
    command(*again, "--allow-changed", "data")
    assert "--resume" in fails("train", "images.yaml", "--allow-changed", "data")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "code"),
    [
        (("export", "images/001", "-o", "out"), 0),
        (("generate", "images/001", "--seeds", "0-3", "--grid", "-o", "a.png"), 0),
        (("interpolate", "images", "0", "1", "--frames", "2", "-o", "a.gif"), 0),
        (("evaluate", "images", "--metrics", "duplicates", "--samples", "16"), 2),
        (("publish", "images", "someone/tiny", "--dry-run"), 0),
        (("publish", "someone/tiny", "--dry-run"), 0),
        (("train", "--resume", "images", "training.steps=4"), 0),
        (("runs",), 0),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, tuple) else None,
)
@pytest.mark.parametrize("named", ["option", "variable"])
def test_runs_in_another_place(command, trained, monkeypatch, verb, code, named):
    (trained / "else where").mkdir()
    (trained / "runs").rename(trained / "else where/runs")
    if named == "variable":
        monkeypatch.setenv("GANZOO_RUNS", str(trained / "else where/runs"))
    output = command(*verb, *(("--runs", "else where/runs") if named == "option" else ()), code=code).output
    assert "no run" not in output.lower()
    assert code == 0 or "too few for draws" in output, "the run was found, and has 12 samples"
    assert not (trained / "runs").exists()


@pytest.mark.slow
def test_a_training_in_another_place_and_what_to_do_next(command, points_yaml, place):
    result = command("train", points_yaml, "--runs", "my runs", "--max-steps", 1)
    assert result.stdout == "my runs/points/001\n"
    assert "ganzoo train --resume 'my runs/points/001'" in result.stderr
    command("train", "--resume", "my runs/points/001")


@pytest.mark.slow
def test_the_form_of_a_run_never_asks_the_hub(fails, place, monkeypatch):
    monkeypatch.setattr("ganzoo.hub.fetch.fetch", lambda *args, **options: pytest.fail("the Hub was asked"))
    monkeypatch.setattr("ganzoo.hub.fetch.client", lambda *args, **options: pytest.fail("the Hub was asked"))
    for what in ("faces/001", "faces/1", "runs/faces"):
        for verb in (("generate", what), ("interpolate", what, 0, 1), ("evaluate", what), ("export", what)):
            message = fails(*verb)
            assert f"No run '{what}' in '{place / 'runs'}'" in message
            assert "--runs DIR" in message
            assert "GANZOO_RUNS" in message
        assert "--runs DIR" in fails("publish", what, "someone/tiny")
        assert f"ganzoo publish {what} user/name" in fails("publish", what)
        assert f"hf://{what}" in fails("pull", what)


def test_dry_run_prints_the_config_and_writes_nothing(command, points_yaml, place):
    result = command("train", points_yaml, "--dry-run", "--seed", 7)
    assert yaml.safe_load(result.stdout)["training"]["seed"] == 7
    assert "Would train points for 3 steps" in result.stderr
    assert [path.name for path in place.iterdir()] == ["points.yaml"]


@pytest.mark.slow
def test_train_takes_data(command, trained, place):
    shutil.rmtree(place / "runs")
    np.savez(place / "other data.npz", samples=np.zeros((9, 8, 8, 3), np.uint8), labels=np.arange(9) % 3)
    command("train", "images.yaml", "--data", "other data.npz", "--max-steps", 1)
    config = yaml.safe_load((place / "runs/images/001/config.yaml").read_text())
    assert config["data"]["path"] == str(place / "other data.npz"), "absolute, so that a resume elsewhere finds it"


def test_data_for_a_source_that_reads_none(fails, points_yaml, place):
    message = fails("train", points_yaml, "--data", place)
    assert "'ring8'" in message
    assert "image_folder" in message
    assert len(message.splitlines()) == 1


def test_data_that_does_not_fit_makes_no_run(fails, trained, place):
    np.savez(place / "two.npz", samples=np.zeros((9, 8, 8, 3), np.uint8), labels=np.arange(9) % 2)
    assert "num_classes" in fails("train", "images.yaml", "--data", "two.npz")
    assert [path.name for path in (place / "runs/images").iterdir()] == ["001"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "No model named 'nosuch'."),
        (["dense-rin8"], "Did you mean 'dense-ring8'"),
        (["missing.yaml"], "no such file"),
        (["dense-ring8", "training.stps=3"], "Did you mean 'steps'"),
        (["dense-ring8", "steps"], "key=value"),
        (["dense-ring8", "training.batch_size=1"], "allowed is 2 or more"),
        (["dcgan-faces-32", "data.resolution=9"], "9x9"),
        (["dense-ring8", "--max-steps", "0"], "--max-steps"),
        (["dense-ring8", "--frobnicate"], "--frobnicate"),
        ([], "NAME"),
    ],
)
def test_train_refuses(fails, place, arguments, message):
    assert message in fails("train", *arguments, "--dry-run")
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: !!python/object/apply:os.system ['touch owned']", "tag"),
        ("data: {source: ring8", "line"),
        ("[1, 2]", "mapping"),
        ("data: {source: ring8}\ndata: {source: grid25}", "twice"),
    ],
)
def test_yaml_that_is_no_config(fails, place, text, message):
    (place / "bad.yaml").write_text(text)
    assert message in fails("train", "bad.yaml")
    assert [path.name for path in place.iterdir()] == ["bad.yaml"]


def test_runs_are_listed_with_their_state(command, trained):
    header, row = command("runs").stdout.splitlines()
    assert header.split()[:3] == ["run", "step", "age"]
    assert row.split()[:2] == ["images/001", "3/3"]
    assert row.split()[-4:] == ["3", "-", "-", "-"], "a checkpoint, no best step, not exported, no warnings"


def test_runs_survive_a_damaged_run(command, trained):
    (trained / "runs/images/001/config.yaml").write_text("][")
    (trained / "runs/images/001/log.jsonl").write_text("not json")
    (row,) = json.loads(command("runs", "--json").stdout)
    assert (row["step"], row["steps"], row["d_loss"]) == (3, None, None), "the step of the newest checkpoint"


def test_no_runs(command):
    result = command("runs")
    assert result.stdout == ""
    assert "ganzoo train" in result.stderr
    assert json.loads(command("runs", "--json").stdout) == []


def test_export_takes_the_newest_run(command, trained):
    result = command("export", "--onnx")
    assert result.stdout == "runs/images/001/bundle\n"
    assert "ganzoo generate runs/images/001/bundle" in result.stderr
    bundle = read_bundle(trained / "runs/images/001/bundle")
    assert bundle.metadata.facts.training_step == 3
    assert bundle.config.class_names == ("0", "1", "2")
    assert str(trained) not in (bundle.folder / "metadata.json").read_text(), "where the data lay is private"


@pytest.mark.slow
def test_the_card_has_the_command_the_license_and_the_flaws(command, fails, points_yaml, place):
    (place / "here").mkdir()
    points_yaml = points_yaml.rename(place / "here/points.yaml")
    command("train", points_yaml, "training.batch_size=4", "--seed", 123456789, "--max-steps", 1)
    command("export", "--license", "cc-by-4.0", "--limit", "All is noise.", "--limit", "It is small.")
    card = (place / "runs/points/001/bundle/README.md").read_text()
    assert "\nlicense: cc-by-4.0\n" in card
    assert "- All is noise.\n- It is small.\n" in card
    assert "```sh\nganzoo train points.yaml training.batch_size=4 --seed 123456789 --max-steps 1\n```\n" in card
    assert "'CC BY'" in fails("export", "--license", "CC BY")


def test_export_elsewhere_with_fp16(command, trained):
    assert command("export", "images/1", "--fp16", "-o", "out/mine").stdout == "out/mine\n"
    assert "onnx/model_fp16.onnx" in read_bundle(trained / "out/mine").files


@pytest.mark.slow
def test_export_with_a_critic_and_generate_the_best(command, fails, trained):
    command("export", "images", "--critic")
    assert "onnx/critic.onnx" in read_bundle(trained / "runs/images/001/bundle").files
    command("generate", "images", "--best-of", 4, "--seeds", "0-3", "-o", "best.npy")
    assert np.load(trained / "best.npy").shape == (4, 8, 8, 3)
    command("export", "images")
    assert "ganzoo export images/001 --critic" in fails("generate", "images", "--best-of", 4)
    config = trained / "runs/images/001/config.yaml"
    values = yaml.safe_load(config.read_text())
    values["discriminator"] |= {"block": {"name": "dense", "norm": "batch"}, "hidden": [4, 4]}
    config.write_text(yaml.safe_dump(values))
    assert "normalizes a sample with the statistics of the whole batch" in fails("export", "images", "--critic")


def test_export_into_a_bundle_whose_folder_has_a_dot_in_its_name(command, trained):
    for _ in range(2):
        assert command("export", "-o", "out/my.v1").stdout == "out/my.v1\n"


@pytest.mark.slow
def test_other_forms_stand_beside_the_bundle(command, trained):
    lines = command("export", "--onnx", "--tflite").stdout.splitlines()
    assert lines == ["runs/images/001/bundle", "runs/images/001/model.tflite"]
    assert (trained / lines[1]).stat().st_size > 100
    result = command("export", "--tflite", "-o", "mine.tflite")
    assert result.stdout == "mine.tflite\n"
    assert "ganzoo generate" not in result.stderr, "it reads bundles only"


def test_export_leaves_other_folders_alone(fails, trained):
    (trained / "precious").mkdir()
    (trained / "precious/file").write_text("x")
    assert "not replaced" in fails("export", "-o", "precious")
    assert [path.name for path in (trained / "precious").iterdir()] == ["file"]


def test_publish_checks_the_name_before_it_exports(fails, trained):
    assert "'x' is not the name of a model" in fails("publish", "x")
    assert not (trained / "runs/images/001/bundle").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["images.yaml", "--data", "nowhere.npz"], "nowhere.npz"),
        (["images.yaml", "num_classes=2"], "num_classes"),
        (["images.yaml", "training.init_from=nosuch"], "No bundle, run or model named 'nosuch'"),
        (["--resume", "nosuch"], "No run 'nosuch'"),
        (["--resume", "images", "--data", "nowhere.npz"], "nowhere.npz"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_found_before_tensorflow_is_imported(trained, arguments, message):
    code = f"""
import sys
from ganzoo.cli.main import main
sys.argv = ["ganzoo", "train", *{arguments!r}]
try:
    main()
except SystemExit as end:
    print(end.code, "tensorflow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "2 False"
    assert message in done.stderr


def test_export_with_nothing_trained(fails):
    assert "ganzoo train" in fails("export")


def test_export_of_an_unknown_run(fails, trained):
    assert "'images'" in fails("export", "image")


def test_export_without_a_checkpoint(fails, trained):
    shutil.rmtree(trained / "runs/images/001/checkpoints")
    assert "no checkpoint" in fails("export")
    assert not (trained / "runs/images/001/bundle").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["images.yaml", "--data", "nowhere.npz"], "nowhere.npz"),
        (["images.yaml", "num_classes=2"], "num_classes is 2, but the data have 3 classes; set num_classes=3"),
        (["cdcgan-portraits-64"], "needs a folder or zip: --data PATH"),
        (["cdcgan-portraits-64", "--data", "photo"], "Did you mean 'photos'?"),
        (["cdcgan-portraits-64", "--data", "photos"], "have 2 classes; set num_classes=2"),
        (["cdcgan-portraits-64", "--data", "photos/a", "num_classes=3"], "Put each class into a folder of its own"),
        (["cdcgan-portraits-64", "--data", "images.yaml"], "Name the folder that has the images."),
        (["dcgan-faces-32", "data.source=parquet"], "needs a file or folder"),
        (["dcgan-faces-32", "data.source=webdataset"], "needs a tar, a folder or a glob"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_dry_run_finds_what_is_wrong_with_the_data(fails, trained, arguments, message):
    for name in ("a", "b"):
        (trained / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(trained / "photos" / name / "1.png")
    assert message in fails("train", *arguments, "--dry-run")


def test_a_dry_run_says_that_the_samples_were_not_checked(command, trained):
    done = command("train", "images.yaml", "training.steps=1", "--dry-run")
    assert "for 1 step of 4 samples" in done.stderr and "The samples were not checked" in done.stderr


def test_a_path_that_is_no_override_is_explained(fails, trained):
    assert "For data: --data images.yaml" in fails("train", "dcgan-faces-32", "images.yaml")
    assert "write its suffix, too: images.yaml" in fails("train", "images")


@pytest.mark.parametrize("verb", [["export", "faces-64"], ["train", "--resume", "faces-64"]])
def test_a_pretrained_model_is_no_run(fails, place, verb):
    message = fails(*verb)
    assert "It is a pretrained model, which is exported already: ganzoo pull faces-64" in message
    assert "training.init_from=faces-64" in message


@pytest.mark.slow
def test_the_command_of_a_training_on_files_can_be_repeated(command, trained):
    (trained / "images.yaml").write_text((trained / "images.yaml").read_text().replace(", path: data.npz", ""))
    command("train", "images.yaml", "--data", "data.npz", "--quiet", "training.batch_size=8")
    report = (trained / "runs/images/002/report.html").read_text()
    assert "ganzoo train images.yaml --data PATH training.batch_size=8" in report


def test_a_report_of_a_training_without_a_logged_step(command, trained):
    (trained / "runs/images/001/log.jsonl").write_text("")
    assert command("report", "images").stdout == "runs/images/001/report.html\n"
    (row,) = json.loads(command("runs", "--json").stdout)
    assert row["step"] == 3, "that of the newest checkpoint"


@pytest.mark.slow
def test_a_config_that_was_edited_is_refused(fails, trained):
    path = trained / "runs/images/001/config.yaml"
    path.write_text(path.read_text().replace("seed: 0", "seed: 5").replace("batch_size: 4", "batch_size: 8"))
    message = fails("train", "--resume", "images", "training.steps=9")
    assert "config.yaml was changed after step 3: training.batch_size, training.seed. A resumed run keeps" in message
    assert "training.init_from=images/001 training.init_discriminator=true" in message


def test_advice_for_changed_data_names_them(fails, trained):
    pixels = np.random.RandomState(9).randint(0, 256, (24, 8, 8, 3)).astype(np.uint8)
    np.savez(trained / "other.npz", images=pixels, labels=np.arange(24) % 3)
    message = fails("train", "--resume", "images", "--data", "other.npz", "training.steps=9")
    assert "ganzoo train --resume images/001 --data other.npz --allow-changed data" in message
