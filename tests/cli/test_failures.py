"""Every failure gives a message, an exit code and no traceback. Some tests run the program in a new process."""

import errno
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import ganzoo.__main__
from ganzoo.cli.failures import Commands, explanation
from ganzoo.errors import ConfigError, GanzooError

PROGRAM = [sys.executable, "-m", "ganzoo"]


class ResourceExhaustedError(Exception):
    """Called as TensorFlow calls its own."""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigError("line one\nline two"), "line one\nline two"),
        (ModuleNotFoundError("No module", name="tensorflow.lite"), "pip install 'ganzoo-keras[train]'"),
        (ModuleNotFoundError("No module", name="onnxruntime"), "pip install 'ganzoo-keras[cpu]'"),
        (ImportError("bad library\nmore", name="tensorflow"), "cannot be imported: bad library"),
        (OSError(errno.ENOSPC, "No space left on device", "a.png"), "The disk is full, so 'a.png'"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full, so a file"),
        (PermissionError(errno.EACCES, "Permission denied", "a.png"), "'a.png': Permission denied"),
        (OSError(errno.EIO, "Input/output error"), "Cannot use a file: Input/output error."),
        (OSError(errno.EROFS, "Read-only file system"), "Cannot use a file: Read-only file system."),
        (MemoryError(), "training.batch_size"),
        (ResourceExhaustedError("OOM when allocating"), "training.batch_size"),
        (ResourceExhaustedError("events: No space left on device"), "The disk is full"),
    ],
)
def test_the_table(error, text):
    assert text in explanation(error)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nosuch"], "No such option: --nosuch"),
        (["train", "x", "--max-steps", "nan"], "'--max-steps': received 'nan'; this must be a whole number"),
        (["train", "x", "--max-minutes", "-3"], "'--max-minutes': received '-3'; allowed is 0 or more"),
        (["train", "x", "--max-minutes", "inf"], "received 'inf'; allowed is 0 or more"),
        (["train", "--resume", "--max-minutes", "nan"], "received 'nan'; allowed is 0 or more"),
        (["train", "x", "--seed", "99999999999"], "received '99999999999'; allowed is 2147483647 at most"),
        (["generate", "x", "--label", "a", "--label", "b"], "--label is given 2 times. Use it once."),
        (["evaluate", "x", "--draws", "3", "--draws=2"], "--draws is given 2 times. Use it once."),
        (["generate", "x", "-o", "a.png", "--output", "b.png"], "--output is given 2 times. Use it once."),
        (
            ["train", "dcgan-mnist", "training.hub={every: 100}"],
            "training.hub.repo: this key is required, for example user/name",
        ),
        (["generate", "x", "--device", "tpu"], "'tpu' is not one of 'auto', 'cpu', 'cuda'"),
        (["generate", "x", "-o", "a\0b"], "a path must not contain a null byte"),
        (["interpolate", "x", "a", "1"], "'A': received 'a'; this must be a whole number"),
        (["generate", "~nosuchuser/x"], "this machine has no user 'nosuchuser'"),
        (["data", "check", "~nosuchuser/x"], "this machine has no user 'nosuchuser'"),
        (["list", "--pretrained", "a\x1b[31mb"], None),
    ],
)
def test_a_wrong_word_is_one_line_of_our_own(command, arguments, words):
    result = command(*arguments, code=2 if words else 1)
    assert words is None or words in result.stderr
    assert not any(foreign in result.stderr for foreign in ("Input should", "Value error", "╭", "\x1b"))
    assert len(result.stderr.splitlines()) <= 2


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), ImportError("x", name="somebody_elses"), OSError()])
def test_bugs_keep_their_traceback(error):
    assert explanation(error) is None


@pytest.mark.parametrize(
    ("error", "code"),
    [(GanzooError("wrong"), 2), (KeyboardInterrupt(), 130), (BrokenPipeError(), 141), (typer.Exit(7), 7)],
)
def test_exit_codes(error, code):
    app = typer.Typer(cls=Commands)

    @app.command()
    def fail():
        raise error

    @app.command()
    def other():
        pass

    result = CliRunner().invoke(app, ["fail"])
    assert result.exit_code == code
    assert result.stdout == ""


def test_a_bug_is_raised():
    app = typer.Typer(cls=Commands)

    @app.command()
    def fail():
        raise ValueError("a bug")

    @app.command()
    def other():
        pass

    assert isinstance(CliRunner().invoke(app, ["fail"]).exception, ValueError)


def without(*modules):
    """The program in a process in which these modules are not installed."""
    code = f"import sys; sys.modules.update(dict.fromkeys({modules!r})); from ganzoo.cli.main import main; main()"
    return [sys.executable, "-c", code]


def run(program, *arguments, **options):
    return subprocess.run([*program, *arguments], capture_output=True, text=True, check=False, **options)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["train", "dense-ring8"], ["export"], ["generate", "images"]])
def test_without_tensorflow(trained, arguments):
    done = run(without("tensorflow", "keras"), *arguments)
    assert done.returncode == 2
    assert "pip install 'ganzoo-keras[train]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in (trained / "runs").iterdir()] == ["images"]


def test_without_onnxruntime(bundle):
    done = run(without("onnxruntime"), "generate", "bundle")
    assert done.returncode == 2
    assert "pip install 'ganzoo-keras[cpu]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: The disk is full")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
def test_a_reader_that_leaves():
    program = subprocess.Popen([*PROGRAM, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    program.stdout.close()
    assert program.stderr.read() == ""
    assert program.wait() == 141


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_ctrl_c_saves_and_says_how_to_go_on(points_yaml, place):
    arguments = ["train", "points.yaml", "training.steps=100000000", "training.log_every=5"]
    program = subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = place / "runs/points/001/log.jsonl"
    deadline = time.monotonic() + 300
    while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.1)
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=300)
    assert program.returncode == 130
    assert out == "runs/points/001\n"
    assert "Interrupted and saved at step" in err
    assert "ganzoo train --resume points/001" in err
    assert len(list((place / "runs/points/001/checkpoints").iterdir())) == 1


@pytest.mark.slow
def test_training_is_quiet_where_nobody_watches(points_yaml):
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    done = run(PROGRAM, "train", "points.yaml", env=environment)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    starts = (
        "64 samples (vector of 2 values)",
        "The labels",
        "Run points/001",
        "Device: ",
        "Report, updated during the training: runs/points/001/report.html",
        "points: step: 3 of 3, D loss ",
        "The training was too short for losses.png: ",
        "Report: runs/points/001/report.html",
        "Finished at step 3",
        "  export: ",
        "  generate: ",
    )
    assert len(lines) == len(starts), "no line of TensorFlow"
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True)), done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["--version"], ["runs"]])
def test_light_verbs_start_fast(arguments):
    done = run([sys.executable, "-X", "importtime", "-m", "ganzoo"], *arguments)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert "typer" in imported, "the check sees imports"
    assert not imported & {"numpy", "ganzoo.config.experiment", "tensorflow", "onnxruntime", "huggingface_hub", "PIL"}


def test_ctrl_c_while_the_commands_are_imported_is_one_line(monkeypatch, capsys):
    class Interrupting(types.ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "ganzoo.cli.main", Interrupting("ganzoo.cli.main"))
    with pytest.raises(SystemExit) as end:
        ganzoo.__main__.main()
    assert end.value.code == 130
    assert capsys.readouterr().err == "Interrupted.\n"
