"""Publishing: one commit, with the card, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_bundles

from ganzoo.bundle.folder import read_bundle

TOOLS = Path(__file__).parents[2] / "tools"


def committed(hub, branch="main"):
    repo = hub.repos["someone/tiny"]
    return repo.commits[repo.branches[branch]]


@pytest.mark.slow
def test_everything_in_one_commit(hub, owner):
    made = owner.ganzoo("publish", "b", "someone/tiny", "--license", "mit", "--tag", "v1", "-m", "First")
    assert made.stdout.strip() == f"{hub.url}/someone/tiny"
    repo = hub.repos["someone/tiny"]
    assert len(repo.commits) == 2, "the Hub's own first one, and ours"
    assert repo.messages[repo.branches["main"]] == "First"
    assert repo.tags == {"v1": repo.branches["main"]}
    tree = committed(hub)
    assert set(tree) == {".gitattributes", "README.md", *read_bundle(owner.folder / "b").files}
    assert tree["README.md"].startswith(b"---\nlibrary_name: ganzoo\nlicense: mit\n")
    again = owner.ganzoo("publish", "b", "someone/tiny", "--tag", "v1", ok=False)
    assert "already has a tag 'v1'" in again.stderr
    assert len(repo.commits) == 2


@pytest.mark.slow
def test_a_card_that_somebody_edited_stays_and_files_that_are_gone_go(hub, owner):
    owner.ganzoo("publish", "b", "someone/tiny")
    first = committed(hub)["README.md"]
    hub.put("someone/tiny", {"onnx/model_fp16.onnx": b"old", "LICENSE": b"mine"})
    owner.ganzoo("publish", "b", "someone/tiny", "--license", "mit")
    tree = committed(hub)
    assert tree["README.md"] != first, "a card of ganzoo's own is written anew"
    assert "onnx/model_fp16.onnx" not in tree
    assert tree["LICENSE"] == b"mine"
    edited = tree["README.md"].replace(b"# tiny", b"# My tiny faces")
    hub.put("someone/tiny", {"README.md": edited})
    said = owner.ganzoo("publish", "b", "someone/tiny", "--license", "cc0-1.0").stderr
    assert "README.md was written or edited by hand" in said
    assert committed(hub)["README.md"] == edited


def test_a_critic_is_checked_and_published(hub, owner):
    tiny_bundles.image_bundle(owner.folder / "b", critic=tiny_bundles.critic_model())
    shown = owner.ganzoo("publish", "b", "someone/tiny", "--dry-run").stdout
    assert "onnx/critic.onnx" in shown
    assert "best_of=4" in shown
    tiny_bundles.image_bundle(owner.folder / "b", critic=tiny_bundles.critic_model(shape=(4, 4, 3)))
    said = owner.ganzoo("publish", "b", "someone/tiny", "--dry-run", ok=False).stderr
    assert "onnx/critic.onnx: The ONNX file has the inputs" in said
    assert hub.requests == []


def test_an_encoder_is_checked_and_published(hub, owner):
    tiny_bundles.image_bundle(owner.folder / "b", encoder=tiny_bundles.encoder_model())
    shown = owner.ganzoo("publish", "b", "someone/tiny", "--dry-run").stdout
    assert "onnx/encoder.onnx" in shown
    assert "generator.encode(images)" in shown
    tiny_bundles.image_bundle(owner.folder / "b", encoder=tiny_bundles.encoder_model(latent_dim=7))
    said = owner.ganzoo("publish", "b", "someone/tiny", "--dry-run", ok=False).stderr
    assert "onnx/encoder.onnx: The ONNX file has the outputs" in said
    assert hub.requests == []


@pytest.mark.slow
def test_private_branch_and_pull_request(hub, owner):
    owner.ganzoo("publish", "b", "someone/tiny", "--private", "--branch", "work")
    repo = hub.repos["someone/tiny"]
    assert repo.private
    assert set(repo.branches) == {"main", "work"}
    assert "README.md" not in committed(hub)
    assert "README.md" in committed(hub, "work")
    said = owner.ganzoo("publish", "b", "someone/tiny", "--create-pr").stdout
    assert said.strip() == f"{hub.url}/someone/tiny/discussions/1"
    assert "README.md" not in committed(hub)
    hub.create("someone/public")
    assert "exists and is public" in owner.ganzoo("publish", "b", "someone/public", "--private", ok=False).stderr


def test_a_dry_run_asks_nobody_and_shows_everything(hub, owner):
    shown = owner.ganzoo("publish", "b", "someone/tiny", "--dry-run").stdout
    assert hub.requests == []
    for words in ("onnx/model.onnx", "kB", "library_name: ganzoo", 'ganzoo.load("someone/tiny")', "## Limits and bias"):
        assert words in shown


@pytest.mark.slow
def test_somebody_else_was_faster(hub, owner):
    owner.ganzoo("publish", "b", "someone/tiny")
    tiny_bundles.vector_bundle(owner.folder / "b")
    hub.fail("POST .*/commit/main", "status", status=412)
    before = committed(hub)
    said = owner.ganzoo("publish", "b", "someone/tiny", ok=False).stderr
    assert "Somebody else changed someone/tiny at the same time, so nothing was published" in said
    assert committed(hub) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("token", "repo", "words"),
    [
        ("hf_wrong", "someone/tiny", "does not accept the token"),
        ("", "someone/tiny", "hf auth login"),
        ("hf_other", "someone/tiny", "may not publish someone/tiny"),
        ("hf_owner", "tiny", "a name is user/name"),
    ],
)
def test_refusals(hub, owner, token, repo, words):
    said = owner.ganzoo("publish", "b", repo, ok=False, HF_TOKEN=token).stderr
    assert words in said
    assert not hub.repos


@pytest.mark.slow
def test_offline_and_no_network(hub, owner):
    said = owner.ganzoo("publish", "b", "someone/tiny", ok=False, HF_HUB_OFFLINE="1").stderr
    assert "HF_HUB_OFFLINE is set, so someone/tiny cannot be published" in said
    said = owner.ganzoo("publish", "b", "someone/tiny", ok=False, HF_ENDPOINT="http://127.0.0.1:9").stderr
    assert "http://127.0.0.1:9 cannot be reached" in said
    assert "was not published" in said


def test_what_others_would_refuse_is_not_published(hub, owner):
    path = owner.folder / "b/onnx/model.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    assert "truncated or altered" in owner.ganzoo("publish", "b", "someone/tiny", ok=False).stderr
    assert hub.requests == []


INDEX = f"""
import sys
sys.path.insert(0, {str(TOOLS)!r})
import pretrained
import ganzoo.hub.pretrained as index
from pathlib import Path
index.index_file = lambda: Path("pretrained.json")
index.SHIPPED = Path("shipped")
"""
SHIP = INDEX + "pretrained.ship('faces-1', Path('b'), repo='someone/faces', description='faces', license='mit')\n"
NAME = INDEX + "import ganzoo\n"


@pytest.mark.slow
def test_a_pretrained_model_ships_is_published_and_is_pinned(hub, owner, stranger):
    """Shipped: no network. Published with one command, which writes the commit into the index. Then pinned."""
    owner.run(SHIP)
    expected = owner.value(NAME + "result = ganzoo.load('faces-1').sample([7]).tolist()")
    entry = json.loads((owner.folder / "pretrained.json").read_text())["models"]["faces-1"]["1"]
    assert entry["revision"] is None
    assert set(entry["files"]) == {
        "config.json",
        "metadata.json",
        "model.safetensors",
        "onnx/model.onnx",
        "samples.png",
    }
    assert hub.requests == []

    code = NAME + "sys.argv = ['ganzoo', {}]\nfrom ganzoo.cli.main import main\nmain()"
    listed = owner.run(code.format("'list', '--pretrained'")).stdout
    assert "with ganzoo" in listed
    tool = INDEX + "sys.argv = ['pretrained.py', 'publish', 'faces-1', '--license', 'cc-by-4.0']\npretrained.main()"
    said = owner.run(tool).stdout
    assert said.strip() == f"{hub.url}/someone/faces"
    commit = hub.repos["someone/faces"].branches["main"]
    written = json.loads((owner.folder / "pretrained.json").read_text())["models"]["faces-1"]["1"]
    assert written == {**entry, "revision": commit}

    (stranger.folder / "pretrained.json").write_text((owner.folder / "pretrained.json").read_text())
    hub.put("someone/faces", {"config.json": b"{}"})
    load = NAME + "result = ganzoo.load('faces-1').sample([7]).tolist()"
    assert stranger.value(load) == expected
    assert hub.requests
    hub.requests.clear()
    assert stranger.value(load) == expected
    assert "in the cache" in stranger.run(code.format("'list', '--pretrained'")).stdout
    assert hub.requests == []
    assert "another revision name the repo" in stranger.refusal(NAME + "ganzoo.load('faces-1', revision='main')")


@pytest.mark.slow
def test_what_comes_must_have_the_hashes_of_the_index(hub, owner, stranger, files):
    """A commit whose metadata.json agrees with its files, but not with the index."""
    owner.run(SHIP)
    index = json.loads((owner.folder / "pretrained.json").read_text())
    other = tiny_bundles.write_bundle(
        owner.folder / "other",
        config=tiny_bundles.image_config(),
        onnx=tiny_bundles.image_model(seed=1).SerializeToString(),
        weights={},
    )
    swapped = {name: (other.folder / name).read_bytes() for name in other.files}
    index["models"]["faces-1"]["1"]["revision"] = hub.put("someone/faces", swapped)
    (stranger.folder / "pretrained.json").write_text(json.dumps(index))
    said = stranger.refusal(NAME + "ganzoo.load('faces-1')")
    assert "differs from the zoo's index of 'faces-1@1'" in said


def test_an_altered_shipped_copy_is_not_used(hub, owner):
    owner.run(SHIP)
    path = owner.folder / "shipped/faces-1/v1/onnx/model.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    said = owner.refusal(NAME + "ganzoo.load('faces-1')")
    assert "has not been published yet, and this installation has no unaltered copy" in said
    assert hub.requests == []


def test_near_names_of_pretrained_models(owner):
    owner.run(SHIP)
    assert "Did you mean 'faces-1'" in owner.refusal(NAME + "ganzoo.load('face-1')")
