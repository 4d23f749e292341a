"""The table, the plot and the picture of the headline benchmark.

python benchmarks/headline_report.py faces    # prints the table of the saved results
"""

from __future__ import annotations

import argparse
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import report

HERE = Path(__file__).parent
OURS = "ganzoo"
IMAGES, ENLARGED, STRIP = 16, 2, 22
"""Images in a row of the picture, their enlargement, and the height of a row's title in pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="faces or celeba")
    path = results_path(HERE, parser.parse_args().data)
    if not path.is_file():
        raise SystemExit(f"There are no results in {path}. To measure them: python benchmarks/headline.py DATA")
    print(table(json.loads(path.read_text(encoding="utf-8"))))


def results_path(output: Path, data: str) -> Path:
    """Return the path of the results of a data set."""
    return output / "results" / f"headline_{data}.json"


def write(results: Mapping[str, Any], folders: Mapping[str, Path], output: Path, *, picture: Path | None) -> None:
    """Print the table, and draw the plot and the picture.

    Args:
        results: the results.
        folders: contender -> folder of its samples.
        output: its folder ``pictures`` gets the plot and the picture.
        picture: another path for the picture, if it may not be published.
    """
    pictures = output / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    plot(results, pictures / f"headline_{results['data']}_curves.png")
    path = picture or pictures / f"headline_{results['data']}.png"
    draw(results, folders, path)
    print(table(results), f"Picture: {path}", sep="\n\n")


def table(results: Mapping[str, Any]) -> str:
    """Return the results as a Markdown table."""
    times = results["protocol"]["table"]
    titles = ["Contender", "images/s", "share of its core"]
    titles += [f"{name}, {minute:g} min" for minute in times for name in ("Frechet ↓", "precision ↑", "recall ↑")]
    titles += [f"ganzoo reaches its value at {times[-1]:g} min after", "ratio"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for name, contender in results["contenders"].items():
        speed, share = (contender[key] / contender["seconds"] for key in ("images", "cpu_seconds"))
        cells = [contender["title"], f"{speed:.1f}", f"{share:.0%}"]
        for minute in times:
            cells += _cells(at(contender, minute))
        lines.append(f"| {' | '.join([*cells, *_reached(results, name)])} |")
    floor = _cells(results["real_samples"]) * len(times)
    return "\n".join([*lines, f"| real images | | | {' | '.join(floor)} | | |"])


def at(contender: Mapping[str, Any], minute: float) -> dict[str, Any]:
    """Return a contender's numbers at a time of the protocol."""
    return next(snapshot for snapshot in contender["snapshots"] if snapshot["minute"] == minute)


def _cells(numbers: Mapping[str, float]) -> list[str]:
    error = f" ± {numbers['frechet_error']:.1f}" if "frechet_error" in numbers else ""
    return [f"{numbers['frechet']:.1f}{error}", f"{numbers['precision']:.2f}", f"{numbers['recall']:.2f}"]


def _reached(results: Mapping[str, Any], name: str) -> list[str]:
    """Return the cells with the minutes that ganzoo needs for a peer's last value, and the ratio of the times."""
    if name == OURS or OURS not in results["contenders"]:
        return ["", ""]
    peer = results["contenders"][name]["snapshots"][-1]
    found = seconds_to_reach(results["contenders"][OURS]["snapshots"], peer["frechet"])
    if found is None:
        return ["not reached", f"< {peer['seconds'] / results['contenders'][OURS]['snapshots'][-1]['seconds']:.1f}"]
    seconds, is_bound = found
    return [
        f"{'< ' if is_bound else ''}{seconds / 60:.1f} min",
        f"{'> ' if is_bound else ''}{peer['seconds'] / seconds:.1f}",
    ]


def seconds_to_reach(snapshots: Sequence[Mapping[str, float]], value: float) -> tuple[float, bool] | None:
    """Return the training seconds until the Frechet distance first falls to ``value``, and whether it was earlier.

    Between two snapshots, the logarithm of the distance is a straight line over time. If the first snapshot is below
    ``value``, its time is an upper bound (True). If no snapshot is, the result is None.
    """
    before = None
    for snapshot in snapshots:
        if snapshot["frechet"] <= value:
            if before is None:
                return snapshot["seconds"], True
            drop = math.log(before["frechet"] / max(snapshot["frechet"], 1e-9))
            share = math.log(before["frechet"] / value) / drop
            return before["seconds"] + share * (snapshot["seconds"] - before["seconds"]), False
        before = snapshot
    return None


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Draw the Frechet distance over the training time."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter
    from PIL import Image

    figure = Figure((7.2, 4.0), dpi=100, layout="constrained")
    axes = figure.add_subplot(xlabel="training time in minutes, one core", ylabel="Frechet distance", yscale="log")
    for color, contender in enumerate(results["contenders"].values()):
        minutes = [snapshot["seconds"] / 60 for snapshot in contender["snapshots"]]
        values = [snapshot["frechet"] for snapshot in contender["snapshots"]]
        axes.plot(minutes, values, color=f"C{color}", marker=".", label=contender["title"])
    axes.axhline(results["real_samples"]["frechet"], color="gray", linestyle=":", label="real images")
    axes.set_xlim(left=0)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize="small")
    drawn = io.BytesIO()
    figure.savefig(drawn)
    report.save_small(Image.open(drawn), path)


def draw(results: Mapping[str, Any], folders: Mapping[str, Path], path: Path) -> None:
    """Draw the first samples of each contender at the last time, one row each. Nothing is selected."""
    from PIL import Image, ImageDraw

    minute = results["protocol"]["minutes"][-1]
    rows = []
    for name, contender in results["contenders"].items():
        samples = np.load(folders[name] / f"samples-{minute:g}.npy", mmap_mode="r")[:IMAGES]
        row = np.concatenate(list(samples), axis=1).repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
        rows.append((f"{contender['title']}, {minute:g} minutes on one core", row))
    height = rows[0][1].shape[0] + STRIP
    picture = Image.new("RGB", (rows[0][1].shape[1], height * len(rows)), "white")
    pen = ImageDraw.Draw(picture)
    for number, (title, row) in enumerate(rows):
        pen.text((4, height * number + 3), title, fill="black", font_size=14)
        picture.paste(Image.fromarray(row), (0, height * number + STRIP))
    report.save_small(picture, path)


if __name__ == "__main__":
    main()
