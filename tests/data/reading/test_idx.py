import subprocess
import sys

import pytest

from ganzoo.data.reading.idx import read_idx
from ganzoo.errors import DataError

HUGE = b"\0\0\x08\x03" + (2048).to_bytes(4, "big") + (1024).to_bytes(4, "big") * 2


def test_a_header_that_declares_gigabytes_is_one_line_and_takes_no_memory(tmp_path):
    """Found by fuzz_files.py: a single read reserved memory for all of them."""
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(HUGE + bytes(100))
    with pytest.raises(DataError, match="truncated"):
        read_idx(path, 3)
    code = (
        "import resource\nfrom pathlib import Path\nfrom ganzoo.data.reading.idx import read_idx\n"
        "held = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (held + (256 << 20),) * 2)\n"
        f"read_idx(Path({str(path)!r}), 3)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "DataError" in done.stderr.splitlines()[-1], done.stderr
