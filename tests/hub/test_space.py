"""Publishing the web page of a model as a static Space."""

from __future__ import annotations

import json

import pytest
import tiny_bundles
import yaml

from ganzoo.bundle.folder import read_bundle
from ganzoo.web.page import page
from hub.server import GITATTRIBUTES

NAME = "spaces/someone/page"


def files(hub, name=NAME):
    repo = hub.repos[name]
    return repo.commits[repo.branches["main"]]


@pytest.mark.slow
def test_the_page_alone(hub, owner):
    done = owner.ganzoo("publish", "b", "--space", "someone/page", "--license", "mit")
    assert done.stdout.strip() == f"{hub.url}/spaces/someone/page"
    assert set(hub.repos) == {NAME}
    tree = files(hub)
    assert set(tree) == {".gitattributes", "README.md", "index.html"}, "the template's style.css is gone"
    assert tree["index.html"].decode() == page(read_bundle(owner.folder / "b"))
    settings = yaml.safe_load(tree["README.md"].decode().split("---")[1])
    assert settings["sdk"] == "static"
    assert settings["app_file"] == "index.html"
    assert settings["license"] == "mit"
    assert "models" not in settings


@pytest.mark.slow
def test_the_model_and_its_page_link_to_each_other(hub, owner):
    done = owner.ganzoo("publish", "b", "someone/tiny", "--space", "someone/page")
    assert done.stdout.split() == [f"{hub.url}/someone/tiny", f"{hub.url}/spaces/someone/page"]
    assert f"]({hub.url}/spaces/someone/page)".encode() in files(hub, "someone/tiny")["README.md"]
    assert yaml.safe_load(files(hub)["README.md"].decode().split("---")[1])["models"] == ["someone/tiny"]
    tiny_bundles.image_bundle(owner.folder / "b", model=tiny_bundles.image_model(seed=1))
    owner.ganzoo("publish", "b", "someone/tiny", "--space", "someone/page")
    made = files(hub)["index.html"].decode()
    assert made == page(read_bundle(owner.folder / "b"), load="someone/tiny"), "a page of ganzoo is replaced"
    assert '"load":"someone/tiny"' in made


def test_a_space_of_somebody_is_not_changed(hub, owner):
    hub.create_space("someone/page")
    hub.repos[NAME].commit({"README.md": b"---\nsdk: static\n---\nMy shop", "index.html": b"<h1>Shop</h1>"}, "mine")
    refused = owner.ganzoo("publish", "b", "someone/tiny", "--space", "someone/page", ok=False)
    assert "was not made by ganzoo, so it was not changed" in refused.stderr
    assert files(hub)["index.html"] == b"<h1>Shop</h1>"
    assert "someone/tiny" not in hub.repos, "the page comes first, so the model was not published"


def test_a_model_that_is_refused_leaves_its_page_unchanged(hub, owner):
    owner.ganzoo("publish", "b", "someone/tiny", "--space", "someone/page", "--tag", "v1")
    before = files(hub)
    tiny_bundles.image_bundle(owner.folder / "b", model=tiny_bundles.image_model(seed=1))
    for option in (["--tag", "v1"], ["--private"], ["--tag", "a" * 40]):
        owner.ganzoo("publish", "b", "someone/tiny", "--space", "someone/page", *option, ok=False)
    assert files(hub) == before


@pytest.mark.slow
def test_a_space_with_the_template_of_the_hub_is_used(hub, owner):
    hub.create_space("someone/page")
    owner.ganzoo("publish", "b", "--space", "someone/page")
    assert b"static Space" not in files(hub)["index.html"]


def test_a_dry_run_asks_nobody(hub, owner):
    shown = owner.ganzoo("publish", "b", "--space", "someone/page", "--dry-run")
    assert "index.html" in shown.stdout
    assert "Nothing was published" in shown.stderr
    both = owner.ganzoo("publish", "b", "someone/tiny", "--space", "someone/page", "--dry-run")
    assert f"{hub.url}/spaces/someone/page" in both.stdout
    assert hub.requests == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vectors", "--space", "someone/page"], "generates vectors"),
        (["b", "--space", "page"], "user/name"),
        (["b", "--space", "someone/page@v1"], "has a revision"),
        (["b", "--space", "someone/page", "--tag", "v1"], "are for a model"),
        (["b", "--space", "someone/page", "--license", "Mit!"], "not a license"),
    ],
)
def test_mistakes_are_one_line_and_ask_nobody(hub, owner, arguments, message):
    tiny_bundles.vector_bundle(owner.folder / "vectors")
    refused = owner.ganzoo("publish", *arguments, ok=False)
    assert message in refused.stderr
    assert len(refused.stderr.strip().splitlines()) <= 4, "Typer puts a usage line above its errors"
    assert hub.requests == []


@pytest.mark.slow
def test_without_the_right_to_write(hub, stranger):
    tiny_bundles.image_bundle(stranger.folder / "b")
    refused = stranger.ganzoo("publish", "b", "--space", "someone/page", ok=False)
    assert "Traceback" not in refused.stderr
    assert hub.repos == {}


@pytest.mark.slow
def test_from_python(hub, owner):
    code = "import ganzoo\nresult = ganzoo.publish('b', 'someone/tiny', space='someone/page').space_url"
    assert owner.value(code) == f"{hub.url}/spaces/someone/page"
    assert json.dumps(sorted(files(hub))) == json.dumps([".gitattributes", "README.md", "index.html"])
    assert files(hub)[".gitattributes"] == GITATTRIBUTES
