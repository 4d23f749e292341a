"""The README.md of a run on the Hub."""

from __future__ import annotations

from collections.abc import Collection

from ganzoo.bundle.model_card import sealed
from ganzoo.config.experiment import Config
from ganzoo.hub.run_files import step_of
from ganzoo.runs import SAMPLES


def run_card(config: Config, *, repo: str, step: int, names: Collection[str]) -> str:
    """The text of README.md.

    Args:
        config: of the run.
        repo: ``user/name``.
        step: of the checkpoint.
        names: the files of the run. The newest sample grid is shown.
    """
    steps = config.training.steps
    state = "finished" if step >= steps else "in progress"
    sheets = sorted((name for name in names if name.startswith(f"{SAMPLES}/")), key=lambda name: step_of(name) or 0)
    lines = [
        "---",
        "library_name: ganzoo",
        "tags: [gan, ganzoo, training-run]",
        "---",
        "",
        f"# {config.name}: training {state}",
        "",
        f"A generative adversarial network (GAN) at step {step:,} of {steps:,}. These are checkpoints of the training, "
        "not an exported model.",
        "",
    ]
    if sheets:
        lines += [f"![Samples of the generator at step {step_of(sheets[-1]):,}]({sheets[-1]})", ""]
    with_data = " --data PATH" if config.data.accepts_path else ""
    compared = " The data are compared with those of its start." if with_data else ""
    lines += [
        "## Continue the training",
        "",
        "```sh",
        "pip install 'ganzoo-keras[train]'",
        f"ganzoo train --resume hf://{repo}{with_data}",
        "```",
        "",
        f"On a machine of the same kind, every number is that of an uninterrupted training.{compared}",
    ]
    return sealed("\n".join(lines) + "\n")
