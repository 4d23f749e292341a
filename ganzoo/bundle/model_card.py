"""The model card: a bundle's README.md, generated from the bundle, complete without editing.

The last line of a card contains a digest of the text above it. A card that was edited by hand no longer matches the
digest, so ganzoo never overwrites it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any

from ganzoo.bundle.card_text import cell, duration, hardware, interval, number, part, sentences, table, text
from ganzoo.bundle.folder import CLASSES, CRITIC, ONNX, SAMPLES, WEIGHTS
from ganzoo.bundle.schema import BundleConfig, BundleFacts
from ganzoo.errors import GanzooError
from ganzoo.sample_sheet import classes_shown, preview_options, preview_seeds

LIBRARY = "ganzoo"
TASK = "unconditional-image-generation"
UNKNOWN_LICENSE = "unknown"
FILES = (ONNX, SAMPLES, CLASSES, WEIGHTS)
"""The files of every new bundle that a card mentions."""
_LOCAL = "path/to/this/folder"
_CLASSES = 20
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)
_MARK = re.compile(r"<!-- ganzoo card ([0-9a-f]{16}): .*-->\n*")


def model_card(
    config: BundleConfig,
    facts: BundleFacts,
    *,
    files: Collection[str] = FILES,
    repo_id: str | None = None,
    license: str | None = None,
    speed: str | None = None,
) -> str:
    """The text of README.md: front matter for the Hub, then sections for people.

    Args:
        config, facts: the bundle's.
        files: names of the bundle's files. The card mentions only these.
        repo_id: the Hub repo, ``user/name``, for the usage examples.
        license: license of the weights, an identifier of the Hub such as "apache-2.0". Default: the license that was
            given at export, else "unknown".
        speed: a sentence about the measured speed of the ONNX file and the hardware.
    """
    sections = (
        _head(config, files),
        _usage(config, files, repo_id),
        _training(facts),
        _metrics(facts),
        _data(facts),
        _files(config, facts, files, speed),
        _limits(facts),
    )
    body = "\n\n".join("\n".join(section) for section in sections if section)
    content = f"---\n{_front_matter(config, facts, license)}\n---\n\n{body}\n\n"
    return f"{content}<!-- ganzoo card {_digest(content)}: an edited card is never overwritten. -->\n"


def check_license(license: str) -> str:
    """Return the license if it has the form of the Hub's license identifiers.

    Raises:
        GanzooError: if not.
    """
    if not _LICENSE.fullmatch(license):
        raise GanzooError(
            f"{license[:60]!a} is not a license identifier of the Hub, for example apache-2.0, cc-by-4.0 or other; "
            "see https://huggingface.co/docs/hub/repositories-licenses"
        )
    return license


def is_ours(card: str) -> bool:
    """True if ganzoo generated this README.md and nobody has edited it since, or if it has only front matter."""
    marks = list(_MARK.finditer(card))
    if marks:
        return marks[-1].end() == len(card) and marks[-1][1] == _digest(card[: marks[-1].start()])
    return not re.sub(r"\A---\n.*?\n---\n", "", card, count=1, flags=re.DOTALL).strip()


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _front_matter(config: BundleConfig, facts: BundleFacts, license: str | None) -> str:
    """The YAML for the Hub."""
    from huggingface_hub.repocard_data import EvalResult, ModelCardData

    source = _source(facts)
    dataset = text(facts.training.get("hub_dataset")) or source
    stated = text(facts.training.get("license"))
    results = [
        EvalResult(
            task_type=TASK,
            dataset_type=dataset or "unknown",
            dataset_name=source or "unknown",
            metric_type=name,
            metric_name=name,
            metric_value=metric["value"],
            metric_args={key: value for key, value in metric.items() if key != "value"},
        )
        for name, metric in sorted(facts.metrics.items())
    ]
    data = ModelCardData(
        library_name=LIBRARY,
        license=license or (stated if stated and _LICENSE.fullmatch(stated) else UNKNOWN_LICENSE),
        pipeline_tag=TASK if config.sample_spec.is_image else None,
        tags=["gan", "ganzoo", "onnx", "keras", *(["conditional"] if config.num_classes else [])],
        datasets=[dataset] if dataset else None,
        model_name=config.name if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml()).strip()


def _head(config: BundleConfig, files: Collection[str]) -> list[str]:
    spec, sample = config.sample_spec, f"a {config.sample_spec}"
    if spec.is_image:
        height, width = spec.size
        sample = f"an image of {spec}{'' if height == width else ' (height x width)'}"
        sample += ", with transparency," if spec.channels == 4 else ""
    lines = [f"# {config.name}", ""]
    lines += [
        f"A generative adversarial network (GAN) that generates {sample} from a seed. Trained with ganzoo; it runs on "
        "ONNX Runtime, without TensorFlow."
    ]
    if config.num_classes:
        names = config.class_names or ()
        listed = f": {', '.join(names[:_CLASSES])}{' and more' if len(names) > _CLASSES else ''}" if names else ""
        lines += ["", f"It is conditional, with {config.num_classes} classes{listed}."]
    if config.num_classes and CLASSES in files:
        first = classes_shown(config.num_classes)
        names = (config.class_names or tuple(map(str, first)))[: len(first)]
        lines += ["", f"![One seed in each row, one class in each column: {', '.join(names)}]({CLASSES})"]
    if SAMPLES in files:
        lines += ["", f"![Samples of the seeds 0 to {preview_seeds(spec)[-1]}, uncurated]({SAMPLES})"]
    return lines


def _usage(config: BundleConfig, files: Collection[str], repo_id: str | None) -> list[str]:
    name, seeds = repo_id or _LOCAL, len(preview_seeds(config.sample_spec))
    is_image = config.sample_spec.is_image
    use = 'generator.generate(7).save("seed7.png")' if is_image else f"points = generator.sample(range({seeds}))"
    lines = ["## Use", "", "```python", "import ganzoo", f'generator = ganzoo.load("{name}")', use, "```", ""]
    lines += [
        "Install: `pip install 'ganzoo-keras[cpu]'`. The same seed gives the same latent on every machine, and the "
        "same image to within one of 256 levels."
    ]
    if config.num_classes:
        lines += ["", "A class by name or number: `generator.generate(7, label=0)`."]
    if CRITIC in files:
        lines += ["", "The best of four samples, chosen by the discriminator: `generator.generate(7, best_of=4)`."]
    return [*lines, "", f"On the command line: `ganzoo generate {name} {preview_options(config.sample_spec)}`"]


def _training(facts: BundleFacts) -> list[str]:
    """The training: only values that the run recorded."""
    training = facts.training
    config = table(training.get("config"))
    settings = table(config.get("training"))
    rows = [
        ("Data", _source(facts)),
        ("Steps", facts.training_step),
        ("Selected", _selected(training.get("chosen_by"))),
        ("Batch size", settings.get("batch_size")),
        ("Loss", part(settings.get("loss"))),
        ("Penalties", ", ".join(filter(None, map(part, settings.get("penalties") or ()))) or None),
        ("Initial weights", settings.get("init_from")),
        ("Seed", settings.get("seed")),
        ("Time", duration(training.get("seconds"))),
        ("Hardware", hardware(training.get("machine"))),
        ("Command", training.get("command")),
    ]
    lines = [f"| {key} | {cell(value)} |" for key, value in rows if value is not None]
    if not lines:
        return []
    return ["## Training", "", "| | |", "|---|---|", *lines, *_config_text(config)]


def _selected(choice: object) -> str | None:
    """The number that selected the exported step."""
    facts = table(choice)
    if not isinstance(facts.get("value"), int | float):
        return None
    return f"the best {facts.get('number')} of {facts.get('of')} evaluations during training: {number(facts['value'])}"


def _config_text(config: Mapping[str, Any]) -> list[str]:
    from ganzoo.config import yaml_files

    if not config:
        return []
    title = "The whole config (to train it again: ganzoo train this.yaml)"
    lines = yaml_files.dump(dict(config)).replace("```", "'''").rstrip().splitlines()
    return ["", f"<details><summary>{title}</summary>", "", "```yaml", *lines, "```", "", "</details>"]


def _metrics(facts: BundleFacts) -> list[str]:
    """One table of numbers per protocol. The worst classes and the protocol are below their table."""
    protocols: dict[str, list[str]] = {}
    worst: dict[str, list[str]] = {}
    for name, metric in sorted(facts.metrics.items()):
        cells = [name, number(metric["value"]), interval(metric.get("interval")), number(metric.get("floor"))]
        cells += [metric.get("better", "-")]
        protocol = cell(metric["protocol"])
        protocols.setdefault(protocol, []).append(f"| {' | '.join(map(cell, cells))} |")
        found = table(metric.get("worst_class"))
        if found:
            values = f"{number(found.get('value'))}; real samples {number(found.get('floor'))}"
            line = f"- Worst class of {cell(name)}: {cell(found.get('name'))} ({values})."
            worst.setdefault(protocol, []).append(line)
    lines = ["## Evaluation"] if protocols else []
    for protocol, rows in protocols.items():
        lines += ["", "| Number | Value | 95% interval | Real samples | Better |", "|---|---|---|---|---|", *rows]
        lines += ["", *worst[protocol]] if protocol in worst else []
        lines += ["", f"Protocol: {protocol}."]
    return lines


def _data(facts: BundleFacts) -> list[str]:
    credits = sentences(facts.training.get("data_credits"))
    stated = text(facts.training.get("data_license"))
    credits += [f"License of the data: {' '.join(stated.split())}."] if stated else []
    return ["## Data and licenses", "", *(f"- {line}" for line in credits)] if credits else []


def _files(config: BundleConfig, facts: BundleFacts, files: Collection[str], speed: str | None) -> list[str]:
    lines = []
    if facts.parity_error is not None:
        scale = " for values from -1 to 1" if config.sample_spec.is_image else ""
        lines += [f"- Largest difference between the ONNX file and Keras: {facts.parity_error:.1g}{scale}."]
    lines += [f"- {speed}"] if speed else []
    if WEIGHTS in files:
        lines += [f"- `{WEIGHTS}` has the same weights for further training (`training.init_from`)."]
    if CRITIC in files:
        step = table(facts.training.get("critic")).get("step")
        of_step = f" of step {step}" if isinstance(step, int) else ""
        lines += [f"- `{CRITIC}` is the discriminator{of_step}, for `best_of`. It trades variety for quality."]
    versions = ", ".join(f"{name} {version}" for name, version in config.versions.items())
    lines += [f"- Exported with {versions}."] if versions else []
    return ["## Files", "", *lines] if lines else []


def _limits(facts: BundleFacts) -> list[str]:
    lines = [*sentences(facts.training.get("data_limits")), *sentences(facts.training.get("limits"))]
    lines += ["It reproduces the gaps and the bias of its training data. Some samples are deformed."]
    if not facts.metrics:
        lines += ["Its quality has not been measured. Look at the samples."]
    return ["## Limits and bias", "", *(f"- {line}" for line in lines)]


def _source(facts: BundleFacts) -> str | None:
    """Registered name of the data source."""
    return text(table(table(facts.training.get("config")).get("data")).get("source"))
