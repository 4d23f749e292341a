"""Reads COUNT mutated bundles: ``python tests/fuzz_bundles.py COUNT FOLDER [SEED]``.

Each input is a valid bundle that hypothesis has changed. Most inputs have correct hashes of the changed files. The
bundle, its weights and its config are read; if all are accepted, the bundle generates. The process may use 1 GiB more
than at its start, 5 seconds per input, and may write only in FOLDER. It stops if it breaks a limit, or raises an
exception other than GanzooError. The last line is a count as JSON.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import strangers
import tiny_bundles
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from ganzoo.bundle.folder import CARD, CONFIG, LIMITS, METADATA, ONNX, SAMPLES, WEIGHTS, read_bundle
from ganzoo.bundle.generator_config import generator_config
from ganzoo.bundle.model_card import model_card
from ganzoo.errors import GanzooError
from ganzoo.inference.generator import Generator

SECONDS, BYTES = 5, 1 << 30
OUTSIDE = 98
COUNTS = {"inputs": 0, "refused": 0, "accepted": 0, "slowest_seconds": 0.0}
FILES = (CONFIG, METADATA, ONNX, WEIGHTS, SAMPLES, CARD)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**9, 10**4, -1, 0, "../x", "\x1b[2J", "os.system", 2**63, 1e308]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def confine(folder: Path) -> None:
    """End the process where it opens a file for writing, or makes, renames or removes one, outside of ``folder``."""
    inside = str(folder.resolve())
    changing = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "shutil.rmtree"}

    def watch(event: str, args: Any) -> None:
        writes = event == "open" and (
            (isinstance(args[1], str) and set(args[1]) & set("wax+")) or (isinstance(args[2], int) and args[2] & 3)
        )
        if not writes and event not in changing:
            return
        path = args[0]
        inner = event in ("os.remove", "os.rmdir", "os.mkdir") and args[-1] != -1  # of a shutil.rmtree that was seen
        if isinstance(path, int) or path is None or inner:
            return
        path = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - the name, and no look at the disk
        if not path.startswith(inside) and not path.startswith("/dev/null"):
            os.write(2, f"{event} outside of the folder: {path}\n".encode())
            os._exit(OUTSIDE)

    sys.addaudithook(watch)


def replace_in(tree: Any, path: list[int], value: Any) -> Any:
    """A JSON tree with another value, or without a key, somewhere."""
    if not path or not isinstance(tree, dict | list) or not tree:
        return value
    if isinstance(tree, dict):
        key = sorted(tree)[path[0] % len(tree)]
        return {**tree, key: replace_in(tree[key], path[1:], value)}
    place = path[0] % len(tree)
    return [*tree[:place], replace_in(tree[place], path[1:], value), *tree[place + 1 :]]


def change_json(content: bytes, data: Any) -> bytes:
    tree = json.loads(content)
    for _ in range(data.draw(st.integers(1, 2))):
        tree = replace_in(tree, data.draw(st.lists(st.integers(0, 20), min_size=1, max_size=4)), data.draw(JSON))
    return json.dumps(tree).encode("utf-8", "surrogatepass")


def change_header(content: bytes, data: Any) -> bytes:
    """A safetensors file with another header."""
    length = int.from_bytes(content[:8], "little")
    header = change_json(content[8 : 8 + length], data)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def change_bytes(content: bytes, data: Any) -> bytes:
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(0, len(changed) - 1)))
        changed[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    return bytes(changed)


def cut(content: bytes, data: Any) -> bytes:
    return content[: data.draw(st.integers(0, len(content)))]


def mutate(folder: Path, data: Any) -> None:
    """Change one or two files, then perhaps the hashes, then perhaps the names."""
    for _ in range(data.draw(st.integers(1, 2))):
        name = data.draw(st.sampled_from(FILES))
        content = (folder / name).read_bytes()
        ways = [change_bytes, cut]
        ways += [change_json] * 3 if name in (CONFIG, METADATA) else [change_header] * 2 if name == WEIGHTS else []
        try:
            changed = data.draw(st.sampled_from(ways))(content, data)
        except (ValueError, IndexError):
            changed = b""
        if data.draw(st.integers(0, 19)) == 0:
            changed = data.draw(st.sampled_from([*strangers.FORMATS.values(), b"", bytes(1000)]))
        (folder / name).write_bytes(changed)
    if data.draw(st.integers(0, 4)):
        with_hashes(folder)
    if data.draw(st.integers(0, 9)) == 0:
        (folder / data.draw(st.sampled_from([*FILES, "onnx/model_fp16.onnx"]))).unlink(missing_ok=True)


def with_hashes(folder: Path) -> None:
    """Update the hashes, if metadata.json can still be read."""
    try:
        metadata = json.loads((folder / METADATA).read_bytes())
        files = metadata["files"]
        for name in list(files):
            if name in LIMITS and (folder / name).is_file():
                content = (folder / name).read_bytes()
                files[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    (folder / METADATA).write_bytes(json.dumps(metadata).encode("utf-8", "surrogatepass"))


def use(folder: Path) -> None:
    """Everything that is done with a bundle."""
    bundle = read_bundle(folder)
    bundle.weights()
    model_card(bundle.config, bundle.metadata.facts)
    with contextlib.suppress(GanzooError):  # the tiny bundle's generator is none of the registry's
        generator_config(bundle)
    generator = Generator.from_bundle(folder, device="cpu", threads=1)
    generator.sample([0, 1])


def attempt(good: Path, copy: Path, data: Any) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(good, copy)
    mutate(copy, data)
    signal.alarm(SECONDS)
    begun = time.monotonic()
    try:
        use(copy)
        COUNTS["accepted"] += 1
    except GanzooError as error:
        assert len(str(error)) < 1500, "a long message"
        assert str(error).replace("\n", "").isprintable(), "a message that could drive a terminal"
        COUNTS["refused"] += 1
    finally:
        signal.alarm(0)
    COUNTS["inputs"] += 1
    COUNTS["slowest_seconds"] = max(COUNTS["slowest_seconds"], round(time.monotonic() - begun, 3))


def main(count: int, folder: Path, number: int) -> None:
    faulthandler.enable()
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    set_hypothesis_home_dir(folder / "hypothesis")
    good = tiny_bundles.image_bundle(folder / "good", num_classes=2, class_names=("cat", "dog")).folder
    (good / CARD).write_text("# A card\n")
    use(good)  # everything is imported now, so that the limit of memory is for the inputs alone
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + BYTES, held + BYTES))
    confine(folder)

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def search(data: Any) -> None:
        attempt(good, folder / "copy", data)

    search()
    print(json.dumps(COUNTS))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
