"""An ONNX Runtime session that works after fork, spawn, pickle and copy: every process opens its own session.

After a fork, the child has the parent's session without its threads. Running this session hangs, and destroying it
hangs, too, which Python does when the child exits. So the child keeps it unused and opens a new session from the same
bytes.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, NamedTuple

from ganzoo.arguments import whole_number
from ganzoo.environment.devices import cpu_count
from ganzoo.errors import GanzooError
from ganzoo.inference.onnx_runtime import Device, make_session, reason_of


class _Opened(NamedTuple):
    """An ONNX Runtime session, its device, and the process that opened it."""

    session: Any
    device: str
    pid: int


class OnnxSession:
    """Runs an ONNX graph in any process and thread.

    Args:
        content: bytes of an ONNX file that ``onnx_guard`` has accepted. They are kept for other processes.
        name: name of the model, for errors.
        device: "cpu", "cuda", or "auto" for CUDA if it works and the CPU otherwise.
        threads: CPU threads of one run; by default one per core.

    Raises:
        MissingDependencyError: if ONNX Runtime is missing, installed twice, or cannot use the device "cuda".
        BundleError: if ONNX Runtime refuses the graph.
        GanzooError: if an argument is out of range.
    """

    def __init__(self, content: bytes, *, name: str, device: Device = "auto", threads: int | None = None) -> None:
        if threads is not None:
            threads = whole_number(threads, low=1, high=1024, what="Threads are a whole number from 1 to 1024")
        self.__setstate__({"content": content, "name": name, "device": device, "threads": threads})
        self._current()

    @property
    def device(self) -> str:
        """The device in this process: "cpu" or "cuda"."""
        return self._current().device

    def run(self, outputs: tuple[str, ...] | None, feed: dict[str, Any]) -> list[Any]:
        """The arrays of ``outputs`` (by default all) for the inputs in ``feed``.

        Raises:
            GanzooError: if the run fails, for example because the GPU's memory is full, or if this process cannot open
                a session.
        """
        opened = self._current()
        try:
            with self._turns:
                arrays: list[Any] = opened.session.run(outputs, feed)
        except Exception as error:  # the errors of ONNX Runtime have no other common base
            text = f"ONNX Runtime could not run '{self._name}' on {opened.device}: {reason_of(error)}."
            advice = " Check with nvidia-smi which programs use the GPU, or use device='cpu' (--device cpu)."
            raise GanzooError(text + advice * (opened.device == "cuda")) from error
        return arrays

    def __getstate__(self) -> dict[str, Any]:
        return {"content": self._content, "name": self._name, "device": self._asked, "threads": self._threads}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._content: bytes = state["content"]
        self._name: str = state["name"]
        self._asked: Device = state["device"]
        self._threads: int | None = state["threads"]
        self._opened: _Opened | None = None
        self._lock = threading.Lock()
        self._turns = _turns()
        self._parent_device: str | None = None
        _SESSIONS.add(self)

    def _current(self) -> _Opened:
        opened = self._opened
        return opened if opened is not None and opened.pid == os.getpid() else self._open()

    def _open(self) -> _Opened:
        if self._opened is not None and self._opened.pid != os.getpid():
            self.abandon()  # a fork without Python's fork hooks
        with self._lock:
            if self._opened is None:
                session, device = make_session(self._content, device=self._usable_device(), threads=self._threads)
                self._opened = _Opened(session, device, os.getpid())
            return self._opened

    def _usable_device(self) -> Device:
        if self._parent_device != "cuda":
            return self._asked
        if self._asked == "cuda":
            raise GanzooError(
                "CUDA cannot be used in a process that was forked from a process that uses it. "
                "Start the process with multiprocessing.get_context('spawn'), or use device='cpu' (--device cpu)."
            )
        return "cpu"

    def abandon(self) -> None:
        """In a forked child: drop the parent's session without destroying it."""
        self._lock, self._turns = threading.Lock(), _turns()  # other threads of the parent may have held them
        if self._opened is not None:
            _keep_for_ever(self._opened.session)
            self._parent_device = self._opened.device
            self._opened = None


def _turns() -> threading.Semaphore:
    """Lets as many threads run a session at the same time as there are cores.

    ONNX Runtime keeps the memory of the most runs that ever happened at the same time (``benchmarks/soak.py``).
    """
    return threading.Semaphore(cpu_count())


_SESSIONS: weakref.WeakSet[OnnxSession] = weakref.WeakSet()


def _abandon_all() -> None:
    for session in list(_SESSIONS):
        session.abandon()


def _keep_for_ever(session: object) -> None:
    """Add a reference that is never released, so that the object is not destroyed when the interpreter ends."""
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
