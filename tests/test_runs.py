"""Tests where runs are, and how they are found."""

import os
import threading
import time
from pathlib import Path

import pytest
import tiny_bundles

import ganzoo
from ganzoo import resolve, runs
from ganzoo.bundle.folder import BundleFacts
from ganzoo.bundle.writing import write_bundle
from ganzoo.environment.commands import run_word
from ganzoo.errors import RunError
from ganzoo.runs import find_run, list_runs, new_run, runs_folder


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANZOO_RUNS", raising=False)
    return tmp_path


def make(root, name="points"):
    run = new_run(name, root=root)
    (run.folder / "config.yaml").write_text("data: ring8\n", encoding="utf-8")
    return run


def test_root_goes_before_the_variable_and_the_variable_before_the_folder(place, monkeypatch):
    here, there, named = make(None), make(place / "there"), make("named")
    assert here.folder == runs.RUNS / "points/001"
    assert find_run() == here
    monkeypatch.setenv("GANZOO_RUNS", str(place / "there"))
    assert (find_run(), list_runs()) == (there, [there])
    assert find_run("points/1", root="named") == named
    assert make(None).folder == place / "there/points/002"
    monkeypatch.setenv("GANZOO_RUNS", "")
    assert find_run() == here


def test_the_users_folder(place, monkeypatch):
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("GANZOO_RUNS", "~/mine")
    assert runs_folder() == place / "mine"
    run = make("~/other")
    assert run.folder == place / "other/points/001"
    assert find_run("~/other/points/001") == run


def test_a_run_is_named_so_that_a_command_finds_it_from_here(place, monkeypatch):
    here, there = make(None), make(place / "there")
    assert run_word(here.folder) == run_word(here.folder.absolute()) == "points/001"
    assert run_word(there.folder) == "there/points/001"
    monkeypatch.setenv("GANZOO_RUNS", str(place / "there"))
    assert (run_word(there.folder), run_word(here.folder)) == ("points/001", "runs/points/001")


def test_the_newest_run_after_the_clock_was_set_back(place, monkeypatch):
    """Their logs were written in what is now the future. What is trained then is newer."""
    first, second, third = make(None), make(None, "other"), make(None)
    future = time.time() + 24 * 3600
    for seconds, run in enumerate((third, first)):
        (run.folder / "log.jsonl").write_text("")
        os.utime(run.folder / "log.jsonl", (future + seconds,) * 2)
    assert find_run() == first
    assert first.age_seconds == 0
    runs.make_newest(second)
    (second.folder / "log.jsonl").write_text("")
    assert list_runs() == [third, first, second]
    assert make(None).folder.name == "003"
    os.utime(first.folder / "log.jsonl", (future, future))
    monkeypatch.setattr("os.utime", refuse)
    runs.make_newest(second)  # the times of another user's run stay
    assert find_run() == first


def refuse(path, *arguments, **options):
    raise PermissionError(1, "Operation not permitted", str(path))


def test_a_run_that_vanishes_while_runs_are_listed(place, monkeypatch):
    run, gone = make(None), make(None)
    stat = Path.stat

    def vanished(path, **options):
        if gone.folder in (path, *path.parents):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", vanished)
    assert find_run() == run


def test_where_runs_were_looked_for_is_said(place):
    for root, folder in ((None, place / "runs"), ("elsewhere", place / "elsewhere")):
        with pytest.raises(RunError, match=f"No runs in '{folder}'.*\n.*--runs DIR.*GANZOO_RUNS"):
            find_run(root=root)
        with pytest.raises(RunError, match=f"No run 'faces/001' in '{folder}'.\n.*--runs DIR.*GANZOO_RUNS"):
            find_run("faces/001", root=root)


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_folder_of_runs_that_is_a_file(place, monkeypatch, below):
    (place / "file").write_text("x")
    for call in (list_runs, find_run, lambda **options: new_run("x", **options)):
        with pytest.raises(RunError, match=r"^'file' is a file, but runs are in a folder\. .*--runs DIR"):
            call(root=f"file{below}")
        monkeypatch.setenv("GANZOO_RUNS", f"file{below}")
        with pytest.raises(RunError, match=r"^'file' is a file, but GANZOO_RUNS names a folder\. "):
            call()
    assert ganzoo.load("faces-64").shape == (64, 64, 3), "it needs no runs"


