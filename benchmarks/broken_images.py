"""Prepares 100,000 images, 1% of them broken or unusual in thirteen ways, and shows what ganzoo does with each.

    python benchmarks/broken_images.py
    setpriv --bounding-set=-dac_override,-dac_read_search python benchmarks/broken_images.py    # as root

The second command takes the right from root to read files without permission; with it, the kind is left out.

The files are JPEGs of 178 x 218 px: 500 pictures, each in many files that differ in a comment. Then, in new processes:
one prepares the folder, a second one starts again, two prepare it at the same time, and one is killed with SIGKILL in
the middle and started again. All must return the same samples. The output is a table in Markdown; the exit status is 1
if a file was treated otherwise than the table of this program says, or samples differ.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT, RESOLUTION, PICTURES = 178, 218, 64, 500
SHARE = 0.01


def jpeg(
    rng: np.random.Generator, *, size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "RGB", **options: object
) -> bytes:
    """A JPEG of smooth random colors."""
    colors = Image.fromarray(rng.integers(0, 256, (9, 7, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return saved(colors.convert(mode), "JPEG", quality=90, **options)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def with_comment(content: bytes, number: int) -> bytes:
    """The same picture in another file: a comment after the start of a JPEG."""
    text = b"%08d" % number
    return content[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + content[2:]


def claims(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its data do not have."""
    import struct
    import zlib

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b"")]
    parts = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def gray16(rng: np.random.Generator) -> bytes:
    return saved(Image.fromarray(rng.integers(0, 65536, (HEIGHT, WIDTH), np.uint16)), "PNG")


def animated(rng: np.random.Generator) -> bytes:
    frames = [Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)) for _ in range(3)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def png(rng: np.random.Generator) -> bytes:
    return saved(Image.open(io.BytesIO(jpeg(rng))), "PNG")


NO_PERMISSION = "without permission to read"
Make = Callable[[np.random.Generator], bytes | None]
KINDS: dict[str, tuple[str, Make, bool]] = {
    "truncated": (".jpg", lambda rng: jpeg(rng)[:2000], False),
    "empty": (".jpg", lambda rng: b"", False),
    "HTML": (".jpg", lambda rng: b"<!DOCTYPE html><html><body>404</body></html>", False),
    "PNG that claims 60,000 x 60,000 px": (".png", lambda rng: claims(60_000, 60_000), False),
    "CMYK": (".jpg", lambda rng: jpeg(rng, mode="CMYK"), True),
    "16 bits": (".png", gray16, True),
    "animated": (".gif", animated, True),
    "damaged EXIF": (".jpg", lambda rng: jpeg(rng, exif=b"Exif\0\0" + rng.bytes(80)), True),
    "damaged ICC profile": (".jpg", lambda rng: jpeg(rng, icc_profile=rng.bytes(300)), True),
    "PNG with the suffix .jpg": (".jpg", png, True),
    "name that is not UTF-8": (".jpg", jpeg, True),
    "link that leads to itself": (".jpg", lambda rng: None, False),
    NO_PERMISSION: (".jpg", jpeg, False),
}
"""Kind -> suffix, content (None: a link to itself), and whether ganzoo is to read it."""


