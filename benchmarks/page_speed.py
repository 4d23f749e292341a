"""Measures the web page of each pretrained model in headless Chromium: its size, the first picture, and the next ones.

    python benchmarks/page_speed.py

Needs Chromium (Debian: apt install chromium). The time of a picture is that from a new seed in the address to the drawn
picture, in milliseconds, after the page has drawn its wall of pictures. Each page is opened anew for each repeat. The
output is a table in Markdown.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from interleaved import machine_facts
from playwright.sync_api import Browser, sync_playwright

import ganzoo
from ganzoo.hub import pretrained

NEXT = """async (seed) => {
  const picture = document.getElementById("picture"), begun = performance.now(), wanted = `#seed=${seed}`;
  location.hash = wanted;
  while (picture.dataset.shows !== wanted) await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""


def measure(browser: Browser, page_file: Path, *, pictures: int) -> tuple[float, list[float]]:
    """Seconds from opening a page to its first picture, and milliseconds of each of the next pictures."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    begun = time.perf_counter()
    page.goto(f"{page_file.as_uri()}#seed=0")
    page.wait_for_selector("#picture[data-shows='#seed=0']")
    first = time.perf_counter() - begun
    page.wait_for_timeout(5000)  # the wall of pictures is drawn
    times = [float(page.evaluate(NEXT, seed)) for seed in range(1, pictures + 1)]
    context.close()
    return first, times


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the web pages of the pretrained models in Chromium.")
    parser.add_argument("--pictures", type=int, default=30, help="pictures of each page (30)")
    parser.add_argument("--repeats", type=int, default=3, help="times that each page is opened (3)")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    names = sorted(pretrained.pretrained_versions())
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=chromium, args=options)
        pages = {name: ganzoo.load(f"zoo:{name}").export_html(Path(folder, f"{name}.html")) for name in names}
        found = [
            (name, measure(browser, pages[name], pictures=arguments.pictures)) for name in names * arguments.repeats
        ]
        print("| page | MB | first picture, s | a picture, ms |\n|---|---|---|---|")
        for name in names:
            firsts = [first for other, (first, _) in found if other == name]
            medians = [statistics.median(times) for other, (_, times) in found if other == name]
            print(f"| {name} | {pages[name].stat().st_size / 1e6:.2f} | {_spread(firsts, 2)} | {_spread(medians, 0)} |")
        machine = machine_facts()["machine"]
        print(f"\nChromium {browser.version}; {machine}")


def _spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    main()
