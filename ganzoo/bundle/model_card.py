"""The model card: a bundle's README.md, complete without editing, made from what the bundle itself says.

The last line of a card holds a digest of what is above it, so that a card that somebody has edited is told from one
that may be written anew.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any

from ganzoo.bundle.folder import ONNX, SAMPLES, WEIGHTS
from ganzoo.bundle.schema import BundleConfig, BundleFacts
from ganzoo.errors import GanzooError

LIBRARY = "ganzoo"
TASK = "unconditional-image-generation"
UNKNOWN_LICENSE = "unknown"
_LOCAL = "path/to/this/folder"
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)
_MARK = re.compile(r"<!-- ganzoo card ([0-9a-f]{16}): .*-->\n*")
_DATASETS = {
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "stacked_mnist": "ylecun/mnist",
    "cifar10": "uoft-cs/cifar10",
}
"""Data source -> the name of the same data on the Hub, where there is one."""


def model_card(
    config: BundleConfig,
    facts: BundleFacts,
    *,
    files: Collection[str] = (ONNX, SAMPLES, WEIGHTS),
    repo_id: str | None = None,
    license: str | None = None,
    speed: str | None = None,
) -> str:
    """README.md of a bundle: front matter for the Hub, then what people need to know.

    Args:
        config, facts: the bundle's.
        files: names of the bundle's files; what is not there is not spoken of.
        repo_id: ``user/name`` where it will stand, for the lines to paste.
        license: of the weights, an identifier of the Hub such as "apache-2.0"; by default what was said at export,
            or else "unknown".
        speed: a sentence on how fast the ONNX file was, and where.
    """
    sections = (
        _head(config, facts, files),
        _usage(config, repo_id),
        _training(facts),
        _metrics(facts),
        _data(facts),
        _onnx(config, facts, files, speed),
        _limits(config, facts),
    )
    body = "\n\n".join("\n".join(section) for section in sections if section)
    text = f"---\n{_front_matter(config, facts, license)}\n---\n\n{body}\n\n"
    return f"{text}<!-- ganzoo card {_digest(text)}: an edited card is never overwritten. -->\n"


def check_license(license: str) -> str:
    """The licence, if it has the form of the Hub's identifiers.

    Raises:
        GanzooError: if not.
    """
    if not _LICENSE.fullmatch(license):
        raise GanzooError(
            f"{license[:60]!a} is no licence as the Hub names them, for example apache-2.0, cc-by-4.0 or other; "
            "see https://huggingface.co/docs/hub/repositories-licenses"
        )
    return license


def is_ours(text: str) -> bool:
    """Whether a README.md is a card that ganzoo wrote and nobody has edited since, or has nothing but front matter."""
    marks = list(_MARK.finditer(text))
    if marks:
        return marks[-1].end() == len(text) and marks[-1][1] == _digest(text[: marks[-1].start()])
    return not re.sub(r"\A---\n.*?\n---\n", "", text, count=1, flags=re.DOTALL).strip()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _front_matter(config: BundleConfig, facts: BundleFacts, license: str | None) -> str:
    """The YAML that the Hub reads."""
    from huggingface_hub.repocard_data import EvalResult, ModelCardData

    source = _source(facts)
    dataset = _DATASETS.get(source or "", source)
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
        license=license or _stated_license(facts) or UNKNOWN_LICENSE,
        pipeline_tag=TASK if config.kind == "image" else None,
        tags=["gan", "ganzoo", "onnx", "keras", *(["conditional"] if config.num_classes else [])],
        datasets=[dataset] if dataset else None,
        model_name=config.name if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml()).strip()


def _head(config: BundleConfig, facts: BundleFacts, files: Collection[str]) -> list[str]:
    what = "images" if config.kind == "image" else "vectors"
    size = " x ".join(str(n) for n in config.shape[:2])
    if config.kind == "image" and config.shape[0] != config.shape[1]:
        size = f"{config.shape[0]} (height) x {config.shape[1]} (width)"
    colors = {1: " in grey", 3: " in colour", 4: " in colour, with transparency,"}.get(config.shape[-1], "")
    colors = colors if config.kind == "image" else " numbers"
    lines = [f"# {config.name}", ""]
    lines += [
        f"A generative adversarial network that makes {what} of {size}{' px' if colors[1:3] == 'in' else ''}"
        f"{colors} from a seed. Made with ganzoo; it runs on ONNX Runtime, without TensorFlow."
    ]
    if config.num_classes:
        names = ", ".join(config.class_names[:20]) if config.class_names else ""
        more = " and more" if config.class_names and len(config.class_names) > 20 else ""
        lines += ["", f"It is conditional, with {config.num_classes} classes{': ' + names + more if names else ''}."]
    if SAMPLES in files:
        lines += [
            "",
            f"![Samples of seeds 0 to 63, not chosen]({SAMPLES})"
            if config.kind == "image"
            else f"![Samples]({SAMPLES})",
        ]
    return lines


def _usage(config: BundleConfig, repo_id: str | None) -> list[str]:
    use = (
        'generator.generate(7).save("seed7.png")'
        if config.kind == "image"
        else "points = generator.sample(range(1000))"
    )
    lines = [
        "## Use",
        "",
        "```python",
        "import ganzoo",
        f'generator = ganzoo.load("{repo_id or _LOCAL}")',
        use,
        "```",
        "",
    ]
    lines += [
        "Install: `pip install 'ganzoo-keras[cpu]'`. The same seed gives the same latent everywhere, and the same "
        "picture up to one grey level."
    ]
    if config.num_classes:
        lines += ["", "A class by name or number: `generator.generate(7, label=0)`."]
    command = f"ganzoo generate {repo_id or _LOCAL} --seeds 0-63 " + (
        "--grid -o samples.png" if config.kind == "image" else "-o samples.npy"
    )
    return [*lines, "", f"On the command line: `{command}`"]


def _training(facts: BundleFacts) -> list[str]:
    """How it was trained: what the run wrote down, and nothing else."""
    training = facts.training
    config = _table(training.get("config"))
    settings, machine = _table(config.get("training")), _table(training.get("machine"))
    rows = [
        ("Data", _source(facts)),
        ("Steps", facts.training_step),
        ("Chosen", _chosen(training.get("chosen_by"))),
        ("Batch size", settings.get("batch_size")),
        ("Loss", _name(settings.get("loss"))),
        ("Penalties", ", ".join(filter(None, map(_name, settings.get("penalties") or ()))) or None),
        ("Started from", settings.get("init_from")),
        ("Seed", settings.get("seed")),
        ("Time", _duration(training.get("seconds"))),
        ("Hardware", _hardware(machine)),
        ("Command", training.get("command")),
    ]
    lines = [f"| {key} | {_cell(value)} |" for key, value in rows if value is not None]
    if not lines:
        return []
    lines = ["## Training", "", "| | |", "|---|---|", *lines]
    return [*lines, *_config_text(config)] if config else lines


def _chosen(choice: object) -> str | None:
    """By what number the exported step was chosen."""
    table = _table(choice)
    if not isinstance(table.get("value"), int | float):
        return None
    return f"the best {table.get('number')} of {table.get('of')} measured while training: {table['value']:.4g}"


def _config_text(config: Mapping[str, Any]) -> list[str]:
    from ganzoo.config import yaml_files

    text = yaml_files.dump(dict(config)).replace("```", "'''").rstrip()
    return [
        "",
        "<details><summary>The whole config (ganzoo train this.yaml trains it again)</summary>",
        "",
        "```yaml",
        *text.splitlines(),
        "```",
        "",
        "</details>",
    ]


def _metrics(facts: BundleFacts) -> list[str]:
    """A table of numbers for each protocol, which stands below it."""
    protocols: dict[str, list[str]] = {}
    for name, metric in sorted(facts.metrics.items()):
        cells = [name, _figure(metric["value"]), _range(metric.get("interval")), _figure(metric.get("floor"))]
        cells += [metric.get("better", "-")]
        protocols.setdefault(_cell(metric["protocol"]), []).append(f"| {' | '.join(map(_cell, cells))} |")
    lines = ["## Evaluation"] if protocols else []
    for protocol, rows in protocols.items():
        lines += ["", "| Number | Value | 95% interval | Real samples | Better |", "|---|---|---|---|---|", *rows]
        lines += ["", f"How: {protocol}."]
    return lines


def _data(facts: BundleFacts) -> list[str]:
    credits = _sentences(facts.training.get("data_credits"))
    return ["## Data and licences", "", *(f"- {line}" for line in credits)] if credits else []


def _onnx(config: BundleConfig, facts: BundleFacts, files: Collection[str], speed: str | None) -> list[str]:
    lines = []
    if facts.parity_error is not None:
        scale = " on a scale of 2 (from -1 to 1)" if config.kind == "image" else ""
        lines += [f"- The largest difference between the ONNX file and Keras was {facts.parity_error:.1g}{scale}."]
    lines += [f"- {speed}"] if speed else []
    if WEIGHTS in files:
        lines += [f"- `{WEIGHTS}` has the same weights for further training (`training.init_from`)."]
    versions = ", ".join(f"{name} {number}" for name, number in config.versions.items())
    lines += [f"- Made with {versions}."] if versions else []
    return ["## Files", "", *lines] if lines else []


def _limits(config: BundleConfig, facts: BundleFacts) -> list[str]:
    lines = [*_sentences(facts.training.get("data_limits")), *_sentences(facts.training.get("limits"))]
    lines += [
        "It can only make what its training data show, with their gaps and their bias; some samples are deformed."
    ]
    if not facts.metrics:
        lines += ["Its quality has not been measured; look at the samples."]
    return ["## Limits and bias", "", *(f"- {line}" for line in lines)]


def _source(facts: BundleFacts) -> str | None:
    """Registered name of the training data's source."""
    source = _table(_table(facts.training.get("config")).get("data")).get("source")
    return source if isinstance(source, str) else None


