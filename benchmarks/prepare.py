"""Measures how long ganzoo prepares a folder of JPEGs, against decoding and resizing with Pillow alone, on all cores.

The images are smooth random colors with a little noise, 178 px wide and 218 px high as those of CelebA, quality 90.
Each measurement runs in its own process, in turn, with the files in the system's cache.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from interleaved import keep

from ganzoo.environment.devices import cpu_count

WIDTH, HEIGHT, RESOLUTION = 178, 218, 64
GANZOO, PILLOW = "ganzoo", "Pillow"


def write_images(folder: Path, count: int) -> None:
    """Write JPEGs of smooth random content."""
    from PIL import Image

    def write(index: int) -> None:
        rng = np.random.default_rng(index)
        colors = Image.fromarray(rng.integers(0, 256, (9, 7, 3), np.uint8))
        smooth = np.asarray(colors.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.int16)
        pixels = np.clip(smooth + rng.integers(-6, 7, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:06d}.jpg", quality=90)

    with ThreadPoolExecutor(cpu_count()) as pool:
        list(pool.map(write, range(count)))


def with_ganzoo(folder: Path, cache: Path) -> int:
    """Prepare the images as a training does. Returns their number."""
    from ganzoo.data.sources.image_folder import ImageFolder

    source = ImageFolder(path=folder, resolution=RESOLUTION)
    return len(source.load(cache_dir=cache, quiet=True))


def with_pillow(folder: Path, cache: Path) -> int:
    """Decode, crop and resize the images in threads with Pillow alone, at full size, and keep nothing."""
    from PIL import Image

    top = (HEIGHT - WIDTH) // 2

    def decode(path: Path) -> int:
        with Image.open(path) as image:
            box = (0, top, WIDTH, top + WIDTH)
            image.convert("RGB").resize((RESOLUTION, RESOLUTION), Image.Resampling.LANCZOS, box)
        return 1

    with ThreadPoolExecutor(cpu_count()) as pool:
        return sum(pool.map(decode, sorted(folder.iterdir())))


def measure(kind: str, folder: Path) -> dict[str, float]:
    """Run one contender in this process."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as cache:
        begun, processor = time.perf_counter(), time.process_time()
        count = {GANZOO: with_ganzoo, PILLOW: with_pillow}[kind](folder, Path(cache))
        seconds, processor = time.perf_counter() - begun, time.process_time() - processor
    return {"images": count, "seconds": seconds, "processor_seconds": processor, "peak_bytes": peak_memory()}


def peak_memory() -> int:
    """The largest memory of this process so far, in bytes. (That of ``getrusage`` includes the parent process.)"""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="for the images; by default a temporary folder")
    parser.add_argument("--measure", nargs=2, metavar=("CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        kind, images = arguments.measure
        print(json.dumps(measure(kind, Path(images))))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        images = Path(folder) / "images"
        images.mkdir()
        write_images(images, arguments.images)
        size = sum(entry.stat().st_size for entry in os.scandir(images))
        print(f"{arguments.images} images, {size / arguments.images / 1e3:.1f} KB each", flush=True)
        compare(images, repeats=arguments.repeats)


def compare(images: Path, *, repeats: int) -> None:
    """Measure the contenders in turn, and print and keep the results."""
    found: dict[str, list[dict[str, float]]] = {PILLOW: [], GANZOO: []}
    for _ in range(repeats):
        for kind, results in found.items():
            command = [sys.executable, __file__, "--measure", kind, str(images)]
            results.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
            last = results[-1]
            print(
                f"{kind:<8} {last['seconds']:>6.1f} s, processor time {last['processor_seconds']:.1f} s, "
                f"peak memory {last['peak_bytes'] / 1e6:.0f} MB",
                flush=True,
            )
    ratios = {}
    for name in ("seconds", "processor_seconds"):
        each = [ours[name] / theirs[name] for ours, theirs in zip(found[GANZOO], found[PILLOW], strict=True)]
        ratios[name] = each
        print(f"ganzoo / Pillow, {name}: {statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})")
    keep("prepare", [{"title": "Preparing JPEGs", "results": found, "ratios": ratios}], packages=("pillow", "numpy"))


if __name__ == "__main__":
    main()
