"""The sections of a report in HTML: pictures, charts, warnings, numbers, commands and config."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ganzoo.environment.commands import command, run_word
from ganzoo.environment.quantities import duration_text, rate_text
from ganzoo.report.chart import Chart
from ganzoo.report.history import Event, History, Measured, group
from ganzoo.report.pictures import Picture
from ganzoo.report.rates import learning_rates
from ganzoo.report.scale import number_text
from ganzoo.runs import CONFIG, trained_seconds

STATES = {
    "training": "Training",
    "finished": "Finished",
    "stopped": "Stopped",
    "interrupted": "Interrupted",
    "collapsed": "Collapsed",
}
_RECENT = 5
"""The speed is the median of this number of newest entries."""


def unit_of(history: History) -> str:
    """What a training of the run counts: images, or samples of vectors."""
    return "images" if history.is_image else "samples"


def charts_of(history: History) -> list[Chart]:
    """The charts of one run. Those without values are left out."""
    watched = [event for event in history.events if event.kind != "changed"]
    marks = [(event.step, str(number)) for number, event in enumerate(watched, start=1)]
    every = history.training.get("log_every")
    mean = f", mean over {every} steps" if isinstance(every, int) else ""
    reach = float(history.step)
    groups: list[tuple[str, str, tuple[float, float] | None, tuple[tuple[str, str], ...]]] = [
        ("Losses", f"loss{mean}", None, (("d_loss", "D"), ("g_loss", "G"))),
        (
            "Realness scores of D",
            f"probability of being real, by D{mean}",
            (0.0, 1.0),
            (("d_real", "real samples"), ("d_fake", "generated samples")),
        ),
        *((title, f"value{mean}", None, tuple(labels.items())) for title, labels in history.further_metrics.items()),
    ]
    found = [
        Chart(title, [history.series(*pair) for pair in pairs], unit, bounds, marks, reach=reach)
        for title, unit, bounds, pairs in groups
    ]
    found += [_metric(history, label, reach) for label in history.metric_labels]
    more: list[tuple[str, str, tuple[float, float] | None, tuple[tuple[str, str], ...]]] = [
        (
            "Variety of the preview",
            "share of samples",
            (0.0, 1.0),
            (
                ("recall", "real samples covered"),
                ("real_recall", "the same, by other real samples"),
                ("duplicates", "near copies"),
                ("real_duplicates", "near copies among real samples"),
            ),
        ),
        (
            "Effect of the label",
            "share",
            None,
            (
                ("label_agreement", "samples that look like their class"),
                ("label_response", "change between classes"),
                ("class_duplicates", "near copies in a class"),
            ),
        ),
        ("Speed", f"{unit_of(history)} per second", None, (("images_per_second", "speed"),)),
    ]
    found += [
        Chart(title, [history.series(*pair) for pair in pairs], unit, bounds, reach=reach)
        for title, unit, bounds, pairs in more
    ]
    found.append(Chart("Learning rates", learning_rates(history) if history.log else [], "learning rate", reach=reach))
    found.append(
        Chart(
            "Gradient norms",
            [history.series("d_gradient_norm", "D"), history.series("g_gradient_norm", "G")],
            f"norm{mean}",
            marks=marks,
            reach=reach,
        )
    )
    found.append(
        Chart("Augmentation", [history.series("augment_p", "p")], "probability of each augmentation", reach=reach)
    )
    return [chart for chart in found if not chart.is_empty]


def _metric(history: History, label: str, reach: float) -> Chart:
    best = history.run.best_step()
    measured = [m for m in history.evaluated if m.label == label and m.step is not None and m.interval]
    intervals = [(float(m.step or 0), m.value, *(m.interval or (m.value, m.value))) for m in measured]
    notes = [] if best is None else [f"The circle is the best step, {best:,}, whose weights are exported."]
    notes += ["The bar is the 95% interval of ganzoo evaluate."] if intervals else []
    return Chart(
        label,
        [history.series(label, "generated samples")],
        direction(label),
        None,
        (),
        best,
        intervals,
        " ".join(notes),
        reach,
    )


def direction(label: str) -> str:
    """Whether lower or higher values of a metric are better, if its metric is registered here."""
    from ganzoo.metrics.base import metric_of

    name = label.partition(" (")[0]
    metric = metric_of(name)
    return "value" if metric is None else f"{metric.numbers.get(name) or next(iter(metric.numbers.values()))} is better"


def lead(history: History) -> str:
    """State, progress and speed below the title."""
    ending, step, steps = history.ending, history.step, history.steps
    share = f" ({step / steps:.0%})" if steps else ""
    words = [f"Step {step:,}{f' of {steps:,}' if steps else ''}{share}"]
    seconds = trained_seconds(history.log)
    if seconds >= 1:
        words.append(f"{duration_text(seconds)} of training")
    speed = speed_of(history)
    if speed:
        words.append(f"{rate_text(speed)} {unit_of(history)}/s")
    batch = history.training.get("batch_size")
    if ending.state == "training" and speed and steps and isinstance(batch, int) and steps > step:
        words.append(f"about {duration_text((steps - step) * batch / speed)} to the last step")
    bar = f'<progress max="{steps}" value="{min(step, steps)}" aria-label="Progress"></progress>' if steps else ""
    text = html.escape(" · ".join(words))
    state = f'<span class="state {ending.state}">{STATES[ending.state]}</span>'
    return f'<p class="status">{state} <span>{text}</span></p>{bar}'


def speed_of(history: History) -> float | None:
    """Images or samples per second, lately; None if it was not logged."""
    values = sorted(value for value in history.series("images_per_second", "").values[-_RECENT:] if value > 1e-6)
    return values[len(values) // 2] if values else None


def reason(history: History) -> str:
    """Why the training ended, if a reason is known. A training that the user stopped is not a warning."""
    lines = [line for line in history.ending.reason.splitlines() if line.strip()]
    kind = "notice plain" if history.ending.state == "stopped" else "notice"
    return f'<div class="{kind}">{"".join(f"<p>{html.escape(line)}</p>" for line in lines)}</div>' if lines else ""


def pictures(samples: Sequence[Picture], real: Picture | None) -> str:
    """The generated samples with a slider, and real samples next to them."""
    parts = []
    if samples:
        newest, last = samples[-1], len(samples) - 1
        parts.append(
            f'<figure><figcaption>Generated at step <span id="shown">{newest.step:,}</span></figcaption>'
            f"{_image(newest, f'Generated samples at step {newest.step:,}', 'sample')}"
            '<div id="controls" class="steps" hidden><button id="play" type="button">Play</button>'
            f'<input id="slider" type="range" min="0" max="{last}" value="{last}" step="1" aria-label="Training step" '
            'autocomplete="off"></div></figure>'
        )
    if real is not None:
        parts.append(f"<figure><figcaption>Real samples</figcaption>{_image(real, 'Real samples')}</figure>")
    if not parts:
        return ""
    return section("Samples", f'<div class="pair">{"".join(parts)}</div>')


def _image(picture: Picture, text: str, identity: str = "") -> str:
    name = f'id="{identity}" ' if identity else ""
    width, height = picture.size
    return f'<img {name}src="{picture.address}" width="{width}" height="{height}" alt="{html.escape(text)}">'


def newest_picture(name: str, picture: Picture) -> str:
    """The newest samples of one of several runs."""
    caption = f"{html.escape(name)}, step {picture.step:,}"
    return f"<figure><figcaption>{caption}</figcaption>{_image(picture, f'Samples of {name}')}</figure>"


def charts(title: str, found: Sequence[Chart]) -> str:
    """All charts. Their places are the keys of their values in the data of the page."""
    figures = "".join(chart.figure(number) for number, chart in enumerate(found))
    return section(title, f'<div class="charts">{figures}</div>') if figures else ""


def warnings(events: Sequence[Event]) -> str:
    """The warnings, numbered as their marks in the charts, and the changes of resumed runs."""
    watched = [event for event in events if event.kind != "changed"]
    changed = [event for event in events if event.kind == "changed"]
    items = "".join(f"<li>{html.escape(event.text)}</li>" for event in watched)
    found = section("Warnings", f'<ol class="events">{items}</ol>') if items else ""
    items = "".join(f"<li>{html.escape(event.text)}</li>" for event in changed)
    return found + (section("Changes", f'<ul class="events">{items}</ul>') if items else "")


def numbers(history: History) -> str:
    """The metrics in a table: newest, at the best step, and as ``ganzoo evaluate`` measured them."""
    best = history.run.best_step()
    evaluated = {measured.label: measured for measured in history.evaluated}
    rows = []
    for label in dict.fromkeys((*history.metric_labels, *evaluated)):
        series = history.series(label, label)
        at_best = next((v for s, v in zip(series.steps, series.values, strict=True) if s == best), None)
        rows.append((label, _text(series.last), _text(at_best), *_measured(evaluated.get(label))))
    heads = ("Metric", "Newest", f"Best step{f' ({best:,})' if best else ''}", "Evaluated", "95% interval", "Floor")
    kept = [column for column in range(len(heads)) if column == 0 or any(row[column] != "-" for row in rows)]
    if not rows:
        return ""
    return section("Metrics", table([heads[c] for c in kept], [[row[c] for c in kept] for row in rows]))


def _text(value: float | None) -> str:
    return "-" if value is None else number_text(value)


def _measured(found: Measured | None) -> tuple[str, str, str]:
    if found is None:
        return "-", "-", "-"
    at = "" if found.step is None else f" (step {found.step:,})"
    interval = "-" if found.interval is None else " to ".join(map(number_text, found.interval))
    return f"{number_text(found.value)}{at}", interval, _text(found.floor)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; its first column is text, the others are numbers."""
    top = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Numbers">'
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def facts(history: History) -> str:
    """The run in short, the commands, and the whole config, folded."""
    run, training, data = history.run, history.training, group(history.config, "data")
    saved, best = run.checkpoint_steps(), run.best_step()
    rows = {
        "Config": history.config.get("name"),
        "Data": data.get("source"),
        "Image": _image_text(data) if history.is_image else None,
        "Classes": history.config.get("num_classes") or None,
        "Batch size": training.get("batch_size"),
        "Seed": training.get("seed"),
        "Newest checkpoint": f"step {saved[-1]:,}" if saved else None,
        "Best step": f"{best:,}" if best is not None else None,
    }
    terms = "".join(f"<dt>{name}</dt><dd>{html.escape(str(v))}</dd>" for name, v in rows.items() if v is not None)
    codes = "".join(f"<dt>{name}</dt><dd><code>{html.escape(text)}</code></dd>" for name, text in _commands(history))
    return section("Run", f"<dl>{terms}</dl>") + section(
        "Commands", f'<dl class="commands">{codes}</dl>{_config(history)}'
    )


def _image_text(data: Mapping[str, Any]) -> str:
    """Height, width and channels of the images, from the group ``data`` of a config that may be damaged."""
    size = data.get("resolution")
    return f"{size if isinstance(size, str) else f'{size}x{size}'}, {data.get('channels')} channels"


def _commands(history: History) -> list[tuple[str, str]]:
    word = run_word(history.run.folder)
    found = [("Started with", history.command)] if history.command else []
    if history.ending.state == "finished":
        longer = f"training.steps={2 * history.step}"
        found.append(("Train longer", command("train --resume", word, longer)))
    else:
        found.append(("Resume", command("train --resume", word)))
    if history.run.chosen_step() is not None:
        found.append(("Export", command("export", word, options="--onnx")))
        found.append(("Measure", command("evaluate", word)))
    return found


def _config(history: History) -> str:
    try:
        text = (history.run.folder / CONFIG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return f"<details><summary>{CONFIG}</summary><pre>{html.escape(text)}</pre></details>"


def section(title: str, content: str) -> str:
    """A section with a heading."""
    return f"<section><h2>{html.escape(title)}</h2>{content}</section>"
