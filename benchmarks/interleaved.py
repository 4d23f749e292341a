"""Measures several programs ("contenders") in turn, each in its own process, and compares their speed."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ganzoo.environment.devices import cpu_count

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PACKAGES = ("tensorflow", "keras", "onnxruntime", "torch", "numpy")


class Contender:
    """A process that does one unit of work per input line, and prints the seconds that the work took."""

    def __init__(self, script: str, *arguments: str, one_dnn: bool | None = None, source: Path | None = None) -> None:
        """Start the process.

        Args:
            script: a file in ``contenders/``.
            arguments: of the script.
            one_dnn: turns TensorFlow's oneDNN on or off; by default, TensorFlow or ganzoo decides.
            source: folder of another ``ganzoo`` than the installed one.
        """
        command = [sys.executable, str(HERE / "contenders" / script), *arguments]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_WAIT_POLICY": "PASSIVE"}
        if one_dnn is not None:
            environment["TF_ENABLE_ONEDNN_OPTS"] = str(int(one_dnn))
        if source is not None:
            environment["PYTHONPATH"] = str(source)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def seconds(self) -> float:
        """Time one unit of work."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the contender has no pipes")
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"This contender ended without a result: {self.process.args}")
        return float(answer)

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def serve(work: Callable[[], float]) -> None:
    """Run in the contender's process: warm up, then print the seconds that ``work`` returns for each input line."""
    work()
    for _ in sys.stdin:
        print(f"{work():.6f}", flush=True)


def compare(contenders: Mapping[str, Contender], *, units: float, repeats: int = 5) -> dict[str, list[float]]:
    """Measure every contender once per repeat.

    Args:
        contenders: name -> started contender.
        units: images per unit of work.
        repeats: measurements of each contender.

    Returns:
        Name -> images per second, one value per repeat.
    """
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender.seconds()  # waits for the warm-up
    for _ in range(repeats):
        for name, contender in contenders.items():
            rates[name].append(units / contender.seconds())
    for contender in contenders.values():
        contender.stop()
    return rates


def report(
    title: str, rates: Mapping[str, Sequence[float]], *, ours: Sequence[str], against: Sequence[str]
) -> dict[str, object]:
    """Print medians, spread and ratios, and return them.

    Args:
        title: title of the table.
        rates: name -> images per second, one value per repeat.
        ours: names of ganzoo's contenders.
        against: names of the other contenders. The ratio is the rate of ``ours`` divided by the rate of ``against``.
    """
    print(f"\n{title}")
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"  {name:<28} {medians[name]:>9.1f} images/s   ({min(values):.1f} to {max(values):.1f})")
    ratios = {}
    for mine in ours:
        for other in against:
            each = [a / b for a, b in zip(rates[mine], rates[other], strict=True)]
            pair = f"{mine} / {other}"
            ratios[pair] = {"median": statistics.median(each), "least": min(each), "largest": max(each)}
            print(f"  {pair}: {statistics.median(each):.2f}   ({min(each):.2f} to {max(each):.2f})")
    return {
        "title": title,
        "images_per_second": medians,
        "ratios": ratios,
        "repeats": {name: list(values) for name, values in rates.items()},
    }


def machine_facts(packages: Sequence[str] = PACKAGES) -> dict[str, object]:
    """Return facts about the machine, and the versions of installed packages."""
    from ganzoo.environment.versions import installed_version

    return {
        "machine": {"cpus": cpu_count(), "processor": _processor(), "python": platform.python_version()},
        "versions": {package: found for package in packages if (found := installed_version(package))},
    }


def keep(name: str, tables: Sequence[Mapping[str, object]], *, packages: Sequence[str] = PACKAGES) -> None:
    """Write the tables, facts about the machine and the versions of installed packages to ``results/<name>.json``."""
    RESULTS.mkdir(exist_ok=True)
    facts = {**machine_facts(packages), "tables": list(tables)}
    (RESULTS / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
