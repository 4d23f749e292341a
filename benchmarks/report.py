"""Writes the tables of BENCHMARKS.md and draws the sample pictures of the studies.

    python benchmarks/report.py               # writes the table of every study into BENCHMARKS.md
    python benchmarks/report.py recipes       # prints the table of one study

The numbers are read from ``benchmarks/results/``, where ``study.py`` saves them.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
RESULTS, STUDIES, PICTURES = HERE / "results", HERE / "studies", HERE / "pictures"
PAGE = HERE.parent / "BENCHMARKS.md"
NUMBERS = {
    "frechet": "Frechet distance ↓",
    "precision": "precision ↑",
    "recall": "recall ↑",
    "density": "density ↑",
    "coverage": "coverage ↑",
    "duplicates": "duplicates ↓",
    "copies": "copies ↓",
    "modes": "modes found ↑",
    "high_quality": "share within 3 sigma ↑",
    "reverse_kl": "reverse KL ↓",
}
"""Metric name -> column title. A table has the columns that its study measures, at the best step. The first of these
metrics gets a second column, for the last step. An arrow shows the better direction."""
COLUMNS = 12
"""Images per row in the picture of an image study."""
POINTS, SIDE = 2500, 192
"""Points in the plot of a vector study, and the side of the plot in pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", help="a file in benchmarks/studies/, without its suffix")
    study = parser.parse_args().study
    if study is None:
        write()
    else:
        print(table(read(study)))


def read(name: str) -> dict[str, Any]:
    """Read a study's YAML file and add its measurements under "results": row label -> seed -> entry."""
    path = STUDIES / f"{name}.yaml"
    if not path.is_file():
        available = ", ".join(sorted(found.stem for found in STUDIES.glob("*.yaml")))
        raise SystemExit(f"Unknown study '{name}'. Available: {available}")
    study: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    kept = RESULTS / f"{name}.json"
    return study | {"results": json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}}


def write() -> None:
    """Write every table into BENCHMARKS.md, between the two comments that mark its study."""
    from ganzoo.images import write_atomic

    text = PAGE.read_text(encoding="utf-8")
    write_atomic(PAGE, filled(text).encode())


def filled(text: str) -> str:
    """Return the text of BENCHMARKS.md with its tables rebuilt from the current results."""

    def tabled(found: re.Match[str]) -> str:
        return f"{found[1]}\n{table(read(found[2]))}\n{found[3]}"

    return re.sub(r"(<!-- study: (\w+) -->)\n.*?(<!-- end -->)", tabled, text, flags=re.DOTALL)


def table(study: Mapping[str, Any]) -> str:
    """Return the results as a Markdown table: means over seeds, with the minimum and maximum if they differ."""
    results = study["results"]
    if not results:
        return "Nothing has been measured yet."
    names = [name for name in NUMBERS if any(name in entry["measured"]["best"] for entry in _entries(results))]
    titles = [study["columns"], "seeds", "minutes", "steps", "samples/s", "best step", *(NUMBERS[n] for n in names)]
    titles += [f"last step: {NUMBERS[names[0]]}", "collapse warnings"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for label in study["rows"]:
        entries = list(results.get(label, {}).values())
        if not entries:
            continue
        cells = [label, str(len(entries)), _spread([entry["seconds"] / 60 for entry in entries])]
        cells += [_spread([entry[key] for entry in entries]) for key in ("steps", "images_per_second", "best_step")]
        cells += [_spread([entry["measured"]["best"][name]["value"] for entry in entries]) for name in names]
        cells += [_spread([entry["measured"]["newest"][names[0]]["value"] for entry in entries])]
        cells += [", ".join(sorted({kind for entry in entries for kind in entry["warnings"]})) or "-"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, *_floors(study, names)])


