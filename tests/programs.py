"""Runs Python programs that use TensorFlow, each in a process of its own, without importing TensorFlow each time.

The import takes longer than most of these programs. So one process imports TensorFlow and Keras, and nothing else, and
is forked for each program. The program imports ganzoo itself, with its own variables, folder and arguments. Tests of
the import itself, of signals or of a program without TensorFlow start an ordinary process instead.
"""

import contextlib
import functools
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile


def run(arguments, *, folder, environment):
    """Run ``python *arguments`` in a folder, like ``subprocess.run(..., capture_output=True, text=True)``."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        files = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (stdout, stderr)]
        job = {"arguments": arguments, "folder": str(folder), "environment": environment, "files": files}
        server = _server()
        try:
            print(json.dumps(job), file=server.stdin, flush=True)
            code = int(server.stdout.readline())
        except BaseException:  # a timeout, Ctrl-C, or the server is gone
            _server.cache_clear()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            raise
        for file in (stdout, stderr):
            file.seek(0)
        return subprocess.CompletedProcess([sys.executable, *arguments], code, stdout.read(), stderr.read())


@functools.cache
def _server():
    """The process that is forked. It ends when this process closes its standard input, or ends."""
    return subprocess.Popen(
        [sys.executable, __file__],
        env=os.environ | {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def _serve():
    """Fork for each line of the standard input. Returns the job in the new process, and None at the end."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return json.loads(line)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def _become(job):
    """Turn this process into ``python *arguments``, as far as a program can see."""
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    for number, path in enumerate([os.devnull, *job["files"]]):
        file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    first, *rest = job["arguments"]
    if first == "-m":
        sys.path[0], sys.argv = "", rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.path[0], sys.argv = "", ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.path[0], sys.argv = os.path.dirname(os.path.abspath(first)), [first, *rest]  # noqa: PTH100, PTH120
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    gc.freeze()  # the collector of a new process does not copy the memory of these modules
    if asked := _serve():
        _become(asked)