def permissions_count(folder: Path) -> bool:
    """Whether a file without permission cannot be read. Root can read it."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        Path(file.name).chmod(0)
        return not os.access(file.name, os.R_OK)


def write_files(folder: Path, count: int) -> dict[str, list[str]]:
    """Write the files. Returns the names of each kind that is not an ordinary JPEG."""
    rng = np.random.default_rng(0)
    used = [kind for kind in KINDS if kind != NO_PERMISSION or permissions_count(folder)]
    pictures = [jpeg(rng) for _ in range(PICTURES)]
    special = np.linspace(0, count - 1, int(count * SHARE)).astype(int)
    kinds = {int(number): used[index % len(used)] for index, number in enumerate(special)}
    names: dict[str, list[str]] = {}
    for number in range(count):
        kind = kinds.get(number)
        if kind is None:
            (folder / f"{number:06d}.jpg").write_bytes(with_comment(pictures[number % PICTURES], number))
            continue
        suffix, make, _ = KINDS[kind]
        bad = b"\xe9" if kind == "name that is not UTF-8" else b""
        path = Path(os.fsdecode(os.fsencode(folder / f"{number:06d}") + bad + suffix.encode()))
        content = make(rng)
        path.symlink_to(path) if content is None else path.write_bytes(content)
        if kind == NO_PERMISSION:
            path.chmod(0)
        names.setdefault(kind, []).append(path.name)
    return names


PREPARE = f"""
import hashlib, json, resource, sys, time
from pathlib import Path
from ganzoo.data.sources.image_folder import ImageFolder
begun = time.monotonic()
data = ImageFolder(path=Path(sys.argv[1]), resolution={RESOLUTION}).load(cache_dir=Path(sys.argv[2]), quiet=True)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000  # afterwards the samples are mapped, which counts
digest = hashlib.sha256()
for start in range(0, len(data), 1024):
    digest.update(data.samples[start : start + 1024].tobytes())
print(json.dumps({{
    "seconds": time.monotonic() - begun, "megabytes": peak,
    "samples": len(data), "sha256": digest.hexdigest(), "cached": data.report.cached, "broken": data.report.broken,
    "passed_over": {{why: list(names) for why, names in data.report.passed_over.items()}},
}}))
"""


def start(folder: Path, cache: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PREPARE, str(folder), str(cache)], stdout=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"preparing ended with status {process.returncode}")
    result: dict[str, Any] = json.loads(out)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Prepares many images, 1% of them broken in thirteen ways.")
    parser.add_argument("--images", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, caches = Path(place, "photos"), [Path(place, f"cache{number}") for number in range(3)]
        folder.mkdir()
        names = write_files(folder, arguments.images)
        first = ended(start(folder, caches[0]))
        again = ended(start(folder, caches[0]))
        both = [ended(one) for one in [start(folder, caches[1]), start(folder, caches[1])]]
        killed = start(folder, caches[2])
        time.sleep(0.5 * first["seconds"])
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        after = ended(start(folder, caches[2]))
    wrong = report_kinds(names, first)
    results = [first, again, *both, after]
    same = len({str(result["sha256"]) for result in results}) == 1
    wrong += [] if same else ["the samples differ"]
    wrong += [] if sum(not one["cached"] for one in both) == 1 else ["two at the same time did not prepare once"]
    prepared = sum(not one["cached"] for one in both)
    print(
        f"\n{arguments.images:,} files, {first['samples']:,} samples. Prepared in {first['seconds']:.0f} s, with "
        f"{first['megabytes']:.0f} MB of memory; second start {again['seconds']:.1f} s, which reads all samples once. "
        f"Two at the same time: {max(one['seconds'] for one in both):.0f} s, {prepared} of them prepared. Killed after "
        f"half of the time and started again: {after['seconds']:.0f} s. The samples are "
        f"{'the same each time' if same else 'not the same'}."
    )
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))


def report_kinds(names: dict[str, list[str]], result: dict[str, Any]) -> list[str]:
    """Print what was done with each kind of file. Returns what was not as expected."""
    broken: dict[str, str] = result["broken"]
    passed_over: dict[str, list[str]] = result["passed_over"]
    reasons = {name: why for why, found in passed_over.items() for name in found} | broken
    wrong = []
    print("| Files | number | ganzoo | example of the report |\n|---|---|---|---|")
    for kind, (_, _, is_read) in KINDS.items():
        all_names = names.get(kind, [])
        if not all_names:
            print(f"| {kind} | 0 | not tried | - |")
            continue
        named = [name for name in all_names if name in reasons]
        if len(named) != (0 if is_read else len(all_names)):
            wrong.append(f"{kind}: {len(named)} of {len(all_names)} are named")
        example = reasons[named[0]] if named else "-"
        print(f"| {kind} | {len(all_names)} | {'reads them' if is_read else 'names each'} | {example} |")
    return wrong


if __name__ == "__main__":
    main()