def _floors(study: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """One table row with the values of real samples for each data set of the study."""
    found: dict[tuple[str, ...], str] = {}
    for label in study["rows"]:
        for entry in study["results"].get(label, {}).values():
            floors = [entry["measured"]["best"].get(name, {}).get("floor") for name in names]
            found.setdefault(tuple("" if floor is None else _figure(floor) for floor in floors), label)
            break
    several = len(found) > 1
    return [
        f"| real samples{f', data of: {label}' if several else ''} | | | | | | {' | '.join(cells)} | | |"
        for cells, label in found.items()
    ]


def draw(study: Mapping[str, Any], root: Path, path: Path) -> None:
    """Draw samples of the best weights of every row, in the order of the table.

    A row of an image study is a line of images; a row of a vector study is a plot of points. If a row has several
    seeds, the lowest seed is drawn. If the run of a row is not in ``root``, its part of the existing picture is reused.
    """
    parts, kept = {}, _parts(path)
    for label in study["rows"]:
        entries = study["results"].get(label)
        if not entries:
            continue
        entry = entries[min(entries, key=int)]
        if _is_of(root / entry["run"], entry):
            parts[label] = _samples(root / entry["run"])
        elif label in kept:
            parts[label] = kept[label]
        else:
            print(
                f"{path.name} was not changed: the run of '{label}' is not in {root}, and the picture lacks its samples"
            )
            return
    if parts:
        sheet(parts, path)


def _is_of(run: Path, entry: Mapping[str, Any]) -> bool:
    """Whether a run folder is the measured one. A run of another machine can have the same name but other values."""
    measured = run / "best.json"
    if not measured.is_file():
        return False
    found = json.loads(measured.read_text(encoding="utf-8"))["metrics"]
    numbers = entry["measured"]["best"].values()
    return all(found.get(number["label"], {}).get("value") == number["value"] for number in numbers)


def _samples(run: Path) -> Any:
    """Return a run's part of the picture, uint8 ``[h, w, 1 or 3]``."""
    import numpy as np

    import ganzoo
    from ganzoo.sample_sheet import scatter_plot

    generator = ganzoo.load(run)
    if not generator.sample_spec.is_image:
        return scatter_plot(generator.sample(range(POINTS)), size=SIDE)
    return np.concatenate(list(generator.sample(range(COLUMNS))), axis=1)


def sheet(parts: Mapping[str, Any], path: Path) -> None:
    """Save the parts, uint8 ``[h, w, 1 or 3]``, as one PNG: from top to bottom, or side by side if all are square.

    The PNG text field "rows" stores the box of each part. So one part can be replaced without the runs of the rest.
    """
    import numpy as np
    from PIL import Image

    beside = all(part.shape[0] == part.shape[1] for part in parts.values())
    boxes, left, top = {}, 0, 0
    for label, part in parts.items():
        height, width = part.shape[:2]
        boxes[label] = (left, top, left + width, top + height)
        left, top = (left + width, top) if beside else (left, top + height)
    picture = Image.new("RGB", (max(box[2] for box in boxes.values()), max(box[3] for box in boxes.values())))
    for label, part in parts.items():
        picture.paste(Image.fromarray(np.repeat(part, 3 // part.shape[2], axis=2)), boxes[label])
    save_small(picture, path, rows=json.dumps(boxes))


def _parts(path: Path) -> dict[str, Any]:
    """Read the parts that ``sheet`` saved: label -> uint8 ``[h, w, 3]``. Empty if the file is missing or damaged."""
    import numpy as np
    from PIL import Image

    if not path.is_file():
        return {}
    try:
        with Image.open(path) as picture:
            boxes = json.loads(picture.info.get("rows", "{}"))
            return {label: np.asarray(picture.convert("RGB").crop(box)) for label, box in boxes.items()}
    except (OSError, SyntaxError):  # PIL raises these for a truncated file
        return {}


def save_small(picture: Any, path: Path, **texts: str) -> None:
    """Save a PIL image as a PNG with 256 colors. ``texts`` become PNG text fields."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from ganzoo.images import write_atomic

    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    small = picture.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    png = io.BytesIO()
    small.save(png, "PNG", optimize=True, pnginfo=info)
    write_atomic(path, png.getvalue())


def _entries(results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [entry for seeds in results.values() for entry in seeds.values()]


def _spread(values: Sequence[float]) -> str:
    """Format the mean, with the minimum and maximum in brackets if they differ."""
    least, mean, largest = (_figure(value) for value in (min(values), statistics.mean(values), max(values)))
    return mean if least == largest else f"{mean} ({least} to {largest})"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
