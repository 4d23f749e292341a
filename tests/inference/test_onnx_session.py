"""A loaded generator in other processes and threads: forked, spawned, pickled, copied."""

import contextlib
import copy
import os
import pickle
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tiny_bundles

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.inference.onnx_session import OnnxSession

ROOT = Path(__file__).parents[2]
LIMIT = 60.0
"""Seconds after which a program counts as hanging."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bundles.image_bundle(tmp_path_factory.mktemp("session") / "b").folder


@pytest.fixture(scope="module")
def expected(folder):
    return ganzoo.load(folder).sample(range(6))


def run(folder, code):
    """The output of a program in which ``generator`` is loaded and has run; it must end by itself, with 0."""
    program = folder.parent / "program.py"
    head = f"""
        import multiprocessing, os, sys
        import numpy as np
        import ganzoo

        def total(seed):
            return int(generator.sample([seed]).sum())

        def total_of(made, seed):
            return int(made.sample([seed]).sum())

        if multiprocessing.current_process().name == "MainProcess":
            generator = ganzoo.load({str(folder)!r}, threads=2)
            generator.generate(0)
    """
    body = textwrap.indent(textwrap.dedent(code), "    ")
    program.write_text(f"{textwrap.dedent(head)}\nif __name__ == '__main__':\n{body}", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)  # a developer may have set it; ganzoo must do so itself
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def totals(expected):
    return [str(int(image.sum())) for image in expected]


@pytest.mark.parametrize("use", ["None", "generator.generate(1)", "ganzoo.load(generator.bundle.folder).generate(1)"])
def test_a_forked_child_ends_by_itself_whether_it_generates_or_not(folder, use):
    code = f"""
        for _ in range(3):
            child = os.fork()
            if not child:
                {use}
                sys.exit(0)
            print(os.waitpid(child, 0)[1])
        generator.generate(1)
    """
    assert run(folder, code) == ["0", "0", "0"]


@pytest.mark.slow
def test_a_fork_of_a_fork_while_other_threads_generate(folder, expected):
    code = """
        import threading
        stop = threading.Event()
        def work():
            while not stop.is_set():
                generator.sample([0])
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for seed in range(6):
            child = os.fork()
            if not child:
                inner = os.fork()
                if not inner:
                    print(total(seed), flush=True)
                    sys.exit(0)
                sys.exit(os.waitpid(inner, 0)[1])
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
    """
    assert run(folder, code) == totals(expected)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_start_methods_of_multiprocessing(folder, expected, method):
    code = f"""
        import functools
        with multiprocessing.get_context({method!r}).Pool(2) as pool:
            print(*pool.map(functools.partial(total_of, generator), range(6), chunksize=3))
    """
    assert run(folder, code) == totals(expected)


def test_concurrent_futures_with_an_inherited_generator(folder, expected):
    code = """
        from concurrent.futures import ProcessPoolExecutor
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            print(*pool.map(total, range(6)))
    """
    assert run(folder, code) == totals(expected)


def test_joblib(folder, expected):
    code = """
        from joblib import Parallel, delayed
        print(*Parallel(n_jobs=2)(delayed(total_of)(generator, seed) for seed in range(6)))
    """
    assert run(folder, code) == totals(expected)


SERVER = """
import ganzoo
generator = ganzoo.load({folder!r}, threads=2)
generator.generate(0)

