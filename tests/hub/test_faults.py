"""Every failure says which model, at which revision, and what to do next, in a line or two."""

from __future__ import annotations

import json
import re

import pytest

from hub.clients import Client

LOAD = "import ganzoo; ganzoo.load('someone/tiny')"


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        ({"match": "GET /api/models/someone/tiny$", "kind": "status", "status": 500, "times": 2}, 3),
        (
            {
                "match": "GET /api/models/someone/tiny$",
                "kind": "status",
                "status": 429,
                "headers": {"Retry-After": "1"},
            },
            2,
        ),
        ({"match": "GET /lfs/objects", "kind": "drop"}, 2),
        ({"match": "GET /someone/tiny/resolve/.*config.json", "kind": "drop"}, 2),
        ({"match": "GET /api/models/someone/tiny$", "kind": "slow", "seconds": 1}, 1),
    ],
    ids=["500 twice", "429 with Retry-After", "dropped", "dropped text", "slow"],
)
def test_what_passes_is_waited_for(hub, stranger, published, fault, requests):
    hub.fail(**fault)
    stranger.run(LOAD)
    assert sum(bool(re.search(fault["match"], request)) for request in hub.requests) == requests


def test_a_card_that_is_not_that_of_the_commit_is_refused(hub, stranger, published):
    hub.fail(match="GET .*README.md", kind="swap")
    said = stranger.refusal("import ganzoo; ganzoo.pull('someone/tiny')")
    assert said.startswith("someone/tiny: README.md is damaged or altered: its hash is not that of commit")
    assert said.endswith("Fetch it again: ganzoo pull someone/tiny --force-download")
    assert stranger.refusal("import ganzoo; ganzoo.pull('someone/tiny')") == said, "the cache keeps it"
    stranger.ganzoo("pull", "someone/tiny", "--force-download")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"match": "GET /api/models", "kind": "status", "status": 503, "times": 99}, "server error (503)"),
        ({"match": "HEAD .*resolve", "kind": "status", "status": 501, "times": 99}, "server error (501)"),
        ({"match": "GET /lfs/objects", "kind": "size", "times": 99}, "arrived with the wrong size"),
        ({"match": "GET /lfs/objects", "kind": "swap", "times": 99}, "onnx/model.onnx is damaged or altered"),
        ({"match": "GET .*config.json", "kind": "swap", "times": 99}, "config.json is damaged or altered"),
        ({"match": "GET .*metadata.json", "kind": "swap", "times": 99}, "metadata.json is not readable"),
        ({"match": "GET /api/models", "kind": "status", "status": 401, "times": 99}, "does not accept the token"),
        ({"match": "GET /api/models", "kind": "status", "status": 403, "times": 99}, "may not fetch someone/tiny"),
        ({"match": "GET /api/models", "kind": "slow", "seconds": 5, "times": 99}, "cannot be reached"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_pass_is_said(hub, stranger, published, fault, words):
    hub.fail(**fault)
    code = "import ganzoo, ganzoo.hub.fetch; ganzoo.hub.fetch._LONGEST_PAUSE = 0.1; " + LOAD.partition("; ")[2]
    said = stranger.refusal(code)
    assert words in said
    assert "someone/tiny" in said


def test_no_network_and_nothing_in_the_cache(stranger):
    said = stranger.refusal(LOAD, HF_ENDPOINT="http://127.0.0.1:9")
    assert "http://127.0.0.1:9 cannot be reached" in said
    assert "ganzoo pull someone/tiny" in said
    assert "HF_HUB_OFFLINE" in stranger.refusal(LOAD, HF_HUB_OFFLINE="1")


def test_not_found_with_near_names(hub, stranger, published):
    said = stranger.refusal("import ganzoo; ganzoo.load('someone/tinny')")
    assert "No model someone/tinny" in said
    assert "Did you mean 'someone/tiny'?" in said
    assert "hf auth login" in said


@pytest.mark.slow
def test_private_gated_and_bad_token(hub, stranger, files):
    hub.create("someone/tiny", private=True)
    hub.put("someone/tiny", files)
    assert "or it is private" in stranger.refusal(LOAD)
    assert "or it is private" in stranger.refusal(LOAD, HF_TOKEN="hf_other")
    assert "does not accept the token" in stranger.refusal(LOAD, HF_TOKEN="hf_wrong")
    hub.repos["someone/tiny"].private, hub.repos["someone/tiny"].gated = False, True
    for token in ("", "hf_other"):
        said = stranger.refusal(LOAD, HF_TOKEN=token)
        assert "someone/tiny is gated: ask its owner" in said
        assert f"{hub.url}/someone/tiny" in said


def test_not_a_ganzoo_repo_and_a_newer_format(hub, stranger, files):
    hub.put("someone/tiny", {"pytorch_model.bin": b"x", "config.json": b"{}"})
    assert "someone/tiny is not a ganzoo model: it has no metadata.json" in stranger.refusal(LOAD)
    assert not [request for request in hub.requests if "resolve" in request]
    newer = json.loads(files["metadata.json"]) | {"format_version": 2}
    hub.put("someone/tiny", {**files, "metadata.json": json.dumps(newer).encode()})
    assert "pip install -U ganzoo-keras" in stranger.refusal(LOAD)


def test_sizes_and_names_are_known_before_anything_is_fetched(hub, stranger, files):
    hub.put("someone/tiny", {**files, "config.json": b" " * (2 << 20)})
    assert "config.json has 2097152 bytes; allowed: 1048576" in stranger.refusal(LOAD)
    metadata = json.loads(files["metadata.json"])
    metadata["files"]["../../evil"] = metadata["files"]["config.json"]
    hub.put("someone/tiny", {**files, "metadata.json": json.dumps(metadata).encode()})
    assert "'../../evil' is not a file of a bundle" in stranger.refusal(LOAD)
    metadata = json.loads(files["metadata.json"])
    metadata["files"]["onnx/model.onnx"]["size"] += 1
    hub.put("someone/tiny", {**files, "metadata.json": json.dumps(metadata).encode()})
    assert "onnx/model.onnx has" in stranger.refusal(LOAD)
    assert not [request for request in hub.requests if "lfs" in request]


@pytest.mark.parametrize(
    "name",
    ["hf://tiny", "hf://a/b/c", "hf://../x", "hf://a/b@../../x", "hf://a/b@-x", "https://example.org/a/b", "a/b@/x"],
)
def test_names_that_lead_elsewhere_are_refused_unasked(hub, stranger, name):
    stranger.refusal(f"import ganzoo; ganzoo.load({name!r})")
    assert hub.requests == []


def test_a_full_disk(hub, stranger, published):
    """The file that the real client downloads to cannot be opened."""
    code = """
import ganzoo, errno
from pathlib import Path
real = Path.open
def full(self, mode="r", *a, **k):
    if "w" in mode and "incomplete" in self.name:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))
    return real(self, mode, *a, **k)
Path.open = full
ganzoo.load('someone/tiny')
"""
    said = stranger.refusal(code)
    assert "The disk is full" in said
    assert "ganzoo pull someone/tiny" in said


@pytest.mark.slow
def test_interrupted_and_again_fetches_only_the_rest(hub, stranger, published):
    hub.fail("GET /lfs/objects", "status", status=418, times=1)
    assert "someone/tiny" in stranger.ganzoo("pull", "someone/tiny", ok=False).stderr
    before = [request for request in hub.requests if request.startswith("GET /someone")]
    assert before
    hub.requests.clear()
    stranger.ganzoo("pull", "someone/tiny")
    assert not [request for request in hub.requests if request in before]


def test_ctrl_c_says_how_to_go_on(hub, stranger, published):
    code = """
import ganzoo.hub.fetch
def interrupted(*args, **options): raise KeyboardInterrupt
ganzoo.hub.fetch.fetch = interrupted
sys.argv = ["ganzoo", "pull", "someone/tiny"]
from ganzoo.cli.main import main
main()
"""
    done = stranger.run(code, ok=False)
    assert done.returncode == 130
    assert "the same command fetches the rest" in done.stderr


@pytest.mark.slow
def test_the_cache_stands_in_for_a_hub_in_trouble(hub, stranger, published):
    stranger.run(LOAD)
    hub.fail("GET /api/models", "status", status=500, times=99)
    code = "import ganzoo.hub.fetch; ganzoo.hub.fetch._LONGEST_PAUSE = 0.1; " + LOAD
    assert "using the copy of someone/tiny in the cache" in stranger.run(code).stderr


def test_a_proxy_that_is_no_hub(stranger, published, tmp_path):
    other = Client(tmp_path / "other", f"{stranger.url}/not-a-hub")
    assert "someone/tiny" in other.refusal(LOAD)
