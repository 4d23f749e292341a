"""Tests the side effects of loading, generating and training: files in HOME, sockets, threads. Each test starts a new
process.

``ORT_DISABLE_TELEMETRY`` is taken out of the environment, because a developer may have set it.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest

DROPPED = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "HF_HOME", "GANZOO_CACHE", "KERAS_HOME")
THREADS = "\nimport os\nprint('threads:', len(os.listdir('/proc/self/task')))"
GENERATE = "import ganzoo\nganzoo.load('faces-64', threads=1).generate(7)"
TRAIN = """
import ganzoo
run = ganzoo.train('dense-ring8', steps=2, quiet=True)
bundle = ganzoo.export(run, formats=["fp16"])
ganzoo.load(bundle).sample([0])
"""
WAIT = "\nimport time; time.sleep(12)"
"""The telemetry of ONNX Runtime looks for its host after ten seconds."""
OUTSIDE = re.compile(r"(?:connect|sendto|sendmsg|sendmmsg)\(.*AF_INET6?, .*")
LIBRARIES = re.compile(r"\.keras/keras\.json|\.cache/matplotlib/fontlist-.*\.json")
"""What Keras writes, and matplotlib, which Keras imports: settings and a list of the fonts."""
LOOPBACK = ('"127.0.0.1"', '"::1"', "htons(0)")

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


class Fresh:
    """A new HOME and working folder, and processes that see no others."""

    def __init__(self, folder):
        self.home, self.work, self.calls = folder / "home", folder / "work", folder / "calls.txt"
        self.home.mkdir()
        self.work.mkdir()

    def run(self, code, *, traced=False, **settings):
        environment = {name: value for name, value in os.environ.items() if name not in DROPPED}
        environment |= {"HOME": str(self.home), **settings}
        trace = ["strace", "-f", "-qq", "-e", "trace=network", "-o", str(self.calls)] if traced else []
        done = subprocess.run(
            [*trace, sys.executable, "-c", code],
            cwd=self.work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def files(self):
        """Files in HOME, relative to it, but for those of ``LIBRARIES``."""
        return [name for name in self.all_files() if not LIBRARIES.fullmatch(name)]

    def all_files(self):
        """Files in HOME, relative to it."""
        return sorted(path.relative_to(self.home).as_posix() for path in self.home.rglob("*") if path.is_file())

    def sent(self):
        """System calls that name a machine other than this one."""
        lines = OUTSIDE.findall(self.calls.read_text(errors="replace"))
        return [line for line in lines if not any(place in line for place in LOOPBACK)]


@pytest.fixture
def fresh(tmp_path):
    return Fresh(tmp_path)


@pytest.mark.slow
def test_generating_writes_nothing_into_home(fresh):
    fresh.run(GENERATE)
    assert fresh.all_files() == []


@pytest.mark.slow
@linux
def test_generating_starts_no_thread(fresh):
    """NumPy's own are turned off, and ONNX Runtime was asked for one, which is the program's."""
    assert fresh.run(GENERATE + THREADS, OPENBLAS_NUM_THREADS="1").split() == ["threads:", "1"]


@needs_strace
@pytest.mark.slow
def test_generating_sends_nothing(fresh):
    fresh.run(GENERATE + WAIT, traced=True)
    assert fresh.sent() == []


@pytest.mark.slow
def test_training_writes_nothing_of_its_own_into_home_and_sends_nothing(fresh):
    traced = shutil.which("strace") is not None
    fresh.run(TRAIN + WAIT, traced=traced)
    assert ".keras/keras.json" in fresh.all_files(), "Keras looked for HOME here"
    assert fresh.files() == []
    assert not traced or fresh.sent() == []


@pytest.mark.slow
def test_a_float16_export_alone_writes_nothing_of_its_own_into_home(fresh):
    """It imports a part of ONNX Runtime of its own."""
    fresh.run(
        "from ganzoo.environment.tensorflow import import_tensorflow; import_tensorflow()\n"
        "import keras; from ganzoo.exporters import exporters\n"
        "x = keras.Input((2,), name='latent'); model = keras.Model([x], keras.layers.Dense(2)(x))\n"
        "from pathlib import Path\n"
        "exporters.get('onnx')(precision='float16').write(model, Path('model.onnx'))"
    )
    assert ".keras/keras.json" in fresh.all_files(), "Keras looked for HOME here"
    assert fresh.files() == []


def test_a_user_who_wants_the_telemetry_keeps_it(fresh):
    fresh.run(GENERATE + "\nimport os; assert os.environ['ORT_DISABLE_TELEMETRY'] == '0'", ORT_DISABLE_TELEMETRY="0")


def test_onnx_runtime_that_was_imported_earlier_records_no_more(fresh):
    """Its own first event cannot be taken back; the variable is left alone, because it has no effect any more."""
    fresh.run(
        "import onnxruntime\n"
        "calls = []\n"
        "onnxruntime.disable_telemetry_events = lambda: calls.append(1)\n" + GENERATE + "\nassert calls\n"
        "import os; assert 'ORT_DISABLE_TELEMETRY' not in os.environ"
    )
