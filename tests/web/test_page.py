"""Tests the page as a file: its policy, its text, and where it is written. test_page_in_browser.py opens it."""

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import tiny_bundles
from typer.testing import CliRunner

from ganzoo.bundle.folder import ONNX, BundleFacts, read_bundle
from ganzoo.bundle.writing import write_bundle
from ganzoo.cli.main import app
from ganzoo.errors import GanzooError
from ganzoo.hub.load_name import command_word, load_name, message_name, short_name
from ganzoo.hub.reference import HubOptions
from ganzoo.inference.generator import Generator
from ganzoo.resolve import resolve
from ganzoo.web import page as web_page
from ganzoo.web.page import page, write_page

HOSTILE = "</script><script>alert(1)</script><!--"


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.found, self.texts, self.inside = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self.inside = tag
        if tag in ("script", "style"):
            self.texts.append((tag, dict(attributes), ""))

    def handle_data(self, data):
        if self.inside in ("script", "style"):
            tag, attributes, text = self.texts[-1]
            self.texts[-1] = (tag, attributes, text + data)

    def handle_endtag(self, tag):
        self.inside = None


def elements(bundle):
    return Elements(page(bundle))


def policy(found):
    content = next(a["content"] for tag, a in found.found if a.get("http-equiv") == "Content-Security-Policy")
    return dict(part.strip().split(" ", 1) for part in content.split(";"))


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.fixture
def bundle(tmp_path):
    return tiny_bundles.image_bundle(tmp_path / "bundle", num_classes=3, class_names=("a", "b", "c"))


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs the command in an empty folder; it must end with the exit code."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)

    def run(*arguments, code=0):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="ganzoo")
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return run


