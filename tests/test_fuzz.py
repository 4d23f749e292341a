"""A minute of ``fuzz_files.py``; ``python tests/fuzz_files.py --minutes 30 --folder FOLDER`` tries more."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_kinds import KINDS

PROGRAM = Path(__file__).with_name("fuzz_files.py")

resource = pytest.importorskip("resource", reason="memory cannot be limited here")


@pytest.mark.slow
def test_mutated_files_never_crash_hang_swell_or_reach_out(tmp_path):
    program = [sys.executable, str(PROGRAM), "--minutes", "1", "--folder", str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}\n{list((tmp_path / 'findings').glob('*.txt'))}"
    rows = dict(re.findall(r"^\| (\w+) \| ([\d,]+) \| ", done.stdout, re.MULTILINE))
    assert rows.keys() - {"File"} == KINDS.keys()
    assert all(int(count.replace(",", "")) > 20 for count in rows.values()), done.stdout


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise KeyError('x')", "KeyError"),
        ("while True: pass", "2 s of CPU"),
        ("bytearray(400 << 20)", "MemoryError"),
        ("open('/tmp/outside-of-the-folder', 'w')", "for writing"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "socket.connect"),
        ("import os; os.abort()", "exit status -6"),
    ],
)
def test_the_fuzzer_sees_each_kind_of_finding(tmp_path, body, words):
    """A reader that misbehaves when a file was changed."""
    code = f"""
import sys; sys.path.insert(0, {str(PROGRAM.parent)!r})
import fuzz_kinds, fuzz_files
def read(path):
    if path.read_bytes() != b"good":
        {body}
fuzz_kinds.KINDS["bad"] = lambda folder: fuzz_kinds.Kind([b"good"], "file", read, ())
fuzz_files.__file__ = __file__
if len(sys.argv) > 3 and "--one" in sys.argv:
    fuzz_files.main()
else:
    from pathlib import Path
    total, findings = fuzz_files.fuzz("bad", Path(sys.argv[1]), seconds=60, inputs=1, seed=0)
    print(total["inputs"], findings)
"""
    (tmp_path / "program.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "program.py", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=120,
    )
    assert words in done.stdout, done.stdout + done.stderr
