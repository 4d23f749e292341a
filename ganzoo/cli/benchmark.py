"""``ganzoo benchmark``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli.options import Device, OnDevice, Quiet, Revision, RunsFolder, Threads, What
from ganzoo.cli.output import info, print_json, print_table
from ganzoo.environment.quantities import bytes_text, cores_text, rate_text

if TYPE_CHECKING:
    from ganzoo.bundle.folder import Bundle
    from ganzoo.inference.benchmark import Measurement


def benchmark(
    what: What,
    batches: Annotated[str, typer.Option("--batches", metavar="N,N", help="Batch sizes.")] = "1,16,64",
    seconds: Annotated[float, typer.Option(min=0, max=60, help="Minimum time of each row; at least five runs.")] = 1.0,
    device: OnDevice = Device.auto,
    threads: Threads = None,
    revision: Revision = None,
    runs: RunsFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Measure the speed, memory and rounding of a trained generator on this machine.

    Each row is measured by a fresh process. Its peak memory includes Python and ONNX Runtime. The spread contains
    80% of the runs. The difference is the largest from float32 on the CPU, in levels of 255 for images.
    """
    from ganzoo.environment.progress import progress_bar
    from ganzoo.hub.load_name import message_name
    from ganzoo.inference import benchmark as measuring

    sizes = _sizes(batches)
    bundle = _bundle(what, revision=revision, runs=runs)
    kinds, places = measuring.precisions(bundle), measuring.devices(device.value)
    found = []
    options: dict[str, Any] = {"batches": sizes, "device": device.value, "threads": threads, "seconds": seconds}
    with progress_bar("Measuring", len(kinds) * len(places) * len(sizes), quiet=quiet) as advance:
        for row in measuring.benchmark(bundle, info=info, **options):
            found.append(row)
            advance(1)
    if as_json:
        print_json({"model": message_name(bundle), "rows": [row._asdict() for row in found], **_machine()})
        return
    columns = ("format", "device", "batch", "ms", "spread", "samples/s", "memory", "file", "difference")
    print_table(columns, [_texts(row, is_image=bundle.config.sample_spec.is_image) for row in found], right=columns[2:])
    machine = _machine()
    cores = machine["cpus"]
    info(f"{cores_text(cores)}, ONNX Runtime {machine['onnxruntime']}, {threads or cores} threads.")


def _sizes(text: str) -> list[int]:
    """The batch sizes of an option.

    Raises:
        BadParameter: if they are not whole numbers, each once.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() for word in words) or len(set(words)) != len(words):
        raise typer.BadParameter(f"received '{text}'; allowed: numbers such as 1,16,64", param_hint="--batches")
    return [int(word) for word in words]


def _bundle(what: str, *, revision: str | None, runs: object) -> Bundle:
    """The bundle with all its ONNX files. Of a model on the Hub, float16 is fetched only if it exists."""
    from ganzoo.bundle.folder import ONNX, ONNX_FP16
    from ganzoo.hub.reference import HubOptions
    from ganzoo.resolve import resolve

    options: dict[str, Any] = {"hub": HubOptions(revision), "root": runs, "info": info}
    bundle = resolve(what, files=[ONNX], **options)
    if ONNX_FP16 in bundle.metadata.files and not (bundle.folder / ONNX_FP16).is_file():
        bundle = resolve(what, files=[ONNX, ONNX_FP16], **options)
    return bundle


def _machine() -> dict[str, Any]:
    """What the numbers depend on."""
    from ganzoo.environment.devices import cpu_count
    from ganzoo.environment.versions import library_versions

    versions = library_versions(("onnxruntime", "onnxruntime-gpu"))
    return {"cpus": cpu_count(), "onnxruntime": next(iter(versions.values()), "unknown")}


def _texts(row: Measurement, *, is_image: bool) -> tuple[str, ...]:
    return (
        row.precision,
        row.device,
        str(row.batch),
        _ms(row.milliseconds),
        f"{_ms(row.fastest)}-{_ms(row.slowest)}",
        rate_text(1000 * row.batch / row.milliseconds),
        "-" if row.memory is None else bytes_text(row.memory),
        bytes_text(row.file_size),
        f"{row.difference:.0f}" if is_image else f"{row.difference:.1g}",
    )


def _ms(milliseconds: float) -> str:
    """Three digits: "0.123", "4.56", "78.9", "1234"."""
    return f"{milliseconds:.3g}" if milliseconds < 999.5 else f"{milliseconds:.0f}"