def app(environment, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(int(generator.sample([int(environment["PATH_INFO"][1:])]).sum())).encode()]
"""


def test_gunicorn_with_preload(folder, expected, tmp_path):
    (tmp_path / "server.py").write_text(SERVER.format(folder=str(folder)), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "gunicorn", "--preload", "-w", "2", "-b", address, "--chdir", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)  # a developer may have set it; ganzoo must do so itself
    log = tmp_path / "log"
    with log.open("w") as file:
        server = subprocess.Popen([*command, "server:app"], env=environment, stdout=file, stderr=file)
    try:
        answers = [_answer(f"http://{address}/{seed % 6}") for seed in range(12)]
        server.terminate()
        assert server.wait(LIMIT) == 0
    finally:
        server.kill()
        server.wait()
    assert answers == 2 * totals(expected)
    text = log.read_text()
    for word in ("SIGSEGV", "SIGKILL", "SIGABRT", "TIMEOUT"):
        assert word not in text, text


def _answer(url):
    end = time.monotonic() + LIMIT
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()
        assert time.monotonic() < end, "no answer"
        time.sleep(0.1)


@pytest.mark.parametrize("copied", [lambda g: pickle.loads(pickle.dumps(g)), copy.deepcopy, copy.copy])
def test_a_copy_makes_the_same_even_when_the_bundle_has_gone(tmp_path, expected, copied):
    folder = tiny_bundles.image_bundle(tmp_path / "b").folder
    generator = ganzoo.load(folder, device="cpu", threads=1)
    shutil.rmtree(folder)
    other = copied(generator)
    del generator
    np.testing.assert_array_equal(other.sample(range(6)), expected)
    assert other.device == "cpu"
    assert (other.name, other.shape, other.batch_size) == ("tiny", (8, 8, 3), 256)


def test_a_copy_that_cannot_run_here_is_one_line(folder, monkeypatch):
    content = pickle.dumps(ganzoo.load(folder))
    monkeypatch.setattr("ganzoo.inference.onnx_runtime.find_spec", lambda name: None)
    with pytest.raises(GanzooError, match="ONNX Runtime is not installed"):
        pickle.loads(content).sample([0])


def test_many_threads_share_one_generator(folder, expected):
    generator = pickle.loads(pickle.dumps(ganzoo.load(folder)))
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda seed: generator.sample([seed % 6])[0], range(60)))
    for seed, image in enumerate(made):
        np.testing.assert_array_equal(image, expected[seed % 6])


def test_threads_open_one_session_between_them(folder, monkeypatch):
    opened = []
    real = onnxruntime.InferenceSession

    def slow(*arguments, **options):
        opened.append(1)
        time.sleep(0.1)
        return real(*arguments, **options)

    session = pickle.loads(
        pickle.dumps(OnnxSession((folder / "onnx/model.onnx").read_bytes(), name="tiny", device="cpu"))
    )
    monkeypatch.setattr(onnxruntime, "InferenceSession", slow)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: session.device, range(8)))
    assert len(opened) == 1


def test_cuda_after_a_fork_is_one_line_and_auto_takes_the_cpu(folder, monkeypatch):
    """CUDA never works in a child of a process that has used it."""
    content = (folder / "onnx/model.onnx").read_bytes()
    for asked in ("auto", "cuda"):
        monkeypatch.setattr(
            "ganzoo.inference.onnx_session.make_session", lambda *_, device, threads: (object(), "cuda")
        )
        session = OnnxSession(content, name="tiny", device=asked)
        assert session.device == "cuda"
        monkeypatch.setattr(
            "ganzoo.inference.onnx_session.make_session", lambda *_, device, threads: (object(), device)
        )
        session.abandon()
        if asked == "auto":
            assert session.device == "cpu"
        else:
            with pytest.raises(GanzooError, match="spawn") as caught:
                _ = session.device
            assert "\n" not in str(caught.value)


def test_as_many_threads_run_as_there_are_cores(folder, monkeypatch):
    """ONNX Runtime never gives back the memory of runs that happened at the same time."""
    monkeypatch.setattr("ganzoo.inference.onnx_session.cpu_count", lambda: 3)
    session = OnnxSession((folder / "onnx/model.onnx").read_bytes(), name="b", device="cpu")
    lock, running, most = threading.Lock(), [0], [0]

    class Slow:
        def run(self, outputs, feed):
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.01)
            with lock:
                running[0] -= 1
            return []

    session._opened = session._opened._replace(session=Slow())
    with ThreadPoolExecutor(24) as pool:
        list(pool.map(lambda number: session.run(None, {}), range(100)))
    assert most[0] == 3
