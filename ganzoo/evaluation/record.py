"""metrics.json: every number with its interval, floor and protocol. The file is replaced as a whole.

Numbers of samples that a critic chose are in a file of their own, metrics-best-of-4.json, so that both stay.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ganzoo.bundle.folder import CRITIC, METADATA, ONNX, Bundle
from ganzoo.bundle.public_values import public_values
from ganzoo.bundle.strict_json import read_json, write_json
from ganzoo.data.base import Dataset, DataSource, data_sources
from ganzoo.environment.versions import EVALUATION_LIBRARIES, TENSORFLOW_LIBRARIES, library_versions
from ganzoo.errors import BundleError, EvaluationError
from ganzoo.evaluation.evaluator import SWEEP_CLASSES, SWEEP_LATENTS, Evaluator, Number, Spread
from ganzoo.extractors.base import extractors
from ganzoo.hub.load_name import message_name
from ganzoo.images import write_atomic
from ganzoo.metrics.base import metrics
from ganzoo.resolve import is_fetched
from ganzoo.runs import BUNDLE

FILE = "metrics.json"
BEST_OF_FILES = "metrics-best-of-*.json"
FORMAT_VERSION = 1
MAX_FILE = 4 << 20


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        model: the generator: name, training step, SHA-256 of its ONNX file.
        numbers: in the order of the metrics.
        protocol: everything that the numbers depend on (JSON).
    """

    model: Mapping[str, Any]
    numbers: tuple[Number, ...]
    protocol: Mapping[str, Any]

    def __getitem__(self, label: str) -> float:
        """The value of a number by its label: ``evaluation["frechet (small_cnn)"]``."""
        return {number.label: number.measured.value for number in self.numbers}[label]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as metrics.json has them."""
        return {
            "format_version": FORMAT_VERSION,
            "model": dict(self.model),
            "metrics": {number.label: self._entry(number) for number in self.numbers},
            "protocol": dict(self.protocol),
        }

    def write(self, path: Path) -> Path:
        """Write metrics.json.

        Raises:
            GanzooError: if it cannot be written; an older file is unchanged then.
        """
        return write_atomic(path, write_json(self.to_dict()))

    def _entry(self, number: Number) -> dict[str, Any]:
        return {
            "value": number.measured.value,
            "interval": _interval(number.measured),
            "floor": None if number.floor is None else number.floor.value,
            "floor_interval": _interval(number.floor),
            "better": number.better,
            **_classes(number),
            "metric": dict(number.metric),
            "draws": list(number.measured.draws),
            "floor_draws": [] if number.floor is None else list(number.floor.draws),
            "protocol": self._sentence(number),
        }

    def _sentence(self, number: Number) -> str:
        """The protocol of a number as a sentence for the model card."""
        p, extractor = self.protocol, self.protocol["extractor"]
        digest = f" (SHA-256 {extractor['sha256'][:12]}...)" if extractor["sha256"] else ""
        draws = f"mean of {p['draws']} draws" if p["draws"] > 1 else "one draw"
        chosen = f", best_of={p['best_of']} by the critic" if "best_of" in p else ""
        classes = ", classes as frequent as in the data" if "classes" in p else ""
        real = f"all {p['real_samples']}" if metrics.get(number.metric["name"]).searches_all else p["samples"]
        return (
            f"extractor {extractor['label']}{digest}, resize {extractor['resize']}; {p['samples']} generated against "
            f"{real} real samples of {p['data']['source']}, {draws}, seeds {p['seeds']}{classes}{chosen}; "
            "ganzoo evaluate"
        )


def protocol(evaluator: Evaluator, dataset: Dataset, source: DataSource) -> dict[str, Any]:
    """Everything that the numbers of an evaluator depend on, except the generator. Paths are left out."""
    loaded = evaluator.loaded
    config = public_values(evaluator.extractor, extractors.spec(evaluator.extractor))
    libraries = EVALUATION_LIBRARIES + (TENSORFLOW_LIBRARIES if loaded.canonical else ())
    sweep = f"the first {SWEEP_LATENTS} latents of each draw, each in up to {SWEEP_CLASSES} classes"
    draws = f"95% of the mean, Student's t over {evaluator.draws} draws of seeds and real samples"
    return {
        "extractor": {
            "label": loaded.label,
            "sha256": loaded.sha256,
            "resize": loaded.resize,
            "config": config,
            **loaded.notes,
        },
        "samples": evaluator.count,
        "draws": evaluator.draws,
        "seeds": f"0-{evaluator.draws * evaluator.count - 1}",
        **({"classes": "as frequent as in the real samples"} if evaluator.follows_classes else {}),
        **({"class_sweep": sweep} if any(metric.needs_class_sweep for metric in evaluator.metrics) else {}),
        "interval": draws if evaluator.draws > 1 else "none of a single draw",
        "floor": "other real samples in the place of the generated ones"
        if evaluator.has_floor
        else "too few real ones",
        "real_seed": evaluator.seed,
        "real_samples": len(dataset),
        "real_samples_used": evaluator.real_used,
        **({"real_samples_searched": len(evaluator.real)} if evaluator.searches_all else {}),
        "real_mirrored": "half of them, at random, as in training" if source.mirrored else "no",
        "data": public_values(source, data_sources.spec(source)),
        "versions": library_versions(libraries),
    }


def onnx_digest(bundle: Bundle) -> str:
    """SHA-256 of a bundle's float32 graph, which identifies the generator."""
    return bundle.metadata.files[ONNX].sha256