def test_a_name_that_is_no_text():
    from ganzoo import api

    for call in (ganzoo.load, ganzoo.pull, find_run, ganzoo.load_config, api.train, ganzoo.evaluate):
        for value in (3, b"x", ["faces-64"]):
            with pytest.raises(ganzoo.GanzooError, match=rf"Received .* \({type(value).__name__}\); allowed is "):
                call(value)


def test_load_takes_the_root(place):
    run = make(place / "there")
    tiny_bundles.image_bundle(run.folder / "bundle")
    assert ganzoo.load("points/1", root=place / "there").shape == (8, 8, 3)
    with pytest.raises(ganzoo.GanzooError, match="No bundle, run or model named 'points'"):
        ganzoo.load("points")


def test_two_exports_of_a_run_take_turns_and_the_second_has_nothing_to_do(place, monkeypatch):
    run = make(None)
    (run.folder / "checkpoints/step-00000005").mkdir(parents=True)
    busy, exports, most = [], [], []

    def export(run, folder, **options):
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.3)
        content = tiny_bundles.vector_model().SerializeToString()
        facts = BundleFacts(training_step=5)
        write_bundle(folder, config=tiny_bundles.vector_config(), onnx=content, weights={}, facts=facts)
        exports.append(folder)
        busy.pop()
        return folder

    monkeypatch.setattr("ganzoo.exporters.export_run", export)
    threads = [threading.Thread(target=resolve.run_bundle, args=(run,)) for _ in range(3)]
    threads += [threading.Thread(target=ganzoo.export, args=(run, run.folder / "bundle")) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(exports) <= 3, "who waited for the bundle takes it"


@pytest.mark.parametrize(
    ("training", "renewed"),
    [
        ({"checkpoint": 5, "license": "mit"}, False),
        ({"checkpoint": "newest"}, False),
        ({"blend": 0.5}, False),
        ({"license": "cc-by-4.0", "limits": ["No hands."]}, True),
        ({"license": "not a license", "limits": 5}, True),
        ({}, True),
    ],
)
def test_a_bundle_that_the_user_chose_is_not_replaced(place, monkeypatch, training, renewed):
    run = make(None)
    (run.folder / "checkpoints/step-00000009").mkdir(parents=True)

    def export(run, folder, *, step=9, license=None, limits=(), **options):
        content = tiny_bundles.vector_model().SerializeToString()
        stated = {key: value for key, value in {"license": license, "limits": list(limits)}.items() if value}
        facts = BundleFacts(training_step=step, training=stated if step == 9 else training)
        write_bundle(folder, config=tiny_bundles.vector_config(), onnx=content, weights={}, facts=facts)
        return folder

    monkeypatch.setattr("ganzoo.exporters.export_run", export)
    export(run, run.bundle_folder, step=5)
    said = []
    facts = resolve.run_bundle(run, info=said.append).metadata.facts
    if renewed:
        assert said == ["Exporting run points/001 at step 9 ..."]
        kept = training if training.get("limits") != 5 else {}
        assert (facts.training_step, facts.training) == (9, kept)
    else:
        again = "ganzoo export points/001"
        assert said == [f"Using the bundle of step 5, as it was exported. For step 9: {again}"]
        assert (facts.training_step, facts.training) == (5, training)


def test_an_export_into_the_home_folder(place, monkeypatch):
    monkeypatch.setenv("HOME", str(place / "home"))
    monkeypatch.setattr("ganzoo.exporters.export_run", lambda run, folder, **options: folder)
    assert ganzoo.export(make(None), "~/mine") == place / "home/mine"


def test_a_run_that_cannot_be_written_can_be_exported_elsewhere(place, monkeypatch):
    run = make(None)

    def refuse(path, *args, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("ganzoo.environment.locks.os.open", refuse)
    with runs.exporting(run):
        pass
