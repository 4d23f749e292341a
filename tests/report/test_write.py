"""Tests ``ganzoo report``: one run, several runs, and the mistakes of a user."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ganzoo.cli.main import app
from ganzoo.report.write import write_report
from ganzoo.runs import Run

from .conftest import line


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs ``ganzoo`` in the folder of the runs."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        result = CliRunner().invoke(app, list(arguments), prog_name="ganzoo")
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return run


def test_one_run(command, make_run, tmp_path):
    make_run(pictures=[10])
    assert command("report").stdout == "runs/tiny/001/report.html\n"
    text = (tmp_path / "runs/tiny/001/report.html").read_text()
    assert '<meta name="ganzoo-state" content="interrupted">' in text
    assert "ganzoo train --resume tiny/001" in text
    command("report", "tiny/1")  # it replaces its own file
    assert command("report", "tiny", "-o", "out/mine.html").stdout == "out/mine.html\n"
    assert command("report", "tiny", "-o", "out").stdout == "out/report.html\n"
    assert command("report", "tiny", "-o", "-").stdout.startswith("<!doctype html>")


def test_several_runs(command, make_run, tmp_path):
    make_run("one")
    make_run("two")
    assert command("report", "one", "two", "one/001").stdout == "report.html\n"
    text = (tmp_path / "report.html").read_text()
    assert "<h1>2 runs</h1>" in text
    assert "one/001, two/001" in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tin"], "No run 'tin'"),
        (["tiny", "nosuch"], "No run 'nosuch'"),
        (["tiny", "-o", "x.pdf"], "the suffix must be one of .html, .htm"),
        (["tiny", "-o", "runs/tiny/001/config.yaml/x.html"], "Cannot write"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes(command, make_run, arguments, words):
    make_run()
    result = command("report", *arguments, code=2)
    assert result.stdout == ""
    assert words in result.stderr
    assert result.stderr.count("Error: ") == 1


def test_names_that_are_not_utf8(command, make_run, tmp_path):
    """In the log, as the collapse watch names a class, and in the path."""
    name = os.fsdecode(b"kl\xe4\xdfe")
    warning = {"kind": "collapse", "text": f"class {name}"}
    run = make_run("tiny", [line(step, warnings=[warning]) for step in (10, 20)])
    moved = Run(run.folder.rename(tmp_path / name))
    assert "class kl\\udce4\\udcdfe" in write_report([moved]).read_text(encoding="utf-8")


def test_no_runs(command):
    assert "No runs in" in command("report", code=2).stderr


def test_a_file_of_somebody_else_is_not_replaced(command, make_run, tmp_path):
    make_run("one")
    make_run("two")
    (tmp_path / "report.html").write_text("mine")
    assert "is not a report of ganzoo" in command("report", "one", "two", code=2).stderr
    assert (tmp_path / "report.html").read_text() == "mine"
    command("report", "one", "two", "-o", "report.html")
    assert (tmp_path / "report.html").read_text() != "mine"


def test_a_log_that_a_killed_training_left(make_run):
    run = make_run()
    path = run.folder / "log.jsonl"
    path.write_text(json.dumps(line(10)) + "\n" + json.dumps(line(20))[:30])
    assert "Step 10 of 100" in write_report([run]).read_text()
    path.write_text(json.dumps(line(20))[:30])
    assert "The training stopped before its first logged numbers." in write_report([run]).read_text()
    assert "<h1>2 runs</h1>" in write_report([run, make_run("other")], run.folder / "both.html").read_text()


def test_no_slow_library_is_imported(make_run, tmp_path):
    make_run(pictures=[10])
    code = """
import sys
from ganzoo.cli.main import main
sys.argv = ["ganzoo", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print(sorted({"tensorflow", "keras", "onnxruntime", "matplotlib"} & sys.modules.keys()))
"""
    for arguments in (["report"], ["--help"]):
        program = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stdout.splitlines()[-1] == "[]", done.stderr
