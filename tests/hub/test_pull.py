"""Loading from the Hub: what is asked for over the network, and what is used of it. Each check has fresh processes."""

from __future__ import annotations

import pytest
import tiny_bundles

from ganzoo.bundle.folder import CRITIC, METADATA, ONNX, WEIGHTS
from ganzoo.inference.generator import Generator

PICTURE = "import ganzoo, numpy\nresult = ganzoo.load({what}).sample([7]).astype(int).sum().item()"


@pytest.mark.slow
def test_a_stranger_loads_then_offline_then_a_pinned_commit_after_the_branch_moved(
    hub, owner, stranger, tmp_path, files
):
    """The whole way: publish; load with an empty cache; again without a network; and the old commit for ever."""
    expected = owner.value(PICTURE.format(what="'b'"))
    owner.ganzoo("publish", "b", "someone/tiny", "--license", "cc-by-4.0")
    old = hub.repos["someone/tiny"].branches["main"]

    assert stranger.value(PICTURE.format(what="'someone/tiny'")) == expected
    hub.requests.clear()
    assert stranger.value(PICTURE.format(what="'hf://someone/tiny'"), HF_HUB_OFFLINE="1") == expected
    assert stranger.value(PICTURE.format(what="'someone/tiny', local_files_only=True")) == expected
    assert stranger.value(PICTURE.format(what="'someone/tiny'"), HF_ENDPOINT="http://127.0.0.1:9") == expected
    assert hub.requests == []

    tiny_bundles.write_bundle(
        owner.folder / "b",
        config=tiny_bundles.image_config(),
        onnx=tiny_bundles.image_model(seed=1).SerializeToString(),
        weights={},
    )
    owner.ganzoo("publish", "b", "someone/tiny")
    assert stranger.value(PICTURE.format(what="'someone/tiny'")) != expected
    hub.requests.clear()
    assert stranger.value(PICTURE.format(what=f"'someone/tiny@{old}'")) == expected
    assert stranger.value(PICTURE.format(what=f"'someone/tiny', revision='{old}'")) == expected
    assert hub.requests == [], "a pinned commit in the cache asks nobody"
    assert hub.repos["someone/tiny"].branches["main"] != old


@pytest.mark.slow
def test_loading_fetches_only_what_it_needs_and_pulling_everything(hub, stranger, published):
    stranger.run("import ganzoo; ganzoo.load('someone/tiny')")
    fetched = [request.rpartition("/")[2] for request in hub.requests if request.startswith("GET /someone")]
    assert sorted(fetched) == ["config.json", "metadata.json"]
    assert sum("GET /lfs/objects" in request for request in hub.requests) == 1
    folder = stranger.ganzoo("pull", "someone/tiny").stdout.strip()
    assert sum("GET /lfs/objects" in request for request in hub.requests) == 3
    code = f"import ganzoo; b = ganzoo.read_bundle({folder!r}); result = [len(b.weights()), b.files]"
    assert stranger.value(code)[0] == 1


@pytest.mark.slow
def test_a_critic_is_fetched_at_its_first_use_from_the_commit_that_was_loaded(hub, stranger, tmp_path):
    bundle = tiny_bundles.image_bundle(tmp_path / "critical", critic=tiny_bundles.critic_model())
    content = {name: (bundle.folder / name).read_bytes() for name in bundle.files}
    best = Generator.from_bundle(bundle).sample([7], best_of=4).astype(int).sum().item()
    hub.create("someone/tiny", private=True)
    old = hub.put("someone/tiny", content)
    stranger.run("import ganzoo; ganzoo.load('someone/tiny', token='hf_owner').sample([7])")
    folder = stranger.home / f"hub/models--someone--tiny/snapshots/{old}/onnx"
    assert [path.name for path in folder.iterdir()] == ["model.onnx"]
    hub.put("someone/tiny", {METADATA: b"{}"})
    best_of = "generator.sample([7], best_of=4).astype(int).sum().item()"
    load = f"import ganzoo\ngenerator = ganzoo.load('someone/tiny@{old}', token='hf_owner')\n"
    said = stranger.refusal(f"{load}{best_of}", HF_HUB_OFFLINE="1")
    assert "not in the cache" in said
    assert stranger.value(f"{load}result = [generator.has_critic, {best_of}]") == [True, best]
    hub.requests.clear()
    assert stranger.value(f"{load}result = {best_of}", HF_HUB_OFFLINE="1") == best
    assert hub.requests == []
    (folder / "critic.onnx").resolve().write_bytes(content[CRITIC][:-1] + b"\0")
    assert "critic.onnx is damaged" in stranger.refusal(f"{load}{best_of}", HF_HUB_OFFLINE="1")


@pytest.mark.slow
def test_an_encoder_is_fetched_at_its_first_use(hub, stranger, tmp_path):
    bundle = tiny_bundles.image_bundle(tmp_path / "encoding", encoder=tiny_bundles.encoder_model())
    hub.put("someone/tiny", {name: (bundle.folder / name).read_bytes() for name in bundle.files})
    generator = Generator.from_bundle(bundle)
    wanted = generator.encode(generator.sample([7])).sum().item()
    load = "import ganzoo\ngenerator = ganzoo.load('someone/tiny')\nimages = generator.sample([7])\n"
    stranger.run(load)
    assert not list(stranger.home.rglob("encoder.onnx"))
    encode = "generator.encode(images).sum().item()"
    assert "not in the cache" in stranger.refusal(f"{load}{encode}", HF_HUB_OFFLINE="1")
    assert stranger.value(f"{load}result = {encode}") == pytest.approx(wanted, abs=1e-4)
    assert stranger.value(f"{load}result = {encode}", HF_HUB_OFFLINE="1") == pytest.approx(wanted, abs=1e-4)


