"""Checks the documentation: every code block runs or is parsed, and the site builds without a broken link."""

import json
import re
import shutil
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_blocks import all_blocks, blocks, lines, parsed, run, run_commands

from ganzoo.api import experiment
from ganzoo.cli.main import app
from ganzoo.config.zoo import load_config
from ganzoo.hub.pretrained import pretrained_models
from ganzoo.inference.load import load
from ganzoo.parts import HOMES, metrics

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))}
LANGUAGES = {"python", "sh", "console", "yaml", "toml", "json", "text"}
NOT_RUN = {
    ("export.md", "js"): "needs Node and onnxruntime-node from npm",
    ("export.md", "cpp"): "needs a compiler and the C++ package of ONNX Runtime",
}
"""The blocks that no test runs: page and language -> reason."""

LIGHT = {"classes.md", "configs.md", "export.md", "hub.md"}
"""Pages whose Python code must not import TensorFlow."""

OTHER_PROGRAMS = {"pip", "hf", "npm", "node", "g++", "python"}
"""Programs that a command block may use besides ganzoo. Their commands are not checked."""

PREPARATION = """
import pathlib
import ganzoo

_train, _evaluate = ganzoo.train, ganzoo.evaluate

def _quick_train(what, *, steps, overrides=(), **options):
    assert steps == 2000, "a page trains 2000 steps, which this test shortens"
    count = [] if "data" in options else ["data.count=60"]
    return _train(what, steps=4, overrides=[*count, "training.batch_size=4", *overrides], quiet=True, **options)

def _quick_evaluate(what, *, samples, draws, **options):
    assert what == "faces-64", "its 60,000 training faces take minutes to draw, so this test draws a few"
    pathlib.Path("few-faces.yaml").write_text("{extends: cdcgan-faces-64, data: {count: 200}}")
    return _evaluate(what, config="few-faces.yaml", samples=50, draws=2, quiet=True, **options)

ganzoo.train, ganzoo.evaluate = _quick_train, _quick_evaluate
"""
"""Makes the trainings and measurements of a page short."""


def with_blocks(*languages):
    """The pages that have a block in one of the languages."""
    return [page for page, text in PAGES.items() if any(language in languages for language, _ in all_blocks(text))]


def python_pages():
    slow = pytest.mark.slow
    return [pytest.param(page, marks=() if page in LIGHT else slow) for page in with_blocks("python")]


def commands(page):
    """The commands of ganzoo on a page, in blocks that run (console) and blocks that do not (sh)."""
    found = [*lines(PAGES[page], "console"), *lines(PAGES[page], "sh")]
    assert {line.split()[0] for line in found} <= OTHER_PROGRAMS | {"ganzoo"}
    return [line for line in found if line.startswith("ganzoo ")]


@pytest.mark.parametrize("page", with_blocks("sh", "console"))
def test_commands_are_valid(page):
    for line in commands(page):
        verb, values = parsed(line)
        name = values.get("name") if verb in (["train"], ["show"]) else None
        if name and not values.get("resume") and not str(name).endswith(".yaml"):
            experiment(name, data=values["data"], overrides=values["overrides"] or ())


@pytest.mark.slow
@pytest.mark.parametrize("page", with_blocks("console"))
def test_console_blocks_run(page, tmp_path, shared_trainings):
    run_commands(lines(PAGES[page], "console"), tmp_path, trained=shared_trainings)


@pytest.mark.parametrize("page", python_pages())
def test_python_blocks_run(page, tmp_path):
    code = "\n".join([PREPARATION, *blocks(PAGES[page], "python")])
    if page in LIGHT:
        code += '\nimport sys\nassert "tensorflow" not in sys.modules'
    program = tmp_path / "page.py"
    program.write_text(code, encoding="utf-8")
    run([sys.executable, str(program)], tmp_path, tensorflow=page not in LIGHT)


@pytest.mark.parametrize("page", with_blocks("yaml"))
def test_yaml_blocks_are_configs(page, tmp_path):
    for number, text in enumerate(blocks(PAGES[page], "yaml")):
        path = tmp_path / f"mine{number}.yaml"
        path.write_text(text, encoding="utf-8")
        load_config(path)


def test_every_other_block_is_parsed_or_listed():
    found = {(page, language) for page, text in PAGES.items() for language, _ in all_blocks(text)}
    assert {pair for pair in found if pair[1] not in LANGUAGES} == set(NOT_RUN)
    for text in PAGES.values():
        for block in blocks(text, "toml"):
            tomllib.loads(block)
        for block in blocks(text, "json"):
            json.loads(block)


def test_nav_has_every_page():
    def pages(entry):
        if isinstance(entry, str):
            return [entry]
        entries = entry.values() if isinstance(entry, dict) else entry
        return [page for value in entries for page in pages(value)]

    nav = pages(tomllib.loads((REPOSITORY / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"])
    assert sorted(page for page in nav if not page.startswith("generated/")) == sorted(PAGES)


def test_nothing_is_missing():
    registries = set(HOMES) - set(re.findall(r"`(\w+)`", PAGES["extend/index.md"]))
    assert not registries
    assert set(metrics.names()) <= set(re.findall(r"^\| `(\w+)` \|", PAGES["metrics.md"], re.MULTILINE))
    licenses = dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", PAGES["faq.md"], re.MULTILINE))
    assert {name: text.lower().replace(" ", "-") for name, text in licenses.items() if name in pretrained_models()} == {
        name: load(name).bundle.metadata.facts.training["license"] for name in pretrained_models()
    }


@pytest.mark.slow
def test_every_sign_of_collapse_has_a_section():
    from ganzoo.training.collapse_watch import KINDS, NOT_FINITE

    headings = " ".join(re.findall(r"^## (.*)", PAGES["collapse.md"], re.MULTILINE))
    assert {*KINDS, NOT_FINITE} <= set(re.findall(r"\w+", headings))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_works_in_a_clone(page):
    text = re.sub(r"<!-- site: .*?-->", "", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path = link.partition("#")[0]
        if path and not urlsplit(link).scheme:
            assert ((DOCS / page).parent / path).exists(), link


class Page(HTMLParser):
    """The links and the anchors of an HTML page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.links += [values[name] for name in ("href", "src") if values.get(name)]
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}


@pytest.mark.slow
def test_site(tmp_path):
    """zensical's strict mode finds broken links of Markdown, but no missing image and no missing page of the nav."""
    shutil.copy(REPOSITORY / "zensical.toml", tmp_path)
    run([sys.executable, str(REPOSITORY / "tools" / "docs_pages.py"), str(tmp_path / "build" / "docs")], tmp_path)
    run([sys.executable, "-m", "zensical", "build", "--strict"], tmp_path)
    site = tmp_path / "build" / "site"
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}
    assert {path.relative_to(site).as_posix() for path in pages} >= {page[:-3] + ".html" for page in PAGES}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            is_page = target in pages
            missing = not target.exists() or (
                is_page and parts.fragment and parts.fragment not in pages[target].anchors
            )
            broken += [f"{path.relative_to(site)}: {link}"] if missing else []
    assert not broken
    command_page = (tmp_path / "build" / "docs" / "generated" / "cli.md").read_text(encoding="utf-8")
    names = [command.name for command in app.registered_commands]
    assert [name for name in names if f"## ganzoo {name}\n" not in command_page] == []