def _stated_license(facts: BundleFacts) -> str | None:
    """The licence that was stated when the bundle was exported."""
    license = facts.training.get("license")
    return license if isinstance(license, str) and _LICENSE.fullmatch(license) else None


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sentences(value: object) -> list[str]:
    lines = value if isinstance(value, list | tuple) else ()
    return [" ".join(line.split()) for line in lines if isinstance(line, str)]


def _name(part: object) -> str | None:
    """A part's config as the card shows it: ``r1 (gamma 1.0)``."""
    if isinstance(part, str):
        return part
    table = _table(part)
    if not isinstance(table.get("name"), str):
        return None
    fields = ", ".join(f"{key} {value}" for key, value in table.items() if key != "name" and value is not None)
    return f"{table['name']} ({fields})" if fields else str(table["name"])


def _hardware(machine: Mapping[str, Any]) -> str | None:
    if "cpus" not in machine:
        return None
    devices = [name for name in machine.get("devices") or () if isinstance(name, str) and "CPU" not in name]
    return f"{machine['cpus']} CPU cores{' and ' + ', '.join(devices) if devices else ', no GPU'}"


def _duration(seconds: object) -> str | None:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    minutes = round(seconds / 60)
    return (
        f"{minutes // 60} h {minutes % 60} min"
        if minutes >= 60
        else f"{minutes} min"
        if minutes
        else f"{seconds:.0f} s"
    )


def _figure(value: object) -> str:
    """A measured number as people read it."""
    return f"{value:.4g}" if isinstance(value, int | float) else "-"


def _range(interval: object) -> str:
    ends = interval if isinstance(interval, list | tuple) else ()
    return " to ".join(map(_figure, ends)) or "-"


def _cell(value: object) -> str:
    """One cell of a table."""
    return " ".join(str(value).split()).replace("|", "\\|")
