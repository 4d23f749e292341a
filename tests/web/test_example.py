"""The example of examples/web in a browser, with onnxruntime-web from npm."""

import functools
import http.server
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

import ganzoo
from ganzoo.hub.pretrained import find_pretrained, shipped_folder
from ganzoo.web.model_data import script

OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "ETIMEDOUT")
"""npm's codes of a registry that cannot be reached."""
EXAMPLE = Path(__file__).parents[2] / "examples" / "web"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def address(tmp_path):
    """The example with its packages and a bundle, served from the loopback."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm")
    folder = shutil.copytree(EXAMPLE, tmp_path / "web", ignore=shutil.ignore_patterns("node_modules", "bundle"))
    done = subprocess.run(["npm", "ci", "--loglevel=error"], cwd=folder, capture_output=True, text=True, check=False)
    if any(code in done.stderr for code in OFFLINE):
        pytest.skip("needs a network for npm ci")
    assert done.returncode == 0, done.stderr
    shutil.copytree(shipped_folder(find_pretrained("digits-28")), folder / "bundle")
    (folder / "random.js").write_text(script("random.js"), encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_the_pixels_are_those_of_python(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector("#face[data-seed='7']")
    page.fill("#seed", "12")
    page.wait_for_selector("#face[data-seed='12']")
    pixels = page.evaluate(
        "() => { const c = document.getElementById('face');"
        " return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]; }"
    )
    shown = np.array(pixels).reshape(28, 28, 4)[..., :1]
    assert np.abs(shown - ganzoo.load("zoo:digits-28").sample([12])[0].astype(int)).max() <= 1
