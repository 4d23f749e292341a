"""A run is saved on the Hub while it trains, and another machine continues it bit for bit."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
import types

import numpy as np
import pytest
from helpers import tiny

from ganzoo import images
from ganzoo.config import yaml_files
from ganzoo.errors import ConfigError, GanzooError, HubError, RunError
from ganzoo.hub import run_upload
from ganzoo.hub.reference import HubReference
from ganzoo.hub.run_commit import check_repo
from ganzoo.hub.run_download import fetch_run
from ganzoo.hub.run_files import checkpoint_steps, largest_size
from ganzoo.hub.run_upload import RunUpload
from ganzoo.inference.load import load
from ganzoo.runs import Run
from ganzoo.training import checkpoint, saved_on_hub
from hub.clients import Client

REPO = "someone/faces"
THERE = HubReference(REPO)
OTHER_LINES = ("seconds", "images_per_second")


@pytest.fixture
def here(hub, monkeypatch):
    """This process uses the test's Hub, as its owner. Returns the messages."""
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(run_upload, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr("ganzoo.hub.fetch._LONGEST_PAUSE", 0.01)
    monkeypatch.setenv("HF_TOKEN", "hf_owner")
    return []


@pytest.fixture
def config():
    return tiny(training={"hub": {"repo": REPO, "every": 10}}, data={"path": "/home/someone/photos.npz"})


@pytest.fixture
def run(config, tmp_path):
    return made_run(tmp_path / "runs" / "tiny" / "001", config, steps=(8, 12))


def made_run(folder, config, *, steps):
    """A run folder with checkpoints of these steps."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml_files.dump(config.to_dict()))
    (folder / "versions.json").write_text("{}")
    (folder / "real.png").write_bytes(b"private")
    for step in steps:
        save(Run(folder), step)
    return Run(folder)


def save(run, step):
    """A checkpoint, a sample and a line of the log, as a training writes them."""
    state = {"generator": {"w": np.full(5, step, np.float32)}}
    checkpoint.save(run.folder / "checkpoints", step=step, state=state, keep=2)
    checkpoint.save(run.folder / "best", step=step, state={"ema": state["generator"]}, keep=1)
    (run.folder / "samples").mkdir(exist_ok=True)
    images.save(np.full((4, 4, 3), step, np.uint8), run.folder / "samples" / f"step-{step:08d}.png")
    with (run.folder / "log.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "d_loss": 1.0}) + "\n")


def uploader(run, config, said, *, step=0, known=frozenset()):
    return RunUpload(run, config, config.training.hub, step=step, known=known, info=said.append)


def newest(folder):
    return max((int(path.name[5:]) for path in folder.glob("step-*")), default=0)


def files_on(hub, name=REPO):
    repo = hub.repos[name]
    return repo.commits[repo.branches["main"]]


def messages_on(hub):
    return list(hub.repos[REPO].messages.values())


def wait_for(condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in 10 seconds")


def test_one_commit_for_each_upload_and_the_repo_is_private(hub, here, run, config):
    upload = uploader(run, config, here)
    upload.add_if_due(8)
    upload.add_if_due(12)
    wait_for(lambda: REPO in hub.repos and len(messages_on(hub)) == 2)
    save(run, 16)
    upload.add_if_due(16)
    upload.add(16)
    upload.close()
    assert messages_on(hub) == ["initial commit", "Step 12 of 6", "Step 16 of 6"]
    assert hub.repos[REPO].private
    there = files_on(hub)
    assert checkpoint_steps(there) == [12, 16]
    assert [name for name in there if name.startswith("best/") and name.endswith("json")] == [
        "best/step-00000016/manifest.json"
    ]
    assert {f"samples/step-{step:08d}.png" for step in (8, 12, 16)} < there.keys()
    assert "real.png" not in there
    assert here[0].startswith("Saving the run on the Hub")
    assert not (run.folder / "hub-upload").exists()
    text = b"".join(there.values())
    assert b"/home/someone" not in text
    assert b"![Samples of the generator at step 16]" in there["README.md"]
    assert f"ganzoo train --resume hf://{REPO} --data PATH".encode() in there["README.md"]


def test_nothing_new_makes_no_commit(hub, here, run, config):
    for known in (set(), {12}):
        upload = uploader(run, config, here, step=12, known=known)
        upload.add(12)
        upload.close()
    assert messages_on(hub) == ["initial commit", "Step 12 of 6"]


def test_keep_1_leaves_one_checkpoint(hub, here, run, config):
    config = config.replace(**{"training.hub.keep": 1})
    upload = uploader(run, config, here)
    upload.add(8)
    wait_for(lambda: REPO in hub.repos and len(messages_on(hub)) == 2)
    upload.add(12)
    upload.close()
    assert checkpoint_steps(files_on(hub)) == [12]


def test_a_rollback_removes_the_later_steps(hub, here, run, config):
    upload = uploader(run, config, here)
    upload.add(12)
    wait_for(lambda: REPO in hub.repos and len(messages_on(hub)) == 2)
    (run.folder / "samples" / "step-00000012.png").unlink()
    shutil.rmtree(run.folder / "checkpoints" / "step-00000012")
    upload.add(8)
    upload.close()
    assert checkpoint_steps(files_on(hub)) == [8]
    assert "samples/step-00000012.png" not in files_on(hub)


def test_a_failing_network_is_reported_once_and_caught_up(hub, here, run, config):
    hub.fail("POST .*/commit/", "status", status=503, times=40)
    upload = uploader(run, config, here)
    upload.add(8)
    wait_for(lambda: len(here) == 1)
    upload.add(12)
    wait_for(lambda: sum("/commit/" in request for request in hub.requests) > 3)
    hub.faults.clear()
    wait_for(lambda: len(here) == 2)
    upload.close()
    assert here[0].startswith("Step 8 is not saved on the Hub: The Hub has a server error (503) for someone/faces.")
    assert here[1:] == ["Step 12 is saved on the Hub."]
    assert messages_on(hub) == ["initial commit", "Step 12 of 6"], "only the newest copy is uploaded"


def test_a_network_that_fails_at_the_end_names_the_next_command(hub, here, run, config):
    hub.fail("POST .*/commit/", "drop", times=40)
    upload = uploader(run, config, here)
    upload.add(12)
    upload.close()
    assert "The newest checkpoint is not on the Hub: " in here[-1]
    assert f"To save it there later: ganzoo train --resume {run.folder}" in here[-1]
    assert len(here[-1].splitlines()) == 1


@pytest.mark.parametrize("newer", [False, True])
def test_a_commit_whose_answer_was_lost_is_not_that_of_another_training(hub, here, run, config, newer):
    hub.fail("POST .*/commit/", "drop")
    upload = uploader(run, config, here)
    upload.add(8)
    wait_for(lambda: len(here) == 1)
    if newer:
        upload.add(12)
    upload.close()
    assert checkpoint_steps(files_on(hub)) == ([8, 12] if newer else [8])
    assert not any("Another training" in text for text in here)


def test_a_full_disk_does_not_stop_the_training(hub, here, run, config, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_upload, "copy_run", full)
    upload = uploader(run, config, here)
    upload.add(12)
    upload.close()
    assert "its files cannot be copied: No space left on device" in here[0]
    assert not (run.folder / "hub-upload" / "0").exists()


def test_a_disk_without_hard_links(hub, here, run, config, monkeypatch):
    monkeypatch.setattr("os.link", lambda *names: (_ for _ in ()).throw(PermissionError(1, "not permitted")))
    upload = uploader(run, config, here)
    upload.add(12)
    upload.close()
    assert checkpoint_steps(files_on(hub)) == [12]


def test_a_later_step_of_another_training_is_never_removed(hub, here, run, config):
    upload = uploader(run, config, here)
    upload.add(12)
    wait_for(lambda: REPO in hub.repos and len(messages_on(hub)) == 2)
    manifest = {"checkpoints/step-00000030/manifest.json": b"{}"}
    hub.put(REPO, manifest)
    save(run, 16)
    upload.add(16)
    upload.close()
    assert "Another training has saved step 30 in someone/faces" in here[-1]
    assert checkpoint_steps(files_on(hub)) == [12, 30]
    save(run, 30)
    upload = uploader(run, config, here, step=12, known={12})
    upload.add(30)
    upload.close()
    assert files_on(hub)["checkpoints/step-00000030/manifest.json"] == b"{}", "also at the same step"


def test_a_repo_that_was_not_reached_at_the_start_is_checked_at_the_first_upload(hub, here, run, config):
    saved(run, config.replace(**{"training.seed": 77}), here)
    before = files_on(hub)
    for step, words in ((0, "already has a run, at step 12"), (12, "has a run with another config")):
        upload = uploader(run, config, here, step=step, known=None)
        upload.add(12)
        upload.close()
        assert words in here[-1]
    assert files_on(hub) == before


def test_messages_that_cannot_be_shown_do_not_end_the_uploads(hub, here, run, config):
    def fails(text):
        raise OSError("closed")

    hub.fail("POST .*/commit/", "status", status=503, times=2)
    upload = RunUpload(run, config, config.training.hub, step=0, known=set(), info=fails)
    upload.add(8)
    wait_for(lambda: REPO in hub.repos and len(messages_on(hub)) == 2)
    upload.add(12)
    wait_for(lambda: len(messages_on(hub)) == 3)


def test_ctrl_c_while_the_last_upload_is_waited_for(hub, here, run, config, monkeypatch):
    hub.fail("POST .*/commit/", "slow", seconds=1)
    upload = uploader(run, config, here)

    class Interrupted:
        def is_alive(self):
            return True

        def join(self, seconds):
            raise KeyboardInterrupt

    upload.add(12)
    thread, upload._thread = upload._thread, Interrupted()
    upload.close()
    thread.join()
    assert "The newest checkpoint is not on the Hub: Skipped." in here[1]


def test_a_run_folder_that_was_deleted_does_not_come_back(hub, here, run, config):
    upload = uploader(run, config, here)
    shutil.rmtree(run.folder)
    upload.add(12)
    upload.close()
    assert not run.folder.exists()
    assert "its files cannot be copied" in here[0]


def test_a_public_repo_is_refused_for_a_private_run(hub, here, config):
    hub.put(REPO, {"x": b""})
    with pytest.raises(HubError, match=r"exists and is public.*private: false.*training\.hub=null"):
        check_repo(config, config.training.hub, step=None, info=here.append)


def test_paths_in_the_log_are_not_uploaded(hub, here, run, config):
    with (run.folder / "log.jsonl").open("a") as file:
        note = {
            "step": 12,
            "changed": {"data.path": ["/content/drive/secret", "/elsewhere"], "training.steps": [6, 20]},
        }
        file.write(json.dumps(note) + "\n")
    saved(run, config, here)
    assert b"secret" not in files_on(hub)["log.jsonl"]
    assert b'"training.steps": [6, 20]' in files_on(hub)["log.jsonl"]


def test_a_readme_of_a_person_stays(hub, here, run, config):
    hub.create(REPO, private=True)
    hub.put(REPO, {"README.md": b"# My faces\n"})
    upload = uploader(run, config, here)
    upload.add(12)
    upload.close()
    assert files_on(hub)["README.md"] == b"# My faces\n"


# --- before the training ---------------------------------------------------------------------------------------------


def saved(run, config, said, *, step=12):
    upload = uploader(run, config, said)
    upload.add(step)
    upload.close()


def test_a_new_run_does_not_replace_another(hub, here, run, config):
    saved(run, config, here)
    with pytest.raises(HubError, match=r"already has a run, at step 12\. .*ganzoo train --resume hf://someone/faces"):
        check_repo(config, config.training.hub, step=None, info=here.append)
    with pytest.raises(HubError, match="has step 12 of this run, and here it is at step 8"):
        check_repo(config, config.training.hub, step=8, info=here.append)
    with pytest.raises(HubError, match="has a run with another config"):
        check_repo(config.replace(**{"training.seed": 5}), config.training.hub, step=20, info=here.append)
    check_repo(config, config.training.hub, step=12, info=here.append)
    longer = config.replace(**{"training.steps": 99, "data.path": "elsewhere", "training.hub.every": 7})
    check_repo(longer, longer.training.hub, step=12, info=here.append)


@pytest.mark.parametrize(
    ("token", "words"), [("hf_other", "needs write permission"), ("hf_wrong", "does not accept the token")]
)
def test_a_token_that_may_not_write_fails_at_the_start(hub, here, config, token, words):
    hub.put(REPO, {"x": b""})
    settings = config.training.hub.model_copy(update={"private": False})
    with pytest.raises(HubError, match=words) as said:
        check_repo(config, settings, step=None, info=here.append, token=token)
    assert len(str(said.value).splitlines()) == 1


def test_no_network_at_the_start_is_a_message(here, config, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    check_repo(config, config.training.hub, step=None, info=here.append)
    assert here[0].startswith("http://127.0.0.1:9 cannot be reached, so the run is not saved on the Hub yet.")


@pytest.mark.parametrize("repo", ["faces", "a/b/c", "", "../x/y", "a/b@main"])
def test_what_is_not_a_repo_is_refused_with_the_config(repo):
    with pytest.raises(ConfigError, match="user/name"):
        tiny(training={"hub": {"repo": repo}})


def test_a_name_alone_is_enough():
    assert tiny(training={"hub": "someone/faces"}).training.hub.repo == "someone/faces"


# --- fetching --------------------------------------------------------------------------------------------------------


def test_a_fetched_run_has_the_newest_checkpoint_and_the_new_repo(hub, here, run, config, tmp_path):
    saved(run, config, here)
    hub.put("someone/copy", files_on(hub))
    found = fetch_run(HubReference("someone/copy"), newest=newest, root=tmp_path / "b", info=here.append)
    assert found.folder == tmp_path / "b" / "tiny" / "001"
    assert found.config.training.hub.repo == "someone/copy"
    assert found.checkpoint_steps() == [12]
    assert found.log() == run.log()
    assert [path.name for path in found.sample_files()] == [path.name for path in run.sample_files()]
    assert not list(found.folder.rglob(".cache"))
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["tiny"]


def test_a_run_that_is_not_older_here_is_not_fetched(hub, here, run, config, tmp_path):
    saved(run, config, here)
    root = run.folder.parents[1]
    assert fetch_run(THERE, newest=newest, root=root, info=here.append).folder == run.folder
    shutil.rmtree(run.folder / "checkpoints" / "step-00000012")
    assert fetch_run(THERE, newest=newest, root=root, info=here.append).folder.name == "002"


@pytest.mark.parametrize("name", [f"hf://{REPO}", f"hub:{REPO}"])
def test_a_damaged_checkpoint_is_not_kept(hub, here, run, config, tmp_path, name):
    saved(run, config, here)
    hub.put(REPO, {"checkpoints/step-00000012/generator.safetensors": b"x" * 100})
    with pytest.raises(RunError, match="All checkpoints in someone/faces are damaged"):
        saved_on_hub.find_or_fetch(name, root=tmp_path / "b", info=here.append)
    assert not list((tmp_path / "b").iterdir())


@pytest.mark.parametrize("name", ["config.yaml", "samples/step-00000012.png", "best/step-00000012/manifest.json"])
def test_a_file_that_is_not_that_of_the_commit_is_refused(hub, here, run, config, tmp_path, name):
    saved(run, config, here)
    digest = hashlib.sha256(files_on(hub)[name]).hexdigest()
    hub.fail(match=f"GET /lfs/objects/{digest}" if name.endswith("png") else f"GET .*{name}", kind="swap")
    with pytest.raises(HubError, match=f"^someone/faces: {name} is damaged: its hash is not that of commit [0-9a-f]+"):
        fetch_run(THERE, newest=newest, root=tmp_path / "b")
    assert not list((tmp_path / "b").iterdir())


def test_a_checkpoint_that_is_not_that_of_the_commit_is_damaged(hub, here, run, config, tmp_path):
    saved(run, config, here)
    hub.fail(match="GET .*checkpoints/step-00000012/manifest.json", kind="swap")
    with pytest.raises(RunError, match="All checkpoints in someone/faces are damaged"):
        fetch_run(THERE, newest=newest, root=tmp_path / "b")


def test_the_checkpoint_before_a_damaged_one_is_fetched(hub, here, run, config, tmp_path):
    upload = uploader(run, config, here)
    upload.add(8)
    wait_for(lambda: REPO in hub.repos and len(messages_on(hub)) == 2)
    upload.add(12)
    upload.close()
    hub.put(REPO, {"checkpoints/step-00000012/generator.safetensors": b"x" * 100})
    found = saved_on_hub.find_or_fetch(f"hf://{REPO}", root=tmp_path / "b", info=here.append)
    assert found.checkpoint_steps() == [8]
    assert f"Step 12 of {REPO} is damaged." in here


def test_a_damaged_checkpoint_here_is_replaced_by_the_hub(hub, here, run, config, tmp_path):
    saved(run, config, here)
    (run.folder / "checkpoints/step-00000012/generator.safetensors").write_bytes(b"x" * 100)
    found = saved_on_hub.find_or_fetch(f"hf://{REPO}", root=run.folder.parents[1], info=here.append)
    assert found.folder.name == "002"


def test_an_older_commit_is_continued_elsewhere(hub, here, run, config, tmp_path):
    saved(run, config, here, step=8)
    commit = hub.repos[REPO].branches["main"]
    upload = uploader(run, config, here, step=8, known={8})
    upload.add(12)
    upload.close()
    found = saved_on_hub.find_or_fetch(f"hf://{REPO}@{commit}", root=tmp_path / "b", info=here.append)
    assert found.checkpoint_steps() == [8]
    assert found.config.training.hub is None
    assert saved_on_hub.find_or_fetch(f"hf://{REPO}", root=tmp_path / "b", info=here.append).folder.name == "002"


def test_a_fetched_run_is_found_again_when_it_is_no_longer_saved_there(hub, here, run, config, tmp_path):
    saved(run, config, here)
    found = saved_on_hub.find_or_fetch(f"hf://{REPO}", root=tmp_path / "b", info=here.append)
    off = found.config.replace(**{"training.hub": None}).to_dict()
    (found.folder / "config.yaml").write_text(yaml_files.dump(off))
    assert saved_on_hub.find_or_fetch(f"hf://{REPO}", root=tmp_path / "b", info=here.append).folder == found.folder


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("checkpoints/step-00000012/manifest.json", b"[" * 100_000),
        ("samples/step-00000012.png", b"no picture"),
    ],
)
def test_hostile_files_are_one_line_and_leave_nothing(hub, here, run, config, tmp_path, name, content):
    saved(run, config, here)
    hub.put(REPO, {name: content})
    with pytest.raises(GanzooError) as said:
        saved_on_hub.find_or_fetch(f"hf://{REPO}", root=tmp_path / "b", info=here.append)
    assert len(str(said.value).splitlines()) == 1
    assert not list((tmp_path / "b").iterdir())


@pytest.mark.parametrize("line", ['{"step":"x"}', "null", "[]", "[" * 100_000, '{"step": 3, "d_loss": {}}'])
def test_hostile_lines_of_a_log_are_passed_over(run, line):
    with (run.folder / "log.jsonl").open("a") as file:
        file.write(line + "\n")
    assert [record["step"] for record in run.log()][:2] == [8, 12]


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"count": 1}', json.dumps({"class_names": [1, "\x1b[2J" + "a" * 10**5], "shape": [1]})]
)
def test_a_hostile_fingerprint_is_harmless(tmp_path, content):
    from ganzoo.data.fingerprint import Fingerprint

    (tmp_path / "data.json").write_text(content)
    assert Fingerprint.read(tmp_path / "data.json") is None
    made = Fingerprint(1, (1,), "u1", "x", None, ("\x1b[2J" + "a" * 10**5,))
    (tmp_path / "data.json").write_bytes(made.to_json())
    found = Fingerprint.read(tmp_path / "data.json").differences(Fingerprint(1, (1,), "u1", "x", None, ("b",)))
    assert all(len(text) < 200 and text.isprintable() for text in found)


def test_what_is_no_run_is_refused_before_anything_is_fetched(hub, here, run, config, tmp_path):
    saved(run, config, here)
    good = files_on(hub)
    without = {name: content for name, content in good.items() if not name.startswith("checkpoints")}
    for number, (files, words) in enumerate(
        [
            ({"x": b""}, "it has no config.yaml"),
            (without, "it has no checkpoint"),
            ({**good, "config.yaml": b" " * (1 << 21)}, "config.yaml has 2097152 bytes; allowed: 1048576"),
        ]
    ):
        hub.put(f"someone/bad{number}", files)
        hub.requests.clear()
        with pytest.raises(HubError, match=words):
            fetch_run(HubReference(f"someone/bad{number}"), newest=newest, root=tmp_path / "b")
        assert not [request for request in hub.requests if "resolve" in request]


def test_a_run_with_too_many_files_is_refused(hub, here, run, config, tmp_path, monkeypatch):
    saved(run, config, here)
    monkeypatch.setattr("ganzoo.hub.run_download.MOST_FILES", 3)
    with pytest.raises(HubError, match=r"has \d+ files; allowed: 3\."):
        fetch_run(THERE, newest=newest, root=tmp_path / "b")


def test_a_run_that_is_larger_than_the_disk_is_not_fetched(hub, here, run, config, tmp_path, monkeypatch):
    saved(run, config, here)
    monkeypatch.setattr("shutil.disk_usage", lambda path: types.SimpleNamespace(free=1000))
    hub.requests.clear()
    with pytest.raises(RunError, match=r"^Step \d+ of .* has .*kB, and the disk of '.*' has 1.* left\.$"):
        fetch_run(THERE, newest=newest, root=tmp_path / "b")
    assert not [request for request in hub.requests if "resolve" in request]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("data.path", "/home/someone/photos.npz"),
        ("data.path", "Pictures"),
        ("data.path", "a/../../x"),
        ("data.path", ""),
        ("training.init_from", "faces/001"),
        ("training.init_from", "bundle"),
    ],
)
def test_a_config_of_a_stranger_names_no_path(hub, here, run, config, tmp_path, key, text):
    saved(run, config, here)
    group, _, name = key.partition(".")
    values = config.replace(**{"data.path": None}).to_dict()
    values[group][name] = text
    hub.put(REPO, {"config.yaml": yaml_files.dump(values).encode()})
    with pytest.raises(RunError, match=f"contains a path, '{re.escape(text)}'"):
        fetch_run(THERE, newest=newest, root=tmp_path / "b")


@pytest.mark.parametrize(
    "name",
    [
        "real.png",
        "README.md",
        "checkpoints/../config.yaml",
        "checkpoints/step-00000001/../../x.safetensors",
        "checkpoints/step-00000001/x.pickle",
        "/config.yaml",
        "samples/step-00000001.png\n",
        "samples/step-١٢٣٤٥٦٧٨.png",
    ],
)
def test_other_files_are_neither_uploaded_nor_fetched(name):
    assert largest_size(name) is None


def test_a_log_that_does_not_fit_in_memory_is_not_fetched():
    assert largest_size("log.jsonl") == 256 << 20


def test_a_name_of_the_hub_without_its_prefix_is_explained(hub, here, run, config, tmp_path):
    with pytest.raises(RunError, match="ganzoo train --resume hf://someone/faces") as said:
        saved_on_hub.find_or_fetch(REPO, root=tmp_path, info=here.append)
    assert len(str(said.value).splitlines()) <= 2
    saved(run, config, here)
    with pytest.raises(HubError, match="is a training run that was not exported"):
        load(REPO)


def test_an_interrupted_download_leaves_nothing(hub, here, run, config, tmp_path):
    saved(run, config, here)
    hub.fail("GET /lfs/objects", "status", status=404, times=99)
    with pytest.raises(GanzooError):
        fetch_run(THERE, newest=newest, root=tmp_path / "b")
    assert not list((tmp_path / "b").iterdir())


# --- the whole -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_another_machine_continues_bit_for_bit(hub, tmp_path):
    first = Client(tmp_path / "first", hub.url, token="hf_owner")
    second = Client(tmp_path / "second", hub.url, token="hf_owner")
    images = np.random.RandomState(0).randint(0, 256, (24, 8, 8, 1)).astype(np.uint8)
    for machine in (first, second):
        np.save(machine.folder / "photos.npy", images)
    training = {"steps": 10, "log_every": 1, "sample_every": 2, "checkpoint_every": 2, "evaluation": None}
    config = tiny(training=training | {"hub": {"repo": REPO, "every": 4}}).to_dict()
    (first.folder / "faces.yaml").write_text(yaml_files.dump(config))
    first.run(
        "import ganzoo\n"
        "ganzoo.train('faces.yaml', data='photos.npy', max_steps=6, quiet=True)\n"
        "ganzoo.train('faces.yaml', overrides=['training.hub=null'], data='photos.npy', root='whole', quiet=True)\n"
    )
    assert messages_on(hub)[-1] == "Step 6 of 10"
    done = second.ganzoo("train", "--resume", f"hub:{REPO}", "--data", "photos.npy", "-q")
    assert f"Fetching step 6 of {REPO}" in done.stderr
    assert messages_on(hub)[-1] == "Step 10 of 10"
    whole = Run(next((first.folder / "whole").glob("*/001")))
    other = Run(next((second.folder / "runs").glob("*/001")))
    for name in ("checkpoints", "samples"):
        mine, theirs = (contents(one.folder / name) for one in (whole, other))
        assert mine == theirs
        assert mine
    mine, theirs = ([numbers(record) for record in one.log() if "d_loss" in record] for one in (whole, other))
    assert mine == theirs
    assert (other.folder / "real.png").read_bytes() == (whole.folder / "real.png").read_bytes()
    done = first.ganzoo("train", "--resume", str(whole.folder), "training.hub=someone/later", "-q", ok=False)
    assert "is finished at step 10" in done.stderr
    assert checkpoint_steps(files_on(hub, "someone/later")) == [10], "a finished run is saved there, too"


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}


def numbers(record):
    return {key: value for key, value in record.items() if key not in OTHER_LINES}
