"""The tables of BENCHMARKS.md equal the results, and every study can be read."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
STUDIES = sorted(path.stem for path in (ROOT / "benchmarks/studies").glob("*.yaml"))


@pytest.fixture
def report(monkeypatch):
    return script("report", monkeypatch)


@pytest.fixture
def curves(report, monkeypatch):
    return script("curves", monkeypatch)


def script(name, monkeypatch):
    """Import a file of ``benchmarks/``, which is not a package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"benchmarks/{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_tables_of_the_results(report):
    text = report.PAGE.read_text(encoding="utf-8")
    assert report.filled(text) == text, "run python benchmarks/report.py"
    assert text.count("<!-- study:") >= 1


PAGES = [ROOT / "BENCHMARKS.md", ROOT / "benchmarks/README.md", *sorted((ROOT / "benchmarks/notes").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_has_a_target(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
            assert anchor in anchors, link


def test_every_study_has_notes_and_a_table():
    text = (ROOT / "BENCHMARKS.md").read_text(encoding="utf-8")
    for name in STUDIES:
        assert f"<!-- study: {name} -->" in text
        assert f"(benchmarks/notes/{name}.md)" in text


def test_a_study_is_due_seed_by_seed_and_a_row_may_have_seeds_of_its_own(curves, monkeypatch):
    study = {"seeds": [0, 1], "rows": {"a": {}, "b": {"seeds": [0, 2]}}, "results": {"b": {"0": {}}}}
    missing = script("study", monkeypatch)._missing
    assert missing(study, "*") == [("a", 0), ("a", 1), ("b", 2)]
    assert missing(study, "b") == [("b", 2)]


def entry(value, *, newest=None, floor=0.5):
    numbers = {"frechet": {"value": value, "floor": floor, "label": "frechet (small_cnn)"}}
    last = numbers if newest is None else {"frechet": {"value": newest, "floor": floor}}
    measured = {"best": numbers, "newest": last}
    return {
        "run": "m/001",
        "steps": 2000,
        "seconds": 120,
        "images_per_second": 50.0,
        "best_step": 1000,
        "measured": measured,
        "warnings": ["recall"],
    }


def test_a_row_is_the_mean_over_its_seeds(report):
    study = {"columns": "recipe", "rows": {"a": {}, "b": {}}, "results": {"a": {"0": entry(2.0), "1": entry(4.0)}}}
    lines = report.table(study).splitlines()
    assert lines[0].startswith(
        "| recipe | seeds | minutes | steps | samples/s | best step | Frechet distance ↓ |"
        " last step: Frechet distance ↓ |"
    )
    assert "| a | 2 | 2 | 2,000 |" in lines[2]
    assert "| 3 (2 to 4) | 3 (2 to 4) | recall |" in lines[2]
    assert lines[3].startswith("| real samples |")
    assert "| 0.5 |" in lines[3]
    assert len(lines) == 4, "a row without results is left out"
    study["results"] = {"b": {"0": entry(2.0, newest=9.0)}}
    assert "| 2 | 9 | recall |" in report.table(study)


def test_every_kind_of_data_has_its_floor(report):
    results = {"b": {"0": entry(2.0, floor=0.2)}, "a": {"0": entry(2.0)}, "c": {"0": entry(2.0)}}
    study = {"columns": "data", "rows": {"a": {}, "b": {}, "c": {}}, "results": results}
    lines = report.table(study).splitlines()[-2:]
    assert lines == [
        "| real samples, data of: a | | | | | | 0.5 | | |",
        "| real samples, data of: b | | | | | | 0.2 | | |",
    ]


def test_large_numbers_of_real_samples_are_written_out(report):
    study = {"columns": "data", "rows": {"a": {}}, "results": {"a": {"0": entry(141.0, floor=1000.0)}}}
    assert report.table(study).splitlines()[-1] == "| real samples | | | | | | 1,000 | | |"


@pytest.mark.parametrize("name", STUDIES)
def test_every_row_of_every_study_is_a_model(report, name, tmp_path):
    import yaml

    from ganzoo.config.zoo import load_config

    study = report.read(name)
    for row in study["rows"].values():
        model = row["config"]
        if not isinstance(model, str):
            model = tmp_path / "model.yaml"
            model.write_text(yaml.safe_dump(row["config"]), encoding="utf-8")
        load_config(str(model), row.get("changes", ()))
    assert set(study["results"]) <= set(study["rows"]), "results of removed rows"


def test_a_chart_has_a_line_for_every_seed_in_the_order_of_the_rows(curves):
    first = {"curve": [{"step": 10, "seconds": 60, "frechet (pixels)": 9.0, "modes": 2.0}, {"step": 20, "seconds": 90}]}
    second = {"curve": [{"step": 10, "seconds": 30.0, "frechet (pixels)": 7.0}]}
    study = {"rows": {"a": {}, "b": {}, "c": {}}, "results": {"b": {"0": first, "1": second}, "a": {"0": second}}}
    found = curves.lines(study, "frechet", "minutes")
    assert found == {"a": [([0.5], [7.0])], "b": [([1.0], [9.0]), ([0.5], [7.0])]}
    assert list(found) == ["a", "b"]
    assert curves.lines(study, "frechet", "steps")["b"] == [([10], [9.0]), ([10], [7.0])]


def test_the_charts_are_of_numbers_that_are_measured(report):
    wanted = {name: study["curve"] for name in STUDIES if "curve" in (study := report.read(name))}
    assert wanted
    for name, curve in wanted.items():
        assert curve["number"] in report.NUMBERS, name
        assert curve["against"] in ("steps", "minutes"), name


def test_a_picture_is_not_replaced_by_one_without_all_rows(report, tmp_path, capsys):
    study = {"rows": {"a": {}}, "results": {"a": {"0": entry(2.0)}}}
    report.draw(study, tmp_path / "runs", tmp_path / "picture.png")
    assert "picture.png was not changed: the run of 'a'" in capsys.readouterr().out
    assert not (tmp_path / "picture.png").exists()


@pytest.mark.parametrize("other", [None, 3.0], ids=["no run", "another run of its name"])
def test_a_row_whose_run_is_gone_keeps_its_samples(report, tmp_path, monkeypatch, other):
    path, runs = tmp_path / "picture.png", tmp_path / "runs"
    report.sheet({"gone": np.full((2, 3, 1), 7, np.uint8), "b": np.full((4, 5, 3), 9, np.uint8)}, path)
    both = {"1": entry(4.0) | {"run": "m/002"}, "0": entry(2.0)}  # the least seed is drawn, in whatever order they came
    study = {"rows": {"new": {}, "gone": {}}, "results": {"new": both, "gone": {"0": entry(2.0) | {"run": "gone/001"}}}}
    measured(runs / "m/001", 2.0)
    if other is not None:
        measured(runs / "gone/001", other)
    monkeypatch.setattr(report, "_samples", lambda run: np.full((6, 5, 3), 200, np.uint8))
    report.draw(study, runs, path)
    drawn = pixels(path)
    assert drawn.shape == (8, 5, 3)
    assert (drawn[:6] == 200).all()
    assert (drawn[6:, :3] == 7).all()


def measured(run, value):
    """A run's folder with what it was measured at."""
    run.mkdir(parents=True)
    (run / "best.json").write_text(json.dumps({"metrics": {"frechet (small_cnn)": {"value": value}}}))


def test_a_damaged_picture_has_no_samples_to_keep(report, tmp_path, capsys):
    path = tmp_path / "picture.png"
    report.sheet({"a": np.random.RandomState(0).randint(0, 256, (64, 768, 3), np.uint8)}, path)
    path.write_bytes(path.read_bytes()[:10_000])
    report.draw({"rows": {"a": {}}, "results": {"a": {"0": entry(2.0)}}}, tmp_path / "runs", path)
    assert "picture.png was not changed" in capsys.readouterr().out


def test_lines_of_images_come_below_each_other_and_plots_beside(report, tmp_path):
    path = tmp_path / "picture.png"
    report.sheet({"gray": np.full((2, 3, 1), 7, np.uint8), "wide": np.full((4, 5, 3), 9, np.uint8)}, path)
    drawn = pixels(path)
    assert drawn.shape == (6, 5, 3)
    assert (drawn[:2, :3] == 7).all()
    assert (drawn[:2, 3:] == 0).all()
    assert (drawn[2:] == 9).all()
    report.sheet({"a": np.full((4, 4, 3), 7, np.uint8), "b": np.full((4, 4, 3), 9, np.uint8)}, path)
    drawn = pixels(path)
    assert drawn.shape == (4, 8, 3)
    assert (drawn[:, 4:] == 9).all()


def test_the_workers_of_a_killed_study_end(tmp_path):
    starts = tmp_path / "starts.py"
    starts.write_text(
        "import multiprocessing, sys, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import study\n"
        "if __name__ == '__main__':\n"
        "    spawn = multiprocessing.get_context('spawn')\n"
        "    shares = spawn.Queue()\n"
        "    shares.put(study._shares(1)[0])\n"
        "    pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=study._take, initargs=(shares,))\n"
        "    pool.submit(print, 'at work', flush=True).result()\n"
        "    pool.submit(time.sleep, 300).result()\n",
        encoding="utf-8",
    )
    started = subprocess.Popen([sys.executable, starts, ROOT / "benchmarks"], stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "at work\n"
    started.kill()
    started.communicate(timeout=60)  # until all processes have closed the pipe: it is also the worker's output


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.slow
def test_a_kill_at_points_of_preparing_data_changes_nothing():
    """``kill_points.py`` kills at every point of every operation. This is a sample of one."""
    arguments = [sys.executable, str(ROOT / "benchmarks/kill_points.py"), "--only", "preparing", "--every", "6"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| preparing")]
    name, kills, missed, _, wrong = (cell.strip() for cell in row.strip("|").split("|"))
    assert (name, missed, wrong) == ("preparing a folder of photographs", "0", "nothing")
    assert int(kills) >= 3


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux") or shutil.which("cc") is None, reason="needs Linux and cc")
def test_a_disk_that_fails_at_points_of_saving_a_checkpoint_loses_nothing():
    """``disk_faults.py`` fails at every point of every operation. This is a sample of one."""
    arguments = [sys.executable, str(ROOT / "benchmarks/disk_faults.py"), "--only", "saving a", "--every", "3"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| saving")]
    name, places, *faults, _, _, wrong = (cell.strip() for cell in row.strip("|").split("|"))
    assert (name, wrong) == ("saving a checkpoint", "nothing")
    assert int(places) >= 4
    assert sum(int(count) for count in faults) >= 4


@pytest.mark.slow
def test_broken_images_are_named_and_the_others_read():
    """``broken_images.py`` has 100,000 images; here are 1,200, one of each broken kind."""
    arguments = [sys.executable, str(ROOT / "benchmarks/broken_images.py"), "--images", "1200"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("names each") == 5
    assert "1,200 files, 1,195 samples." in done.stdout