def test_the_policy_allows_the_own_scripts_and_nothing_else(bundle):
    found = elements(bundle)
    allowed = policy(found)
    scripts = [text for tag, attributes, text in found.texts if tag == "script" and "type" not in attributes]
    styles = [text for tag, _, text in found.texts if tag == "style"]
    assert allowed.pop("script-src").split() == [digest(text) for text in scripts]
    assert allowed.pop("style-src").split() == [digest(text) for text in styles]
    assert allowed == {
        "default-src": "'none'",
        "img-src": "data: blob:",
        "worker-src": "blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_nothing_in_the_page_is_loaded_from_elsewhere(bundle):
    for tag, attributes in elements(bundle).found:
        assert not {"src", "srcset", "style", "action"} & set(attributes), tag
        assert attributes.get("href", "data:").startswith("data:"), tag
        assert not [name for name in attributes if name.startswith("on")], tag


def test_every_id_that_a_script_or_label_names_is_in_the_page(bundle):
    found = elements(bundle)
    ids = [attributes["id"] for _, attributes in found.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    scripts = "".join(web_page._read(name) for name in web_page.PAGE_SCRIPTS)
    named = set(re.findall(r"(?:byId|getElementById)\(\"([\w-]+)\"\)", scripts))
    named |= {
        value
        for _, a in found.found
        for key in ("for", "aria-labelledby", "aria-describedby")
        if key in a
        for value in [a[key]]
    }
    assert "picture" in named and named <= set(ids)


def test_names_from_a_bundle_cannot_become_code(tmp_path):
    facts = BundleFacts(training={"data_credits": [HOSTILE], "data_limits": [HOSTILE], "license": HOSTILE})
    hostile = write_bundle(
        tmp_path / "hostile",
        config=tiny_bundles.image_config(num_classes=2, class_names=(HOSTILE, "{{weights}}")),
        onnx=tiny_bundles.image_model(num_classes=2).SerializeToString(),
        weights={},
        facts=facts,
    )
    found = elements(hostile)
    assert sum(tag == "script" for tag, _ in found.found) == 4
    assert HOSTILE not in page(hostile)
    about = next(json.loads(text) for _, attributes, text in found.texts if attributes.get("id") == "about")
    assert about["classes"]["names"] == [HOSTILE, "{{weights}}"]


def test_the_page_of_a_pretrained_model_has_its_name_license_and_credits():
    text = page(resolve("zoo:digits-28@1", files=["onnx/model.onnx"]))
    assert "<title>digits-28</title>" in text
    assert '"load":"digits-28@1"' in text
    assert "<dt>License</dt><dd>cc-by-sa-3.0</dd>" in text
    assert "LeCun, Cortes, Burges" in text


def test_vectors_are_refused(tmp_path, command):
    tiny_bundles.vector_bundle(tmp_path / "vectors")
    result = command("export", tmp_path / "vectors", "--html", "-o", "page.html", code=2)
    assert "generates vectors" in result.stderr and result.stdout == ""
    assert not list(tmp_path.joinpath("place").iterdir())
    with pytest.raises(GanzooError, match="generates vectors"):
        Generator.from_bundle(tmp_path / "vectors").export_html(tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_an_operator_that_the_page_cannot_run_is_refused(tmp_path, command):
    model = tiny_bundles.image_model()
    next(node for node in model.graph.node if node.op_type == "Tanh").op_type = "Softsign"
    folder = tmp_path / "odd"
    config = tiny_bundles.image_config()
    write_bundle(folder, config=config, onnx=model.SerializeToString(), weights={})
    result = command("export", folder, "--html", code=2)
    assert "Softsign" in result.stderr and len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.joinpath("place").iterdir())


def test_python_writes_the_same_page(bundle, tmp_path):
    path = Generator.from_bundle(bundle).export_html(tmp_path / "new" / "page.html")
    assert path == tmp_path / "new" / "page.html"
    assert path.read_text(encoding="utf-8") == page(bundle)


def test_a_file_that_is_missing_in_the_cache_is_fetched_as_the_model_was(bundle, tmp_path, monkeypatch):
    commit, asked = "a" * 40, []
    snapshot = tmp_path / "hub" / "models--someone--private" / "snapshots" / commit
    shutil.copytree(bundle.folder, snapshot)
    generator = Generator.from_bundle(snapshot, hub=HubOptions(revision="v1", token="hf_x", local_files_only=True))
    (snapshot / ONNX).unlink()

    def fetch(reference, options, *, files):
        asked.append((str(reference), options, files))
        return bundle

    monkeypatch.setattr("ganzoo.hub.fetch.fetch", fetch)
    path = generator.export_html(tmp_path / "page.html")
    assert f"someone/private@{commit}" in path.read_text(encoding="utf-8")
    options = HubOptions(token="hf_x", cache_dir=tmp_path / "hub", local_files_only=True)
    assert asked == [(f"someone/private@{commit}", options, [ONNX])]


def test_a_page_is_not_written_into_the_bundle(bundle):
    with pytest.raises(GanzooError, match="is in the bundle"):
        write_page(bundle, bundle.folder / "index.html")
    assert read_bundle(bundle.folder).files == bundle.files


def test_a_path_without_a_file_name_is_refused(bundle):
    with pytest.raises(GanzooError, match="a page needs a file"):
        Generator.from_bundle(bundle).export_html("")


def test_a_full_disk_leaves_the_old_page(bundle, tmp_path, size_limit):
    path = write_page(bundle, tmp_path / "page.html")
    before = path.read_bytes()
    with size_limit(1000), pytest.raises(GanzooError, match="Cannot write"):
        write_page(bundle, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["page.html"]


def test_the_command_names_the_file(command, bundle, tmp_path):
    assert command("export", bundle.folder, "--html").stdout == "tiny.html\n"
    assert command("export", bundle.folder, "--html", "-o", "a.htm").stdout == "a.htm\n"
    assert command("export", bundle.folder, "--html", "-o", "site/").stdout == "site/index.html\n"
    assert command("export", bundle.folder, "--html", "-o", "-").stdout.startswith("<!doctype html>")
    result = command("export", bundle.folder, "--html", "-o", "a.png", code=2)
    assert ".html" in result.stderr
    assert sorted(path.name for path in (tmp_path / "place").iterdir()) == ["a.htm", "site", "tiny.html"]


def test_only_an_own_page_is_replaced_without_asking(command, bundle, tmp_path):
    file = tmp_path / "place" / "tiny.html"
    command("export", bundle.folder, "--html")
    command("export", bundle.folder, "--html")
    file.write_text("mine")
    assert "-o FILE" in command("export", bundle.folder, "--html", code=2).stderr
    assert file.read_text() == "mine"
    command("export", bundle.folder, "--html", "-o", "tiny.html")
    assert file.read_text(encoding="utf-8") == page(bundle)


def test_a_pretrained_model_by_its_name(command, tmp_path):
    assert command("export", "digits-28", "--html").stdout == "digits-28.html\n"
    assert (tmp_path / "place" / "digits-28.html").stat().st_size > 100_000


def test_other_formats_need_a_run(command):
    assert "No run 'digits-28'" in command("export", "digits-28", "--html", "--onnx", code=2).stderr


def test_the_names_of_hub_models(bundle, tmp_path):
    snapshot = tmp_path / "models--you--my-faces" / "snapshots" / ("0" * 40)
    at_commit = replace(bundle, folder=snapshot)
    snapshot.mkdir(parents=True)
    assert load_name(at_commit) == message_name(at_commit) == f"you/my-faces@{'0' * 40}"
    main = snapshot.parents[1] / "refs" / "main"
    main.parent.mkdir()
    main.write_text("0" * 40)
    assert load_name(at_commit) == message_name(at_commit) == command_word(at_commit) == "you/my-faces"
    assert short_name(at_commit) == "my-faces"
    assert load_name(bundle) is None
    assert short_name(bundle) == "tiny"