def test_other_files_of_a_repo_are_neither_fetched_nor_run(hub, stranger, files):
    hub.put("someone/tiny", {**files, "evil.pkl": b"\x80\x04.", "code.py": b"raise SystemExit", "model.keras": b"PK"})
    stranger.ganzoo("pull", "someone/tiny")
    assert not [request for request in hub.requests if "evil" in request or "code" in request or "keras" in request]
    names = {path.name for path in stranger.home.rglob("snapshots/*/*")}
    assert names == {"README.md", "config.json", METADATA, WEIGHTS, "samples.png", "onnx"}


@pytest.mark.slow
def test_branches_tags_tokens_and_another_cache(hub, stranger, files, tmp_path):
    repo = hub.repos.get("someone/tiny") or hub.create("someone/tiny", private=True)
    repo.tags["v1.0"] = hub.put("someone/tiny", files, branch="work")
    token = "token='hf_owner'"
    for what in ("'someone/tiny@v1.0'", "'someone/tiny', revision='work'"):
        stranger.run(f"import ganzoo; ganzoo.load({what}, {token}, cache_dir='elsewhere')")
    stranger.run("import ganzoo; ganzoo.load('someone/tiny@v1.0')", HF_TOKEN="hf_owner")
    assert (stranger.folder / "elsewhere/models--someone--tiny").is_dir()
    said = stranger.refusal(f"import ganzoo; ganzoo.load('someone/tiny@v1.1', {token})")
    assert said == "someone/tiny has no revision 'v1.1'. Did you mean 'v1.0'? It has: main, work, v1.0."


@pytest.mark.slow
def test_the_command_line(hub, stranger, published):
    stranger.ganzoo("generate", "someone/tiny", "--seeds", "0-3", "--grid", "-o", "grid.png")
    assert (stranger.folder / "grid.png").exists()
    shown = stranger.ganzoo("cache").stdout
    assert "someone/tiny" in shown
    assert published[:8] in shown
    assert stranger.ganzoo("cache", "remove", "someone/tiny").stdout.strip() == "someone/tiny"
    assert stranger.ganzoo("cache").stdout == ""
    assert "There is no 'someone/tiny'" in stranger.ganzoo("cache", "remove", "someone/tiny", ok=False).stderr


@pytest.mark.slow
def test_a_damaged_copy_in_the_cache_is_found_and_can_be_fetched_again(hub, stranger, published):
    stranger.ganzoo("pull", "someone/tiny")
    (onnx,) = stranger.home.glob(f"hub/models--someone--tiny/snapshots/*/{ONNX}")
    content = bytearray(onnx.read_bytes())
    content[100] ^= 1
    onnx.resolve().write_bytes(content)
    said = stranger.refusal("import ganzoo; ganzoo.load('someone/tiny')")
    assert "onnx/model.onnx is damaged or altered" in said
    assert "ganzoo pull someone/tiny --force-download" in said
    stranger.ganzoo("pull", "someone/tiny", "--force-download")
    stranger.run("import ganzoo; ganzoo.load('someone/tiny')")


def test_a_pinned_model_in_the_cache_needs_no_client(hub, stranger, published):
    stranger.ganzoo("pull", "someone/tiny")
    code = f"import ganzoo; ganzoo.load('someone/tiny@{published}').generate(0)\nresult = list(sys.modules)"
    loaded = {name.partition(".")[0] for name in stranger.value(code)}
    assert not loaded & {"httpx", "httpx2", "tensorflow", "keras", "pydantic"}


def test_fine_tuning_notes_the_commit_that_it_started_from(hub, stranger, files, tmp_path):
    generator = {"model": "dcgan", "latent_dim": 8}
    bundle = tiny_bundles.write_bundle(
        tmp_path / "b",
        config=tiny_bundles.image_config(model={"generator": generator}),
        onnx=tiny_bundles.image_model().SerializeToString(),
        weights={"w": tiny_bundles.np.ones((2, 3), "f4")},
    )
    commit = hub.put("someone/tiny", {name: (bundle.folder / name).read_bytes() for name in bundle.files})
    code = """
import ganzoo
from ganzoo.training.init_from import resolve
config, weights = resolve(ganzoo.load_config("dcgan-faces-32", ["training.init_from=someone/tiny"]))
result = [config.training.init_from, {name: list(w.shape) for name, w in weights.items()}, "tensorflow" in sys.modules]
"""
    assert stranger.value(code) == [f"hf://someone/tiny@{commit}", {"w": [2, 3]}, False]


@pytest.mark.slow
def test_loading_leaves_files_in_the_cache_of_the_hub_and_nowhere_else(stranger, published, tmp_path):
    """With everything of ``huggingface_hub`` and ONNX Runtime on that can be turned off; ``run`` guards the network."""
    home = tmp_path / "home"
    home.mkdir()
    settings = {"HF_HUB_DISABLE_TELEMETRY": "0", "HF_HUB_DISABLE_XET": "0", "HOME": str(home)}
    drop = "os.environ.pop('ORT_DISABLE_TELEMETRY', None)\n"
    stranger.run(drop + "import ganzoo; ganzoo.load('someone/tiny').sample([0])", **settings)
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert {path.name for path in stranger.home.iterdir()} <= {"hub", "xet"}
