"""Fresh Python processes that use the real client against the test's Hub, and reach nothing but the loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

GUARD = """
import os, sys
def _loopback_only(event, args):
    host = args[1][0] if event == "socket.connect" and isinstance(args[1], tuple) else None
    host = args[0] if event == "socket.getaddrinfo" else host
    if host not in (None, "", "127.0.0.1", "::1", "localhost"):
        os.write(2, f"REACHED OUT TO {host}".encode())
        os._exit(99)
sys.addaudithook(_loopback_only)
"""


class Client:
    """A person on a fresh machine: a folder to work in, an empty cache, and perhaps a token."""

    def __init__(self, folder: Path, url: str, *, token: str | None = None) -> None:
        self.folder = folder
        self.home = folder / "hf"
        self.url = url
        self.token = token
        folder.mkdir(parents=True, exist_ok=True)

    def environment(self, **changes: str) -> dict[str, str]:
        """HF_ENDPOINT and the others are read when huggingface_hub is imported, so they are set before."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k.lower()}
        hub = {"HF_ENDPOINT": self.url, "HF_HOME": str(self.home), "HF_HUB_DISABLE_XET": "1"}
        hub |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_ETAG_TIMEOUT": "3"}
        hub |= {"HF_HUB_DOWNLOAD_TIMEOUT": "3", "GANZOO_CACHE": str(self.folder / "data")}
        hub |= {"HF_TOKEN": self.token} if self.token else {}
        return kept | hub | changes

    def run(self, code: str, *, ok: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python code; its output. ``ok`` says whether it is to succeed."""
        done = subprocess.run(
            [sys.executable, "-c", GUARD + code],
            cwd=self.folder,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode != 99, done.stderr
        assert (done.returncode == 0) == ok, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def ganzoo(self, *arguments: str, ok: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command ``ganzoo``."""
        code = f"sys.argv = ['ganzoo', *{list(arguments)!r}]\nfrom ganzoo.cli.main import main\nmain()\n"
        done = self.run(code, ok=ok, **environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def refusal(self, code: str, **environment: str) -> str:
        """The message of the GanzooError that the code must end in: one line, or two."""
        return self.refusals([code], **environment)[0]

    def refusals(self, codes: Sequence[str], **environment: str) -> list[str]:
        """The messages of the GanzooErrors that each of the codes must end in, all in one process."""
        wrapped = f"""
import json
from ganzoo.errors import GanzooError
messages = []
for code in {[code.strip() for code in codes]!r}:
    try:
        exec(code, {{}})
    except GanzooError as error:
        messages.append(str(error))
    else:
        raise SystemExit("it was not refused: " + code)
print(json.dumps(messages))
"""
        messages: list[str] = json.loads(self.run(wrapped, **environment).stdout.splitlines()[-1])
        for message in messages:
            assert len(message.splitlines()) <= 2, message
            assert len(message) < 700, message
        return messages

    def value(self, code: str, **environment: str) -> Any:
        """What the code has put into ``result``, as JSON."""
        wrapped = f"import json\n{code}\nprint(json.dumps(result))\n"
        return json.loads(self.run(wrapped, **environment).stdout.splitlines()[-1])
