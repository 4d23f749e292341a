"""The model card: a bundle's README.md, generated from the bundle, complete without editing.

The last line of a card contains a digest of the text above it. A card that was edited by hand no longer matches the
digest, so ganzoo never overwrites it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from ganzoo.bundle.card_metrics import main_numbers, main_section, split_label
from ganzoo.bundle.card_text import cell, duration, hardware, number, part, picture, sentences, table, text
from ganzoo.bundle.folder import CLASSES, CRITIC, DIRECTIONS, ENCODER, NEAREST, ONNX, SAMPLES, WEIGHTS
from ganzoo.bundle.schema import BundleConfig, BundleFacts
from ganzoo.environment import commands
from ganzoo.errors import GanzooError
from ganzoo.sample_sheet import classes_shown, preview_options, preview_seeds

LIBRARY = "ganzoo"
TASK = "unconditional-image-generation"
UNKNOWN_LICENSE = "unknown"
FILES = (ONNX, SAMPLES, CLASSES, WEIGHTS)
"""The files of every new bundle that a card mentions."""
_LOCAL = "path/to/this/folder"
_CLASSES = 20
_PICTURE = 340
"""Largest width of a picture in pixels, so that two are side by side on the Hub."""
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)
_MARK = re.compile(r"<!-- ganzoo card ([0-9a-f]{16}): .*-->\n*")


def model_card(
    config: BundleConfig,
    facts: BundleFacts,
    *,
    files: Collection[str] = FILES,
    load_name: str | None = None,
    license: str | None = None,
    speed: str | None = None,
    page_url: str | None = None,
) -> str:
    """The text of README.md: front matter for the Hub, then sections for people.

    Args:
        config, facts: the bundle's.
        files: names of the bundle's files. The card mentions only these.
        load_name: what users pass to ``ganzoo.load``: the Hub repo ``user/name``, or the exact name of a pretrained
            model, ``faces-64@1``.
        license: license of the weights, an identifier of the Hub such as "apache-2.0". Default: the license that was
            given at export, else "unknown".
        speed: a sentence about the measured speed of the ONNX file and the hardware.
        page_url: address of the web page of the model.
    """
    license = license or stated_license(facts) or UNKNOWN_LICENSE
    title = (load_name or config.name).rpartition("/")[2].partition("@")[0]
    sections = (
        _head(title, config, files, page_url),
        _usage(config, files, load_name or _LOCAL),
        _quality(facts, files),
        _training(facts),
        _licenses(facts, license),
        _limits(facts),
        _files(config, facts, files, speed),
    )
    body = "\n\n".join("\n".join(section) for section in sections if section)
    content = f"---\n{_front_matter(title, config, facts, license)}\n---\n\n{body}\n\n"
    return sealed(content)


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


def sealed(content: str) -> str:
    """A card with its last line, which ``is_ours`` checks."""
    return f"{content}<!-- ganzoo card {_digest(content)}: an edited card is never overwritten. -->\n"


def is_ours(card: str) -> bool:
    """True if ganzoo generated this README.md and nobody has edited it since, or if it has only front matter."""
    marks = list(_MARK.finditer(card))
    if marks:
        return marks[-1].end() == len(card) and marks[-1][1] == _digest(card[: marks[-1].start()])
    return not re.sub(r"\A---\n.*?\n---\n", "", card, count=1, flags=re.DOTALL).strip()


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def stated_license(facts: BundleFacts) -> str | None:
    """The license that was given at export; None if there was none."""
    stated = text(facts.training.get("license"))
    return stated if stated and _LICENSE.fullmatch(stated) else None


def _front_matter(title: str, config: BundleConfig, facts: BundleFacts, license: str) -> str:
    """The YAML for the Hub, with the main numbers. ``datasets`` may only name datasets of the Hub."""
    from huggingface_hub.repocard_data import EvalResult, ModelCardData

    source, dataset = _source(facts), text(facts.training.get("hub_dataset"))
    results = [
        EvalResult(
            task_type=TASK,
            dataset_type=dataset or source or "unknown",
            dataset_name=source or "unknown",
            metric_type=split_label(label)[0],
            metric_name=label,
            metric_value=float(f"{facts.metrics[label]['value']:.3g}"),
        )
        for _, label in main_numbers(facts.metrics)[0]
        if isinstance(facts.metrics[label]["value"], int | float)
    ]
    data = ModelCardData(
        library_name=LIBRARY,
        license=license,
        pipeline_tag=TASK if config.sample_spec.is_image else None,
        tags=["gan", "ganzoo", "onnx", "keras", *(["conditional"] if config.num_classes else [])],
        datasets=[dataset] if dataset else None,
        model_name=title if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml()).strip()


def _head(title: str, config: BundleConfig, files: Collection[str], page_url: str | None) -> list[str]:
    """What the model generates, and its pictures in one row."""
    spec, sample = config.sample_spec, f"a {config.sample_spec}"
    if spec.is_image:
        height, width = spec.size
        sample = f"an image of {spec}{'' if height == width else ' (height x width)'}"
        sample += ", with transparency," if spec.channels == 4 else ""
    classes, names = "", config.class_names or ()
    if config.num_classes:
        listed = f": {', '.join(names[:_CLASSES])}{' and more' if len(names) > _CLASSES else ''}" if names else ""
        classes = f" It is conditional, with {config.num_classes} classes{listed}."
    lines = [f"# {title}", ""]
    lines += [
        f"A generative adversarial network (GAN) that generates {sample} from a seed.{classes} Trained with ganzoo; it "
        "runs on ONNX Runtime, without TensorFlow."
    ]
    lines += ["", f"**[Make images in your browser]({page_url})**"] if page_url else []
    return [*lines, *_pictures(config, files)]


def _pictures(config: BundleConfig, files: Collection[str]) -> list[str]:
    """The samples and, next to them, one seed in every class."""
    spec, width = config.sample_spec, _PICTURE
    if spec.is_image:
        width = min(width, 8 * spec.size[1])
    classes = ", with the classes in turn" if config.num_classes else ""  # not with those that the seeds choose
    pictures = [(SAMPLES, width, f"Samples of the seeds 0 to {preview_seeds(spec)[-1]}{classes}, uncurated")]
    if config.num_classes:
        shown = classes_shown(config.num_classes)
        names = ", ".join((config.class_names or tuple(map(str, shown)))[: len(shown)])
        width = min(_PICTURE, len(shown) * spec.size[1]) if spec.is_image else width
        pictures.append((CLASSES, width, f"One seed in each row, one class in each column: {names}"))
    there = [(picture(file, words, width), words) for file, width, words in pictures if file in files]
    if not there:
        return []
    return ["", *(tag for tag, _ in there), "", f"*{'. '.join(words for _, words in there)}.*"]


def _usage(config: BundleConfig, files: Collection[str], name: str) -> list[str]:
    seeds, first = len(preview_seeds(config.sample_spec)), 0 if config.class_names is None else config.class_names[0]
    label = f", label={json.dumps(first, ensure_ascii=False)}" if "`" not in str(first) else ", label=0"
    options = label if config.num_classes else ""
    is_image = config.sample_spec.is_image
    use = f'generator.generate(7{options}).save("seed7.png")' if is_image else f"generator.sample(range({seeds}))"
    lines = ["## Use", "", "```sh", "pip install 'ganzoo-keras[cpu]'", "```", ""]
    lines += ["```python", "import ganzoo", f'generator = ganzoo.load("{name}")', use, "```", ""]
    lines += ["The same seed gives the same latent on every machine, and the same sample except for rounding."]
    lines += ["Without `label`, the seed also chooses the class."] if config.num_classes else []
    if config.codes:
        several = config.codes > 1
        entries = (
            f"{config.codes} continuous codes, the first entries" if several else "a continuous code, the first entry"
        )
        lines += [f"It has {entries} of the latent: `generator.generate(7, codes={{0: 1.5}})`."]
    if CRITIC in files:
        lines += ["The best of four samples, chosen by the discriminator: `generator.generate(7, best_of=4)`."]
    if ENCODER in files:
        labels = ", labels" if config.num_classes else ""
        what = "images" if is_image else "vectors"
        lines += [
            f"From {what} to latents and back: `latents = generator.encode({what})`, then "
            f"`generator.decode(latents{labels})`."
        ]
    if DIRECTIONS in files:
        lines += [f"It has named directions of the latent space: `ganzoo directions {name} -o directions.png`"]
    return [*lines, f"On the command line: `ganzoo generate {name} {preview_options(config.sample_spec)}`"]


def _quality(facts: BundleFacts, files: Collection[str]) -> list[str]:
    lines = ["## Quality", "", *main_section(facts.metrics)] if facts.metrics else []
    if NEAREST in files:
        words = "Samples in the first row, below them their nearest training images, by features and by pixels"
        lines += [*([""] if lines else ["## Quality", ""]), f"![{words}]({NEAREST})", "", f"*{words}.*"]
    return lines


def _training(facts: BundleFacts) -> list[str]:
    """The training: only values that the run recorded."""
    training = facts.training
    config = table(training.get("config"))
    settings = table(config.get("training"))
    command, penalties = text(training.get("command")), settings.get("penalties")
    time, machine = duration(training.get("seconds")), hardware(training.get("machine"))
    steps = f"{facts.training_step} steps" if facts.training_step is not None else None
    batch = f"batches of {settings['batch_size']}" if steps and "batch_size" in settings else None
    rows = [
        ("Trained", ", ".join(filter(None, (steps, batch, time, machine))) or None),
        ("Selected", _selected(training.get("chosen_by"))),
        ("Loss", part(settings.get("loss"))),
        ("Penalties", ", ".join(filter(None, map(part, penalties if isinstance(penalties, list) else ()))) or None),
        ("Initial weights", settings.get("init_from") or training.get("initial_weights")),
        ("Blended", _blended(training.get("blend"))),
        ("Seed", settings.get("seed")),
    ]
    lines = [f"- {key}: {cell(value)}." for key, value in rows if value is not None]
    if command:
        blend = training.get("blend")
        export = [commands.command("export", options=f"--blend {blend:g}")] if isinstance(blend, int | float) else []
        lines = ["```sh", " ".join(command.replace("```", "").split()), *export, "```", "", *lines]
    return ["## Training", "", *lines, *_config_text(config)] if lines else []


def _selected(choice: object) -> str | None:
    """The number that selected the exported step."""
    facts = table(choice)
    if not isinstance(facts.get("value"), int | float):
        return None
    return f"the best {facts.get('number')} of {facts.get('of')} evaluations during training, {number(facts['value'])}"


def _blended(share: object) -> str | None:
    """The average that was exported."""
    if not isinstance(share, int | float):
        return None
    return f"the exported weights are {share:.0%} of this training and {1 - share:.0%} of the initial weights"


def _config_text(config: Mapping[str, Any]) -> list[str]:
    from ganzoo.config import yaml_files

    if not config:
        return []
    title = "The whole config (to train it again: ganzoo train this.yaml)"
    lines = yaml_files.dump(dict(config)).replace("```", "'''").rstrip().splitlines()
    return ["", f"<details><summary>{title}</summary>", "", "```yaml", *lines, "```", "", "</details>"]


def _licenses(facts: BundleFacts, license: str) -> list[str]:
    """License of the weights, then the data, their license and their authors."""
    source, dataset = _source(facts), text(facts.training.get("hub_dataset"))
    stated = text(facts.training.get("data_license"))
    of_hub = f", on the Hub [{cell(dataset)}](https://huggingface.co/datasets/{cell(dataset)})" if dataset else ""
    lines = [f"License of the weights: `{license}`."]
    lines += [f"Training data: {cell(source)}{of_hub}."] if source else []
    lines += sentences(facts.training.get("data_credits"))
    lines += [f"License of the data: {cell(stated)}."] if stated else []
    return ["## Licenses and data", "", *(f"- {line}" for line in lines)]


def _limits(facts: BundleFacts) -> list[str]:
    lines = [*sentences(facts.training.get("limits")), *sentences(facts.training.get("data_limits"))]
    lines += ["It reproduces the gaps and the bias of its training data. Some samples are deformed."]
    if not facts.metrics:
        lines += ["Its quality has not been measured. Look at the samples."]
    return ["## Limits and bias", "", *(f"- {line}" for line in lines)]


def _files(config: BundleConfig, facts: BundleFacts, files: Collection[str], speed: str | None) -> list[str]:
    lines = [f"- {speed}"] if speed else []
    if facts.parity_error is not None:
        scale = " for values from -1 to 1" if config.sample_spec.is_image else ""
        lines += [f"- Largest difference between the ONNX file and Keras: {facts.parity_error:.1g}{scale}."]
    if WEIGHTS in files:
        lines += [f"- `{WEIGHTS}` has the same weights for further training (`training.init_from`)."]
    if CRITIC in files:
        step = table(facts.training.get("critic")).get("step")
        of_step = f" of step {step}" if isinstance(step, int) else ""
        lines += [f"- `{CRITIC}` is the discriminator{of_step}, for `best_of`. It trades variety for quality."]
    if ENCODER in files:
        error = table(facts.training.get("encoder")).get("parity_error")
        parity = f" Largest difference from Keras: {error:.1g}." if isinstance(error, float) else ""
        lines += [f"- `{ENCODER}` is the encoder that was trained with the generator, for `encode`.{parity}"]
    lines += ["- `metadata.json` has the SHA-256 of each file, and all numbers without rounding."]
    versions = ", ".join(f"{name} {version}" for name, version in config.versions.items())
    lines += [f"- Exported with {versions}."] if versions else []
    return ["<details><summary>Files, speed and versions</summary>", "", *lines, "", "</details>"]


def _source(facts: BundleFacts) -> str | None:
    """Registered name of the data source."""
    return text(table(table(facts.training.get("config")).get("data")).get("source"))
