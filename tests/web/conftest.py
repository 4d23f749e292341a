"""A headless Chromium, and pages that record what they request and report."""

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest
import tiny_bundles

from ganzoo.bundle.directions_file import NamedDirection, write_directions
from ganzoo.bundle.folder import DIRECTIONS
from ganzoo.bundle.writing import add_file
from ganzoo.web import page as web_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NAMED = [
    NamedDirection("light", np.array([0.6, 0, 0, 0, 0, 0, 0, 0.8], np.float32)),
    NamedDirection("shape", np.array([0, 1, 0, 0, 0, 0, 0, 0], np.float32)),
]
"""Two directions of latents of 8 numbers."""


@dataclass
class Opened:
    """A page in the browser, with the addresses of its requests and its messages of errors."""

    page: object
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.page, name)

    def wait_for(self, address):
        """Waits until the large picture is that of an address, which starts with "#"."""
        self.page.wait_for_selector(f"#picture[data-shows='{address}']")

    def picture(self):
        """The pixels of the large picture, as a text."""
        return self.page.evaluate("document.getElementById('picture').toDataURL()")

    def text(self, selector):
        return self.page.inner_text(selector)

    def downloaded(self, button):
        """The file that a button saves."""
        with self.page.expect_download() as download:
            self.page.click(button)
        return download.value


@pytest.fixture(scope="module")
def browser():
    """Chromium; the test is skipped if it or Playwright is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install -e '.[test]')")
    if CHROMIUM is None:
        pytest.skip("needs Chromium (Debian: apt install chromium)")
    is_root = sys.platform != "win32" and os.geteuid() == 0
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if is_root else [])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser):
    """``opened(file, "#seed=1")`` opens a page and waits for its first picture. No page may report an error."""
    with contextlib.ExitStack() as stack:
        pages = []

        def open_page(file, address="", *, before="", wait=True, **options):
            context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
            stack.callback(context.close)
            context.set_default_timeout(60_000)
            if before:
                context.add_init_script(before)
            found = Opened(context.new_page())
            context.on("request", lambda request: found.requests.append(request.url))
            found.page.on("console", lambda message: found.errors.append(message.text))
            found.page.on("pageerror", lambda error: found.errors.append(str(error)))
            found.page.goto(file.as_uri() + address)
            if wait:
                found.page.wait_for_selector("#picture[data-shows]")
            pages.append(found)
            return found

        yield open_page
        for found in pages:
            assert found.errors == []
            assert {url.partition(":")[0] for url in found.requests} <= {"file", "blob", "data"}
            assert len({url.partition("#")[0] for url in found.requests if url.startswith("file:")}) == 1


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A bundle of 8 px images in three classes."""
    folder = tmp_path_factory.mktemp("tiny") / "bundle"
    bundle = tiny_bundles.image_bundle(folder, num_classes=3, class_names=("micah", "7", "two words"))
    return add_file(bundle, DIRECTIONS, write_directions(NAMED))


@pytest.fixture(scope="module")
def tiny_page(tiny, tmp_path_factory):
    """The page of the tiny bundle, with two directions."""
    return web_page.write_page(tiny, tmp_path_factory.mktemp("page") / "index.html")
