"""Runs the page's JavaScript in Node, without a browser."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest

from ganzoo.web.model_data import SCRIPTS, script

_BEFORE = """
const base64 = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
const message = (action) => { try { action(); } catch (error) { return error.message; } };
const input = JSON.parse(require("fs").readFileSync(0));
const answer = (() => {
"""
_AFTER = "\n})();\nprocess.stdout.write(JSON.stringify(answer));"


def run_node(code: str, given: Any = None) -> Any:
    """What ``code``, the body of a function, returns in one scope with the page's scripts. Values pass as JSON.

    ``code`` sees ``given`` as ``input``. ``base64(array)`` is the content of a typed array, for ``array``, and
    ``message(action)`` the message of the error that ``action()`` throws.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    # As in a page, the scripts have one scope.
    program = "".join([*(script(name) for name in SCRIPTS), _BEFORE, code, _AFTER])
    done = subprocess.run(
        [node, "-e", program], input=json.dumps(given), capture_output=True, text=True, check=False, timeout=800
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def array(text: str, dtype: Any = np.float32) -> np.ndarray:
    """The values of a typed array that ``base64`` encoded."""
    return np.frombuffer(base64.b64decode(text), dtype)
