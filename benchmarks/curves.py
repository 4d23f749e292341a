"""Draws a chart of the metric that was measured during the training of a study.

    python benchmarks/curves.py stays_good        # writes benchmarks/pictures/stays_good_curves.png

A row has one color, and a seed has one line. ``study.py`` also draws the chart at its end, if the study has an entry
``curve: {number: frechet, against: steps}`` (or ``minutes``).
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import report

INCHES, DOTS = (7.2, 4.0), 100
"""Size of the chart in inches, and its pixels per inch."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="a file in benchmarks/studies/, without its suffix")
    name = parser.parse_args().study
    study = report.read(name)
    if "curve" not in study:
        raise SystemExit(f"The study '{name}' has no 'curve: {{number: ..., against: steps}}'")
    path = chart_of(name)
    draw(study, path)
    print(path)


def chart_of(name: str) -> Path:
    """Return the path of a study's chart."""
    return report.PICTURES / f"{name}_curves.png"


def draw(study: Mapping[str, Any], path: Path) -> None:
    """Draw the chart of a study. Does nothing if the study has no ``curve`` entry or no results."""
    wanted = study.get("curve")
    found = {} if wanted is None else lines(study, wanted["number"], wanted["against"])
    if not found:
        return
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter
    from PIL import Image

    figure = Figure(INCHES, dpi=DOTS, layout="constrained")
    axes = figure.add_subplot(xlabel=wanted["against"], ylabel=wanted["number"], yscale="log")
    for color, (label, seeds) in enumerate(found.items()):
        for seed, (across, up) in enumerate(seeds):
            axes.plot(across, up, color=f"C{color}", marker=".", linewidth=1, label=None if seed else label)
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize="small")
    drawn = io.BytesIO()
    figure.savefig(drawn)
    report.save_small(Image.open(drawn), path)


def lines(study: Mapping[str, Any], number: str, against: str) -> dict[str, list[tuple[list[float], list[float]]]]:
    """Return the lines of the chart: row label -> one (x values, y values) pair per seed.

    Args:
        study: the study with its results.
        number: metric of the y axis, without the name of the extractor.
        against: unit of the x axis, "steps" or "minutes".
    """
    found: dict[str, list[tuple[list[float], list[float]]]] = {}
    for label in study["rows"]:
        for entry in study["results"].get(label, {}).values():
            points = [
                (point["step"] if against == "steps" else point["seconds"] / 60, value)
                for point in entry["curve"]
                for key, value in point.items()
                if key.split(" ")[0] == number
            ]
            if points:
                across, up = zip(*points, strict=True)
                found.setdefault(label, []).append((list(across), list(up)))
    return found


if __name__ == "__main__":
    main()