def critic_digest(bundle: Bundle) -> str | None:
    """SHA-256 of a bundle's critic; None if there is none."""
    record = bundle.metadata.files.get(CRITIC)
    return None if record is None else record.sha256


def default_target(bundle: Bundle, *, best_of: int = 1) -> Path:
    """metrics.json in the folder of a run or, for a fetched model, in the current folder.

    For another bundle it is a file of its own next to it, such as ``my-bundle.metrics.json``.
    """
    name = FILE if best_of == 1 else f"metrics-best-of-{best_of}.json"
    if is_fetched(bundle):
        return Path(name)
    own = "" if bundle.folder.name == BUNDLE else f"{bundle.folder.absolute().name}."
    return bundle.folder.parent / f"{own}{name}"


def check_target(path: Path, bundle: Bundle, *, asked: bool) -> None:
    """Check before the measurement whether metrics.json can be written.

    Args:
        path: the file.
        bundle: the measured model.
        asked: whether the user named the file; an existing file is replaced then.

    Raises:
        EvaluationError: if it is a folder, would damage the bundle, or has numbers of another model and ``asked`` is
            False.
    """
    if path.is_dir():
        raise EvaluationError(f"'{path}' is a folder, and the numbers go to a file: -o {path / FILE}")
    if bundle.contains(path):
        raise EvaluationError(f"'{path}' is in the bundle '{bundle.folder}', which would be damaged; choose another.")
    if asked or not path.exists():
        return
    held = _read(path)
    name = message_name(bundle)
    if held is None or not isinstance(held.get("model"), Mapping) or held["model"].get("name") != name:
        raise EvaluationError(
            f"'{path}' exists and is not an evaluation of '{name}', so it is not replaced. Name another file: -o FILE"
        )


def recorded_metrics(bundle: Bundle) -> dict[str, dict[str, Any]]:
    """The numbers in metrics.json and metrics-best-of-N.json next to a bundle, if they were measured on it."""
    folder, own = bundle.folder.absolute().parent, glob.escape(bundle.folder.absolute().name)
    numbers: dict[str, dict[str, Any]] = {}
    for prefix in ("", f"{own}."):  # older versions of ganzoo wrote metrics.json next to every bundle
        for pattern in (FILE, BEST_OF_FILES):
            for path in sorted(folder.glob(prefix + pattern)):
                numbers |= _recorded(path, bundle)
    return numbers


def _recorded(path: Path, bundle: Bundle) -> dict[str, dict[str, Any]]:
    """The numbers in one file; empty if it is not a record of this generator and critic."""
    held = _read(path)
    if held is None or not isinstance(held.get("model"), Mapping) or not isinstance(held.get("metrics"), Mapping):
        return {}
    if held.get("format_version") != FORMAT_VERSION or held["model"].get("onnx_sha256") != onnx_digest(bundle):
        return {}
    if "critic_sha256" in held["model"] and held["model"]["critic_sha256"] != critic_digest(bundle):
        return {}
    keys = ("value", "interval", "floor", "floor_interval", "better", "worst_class", "protocol")
    return {
        label: {key: entry[key] for key in keys if entry.get(key) is not None}
        for label, entry in held["metrics"].items()
        if isinstance(entry, Mapping)
    }


def with_metrics(bundle: Bundle, *, write: bool) -> Bundle:
    """The bundle with its measured numbers in the metadata. ``write`` also writes them to its metadata.json.

    Raises:
        GanzooError: if metadata.json cannot be written.
    """
    facts = bundle.metadata.facts
    metadata = bundle.metadata._replace(facts=replace(facts, metrics={**facts.metrics, **recorded_metrics(bundle)}))
    if write and metadata != bundle.metadata:
        write_atomic(bundle.folder / METADATA, write_json(metadata.to_dict()))
    return replace(bundle, metadata=metadata)


def _classes(number: Number) -> dict[str, Any]:
    """The entries of a number that is measured for each class. Only the worst class goes into bundles."""
    worst = number.worst_class
    if worst is None:
        return {}
    by_class = {"by_class": dict(number.by_class), "floor_by_class": dict(number.floor_by_class)}
    return {"worst_class": asdict(worst), **by_class}


def _interval(spread: Spread | None) -> list[float] | None:
    return None if spread is None or spread.interval is None else list(spread.interval)


def _read(path: Path) -> dict[str, Any] | None:
    """The table in a file; None if it cannot be read."""
    try:
        if path.stat().st_size > MAX_FILE:
            return None
        return read_json(path.read_bytes(), FILE)
    except (OSError, BundleError):
        return None
