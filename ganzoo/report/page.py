"""The report of one run, or of several runs in the same axes, as one HTML file without network."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from ganzoo.report import parts
from ganzoo.report.chart import Chart
from ganzoo.report.history import History
from ganzoo.report.pictures import Pictures
from ganzoo.report.scale import number_text
from ganzoo.version import __version__
from ganzoo.web.document import filled, json_text, policy, script, shared_style

REPORT = "report.html"
"""Name of the report in a run's folder."""
ASSETS = Path(__file__).parent / "assets"
_NO_NUMBERS = {
    True: '<div class="notice"><p>The first numbers are not logged yet.</p></div>',
    False: '<div class="notice plain"><p>The training stopped before its first logged numbers.</p></div>',
}
"""What the report shows instead of curves if nothing is logged yet. The key is whether the training runs."""
_SILENT = (
    '<div id="silent" class="notice" hidden><p>This file was not rewritten for a long time. If the training was '
    "killed, the command under Commands resumes it.</p></div>"
)


def run_page(history: History, pictures: Pictures, *, every: float = 0.0) -> str:
    """The report of one run.

    Args:
        history: the run.
        pictures: of the run; keep it between two reports, so that each picture is encoded once.
        every: seconds between two reports of a running training, for the reloads of the page.
    """
    charts, samples = parts.charts_of(history), pictures.samples()
    is_training = history.ending.state == "training"
    main = [
        _SILENT if is_training else "",
        parts.reason(history),
        "" if history.log else _NO_NUMBERS[is_training],
        parts.pictures(samples, pictures.real()),
        parts.warnings(history.events),
        parts.charts("Curves", charts),
        parts.numbers(history),
        parts.facts(history),
    ]
    data = {
        "key": sha256(str(history.run.folder.absolute()).encode(errors="surrogateescape")).hexdigest()[:16],
        "every": round(every, 1),
        "pictures": [[p.step, p.address if p is not samples[-1] else None] for p in samples],
    }
    return _page(history.run.name, parts.lead(history), main, charts, data, state=history.ending.state)


def comparison_page(histories: Sequence[History]) -> str:
    """The report of several runs: their curves in the same axes, their newest pictures and a table."""
    names = [history.run.name for history in histories]
    charts = _compared(histories)
    newest = [(name, Pictures(history.run).newest()) for name, history in zip(names, histories, strict=True)]
    figures = "".join(parts.newest_picture(name, picture) for name, picture in newest if picture is not None)
    rows = [_row(history) for history in histories]
    heads = ("Run", "State", "Step", "Best step", "Speed", "Warnings")
    main = [
        parts.section("Runs", parts.table(heads, rows)),
        parts.section("Newest samples", f'<div class="newest">{figures}</div>') if figures else "",
        parts.charts("Curves", charts),
    ]
    title = f"{len(names)} runs"
    lead = f'<p class="lead">{html.escape(", ".join(names))}</p>'
    return _page(title, lead, main, charts, {"key": title, "every": 0, "pictures": []}, state="finished")


def _compared(histories: Sequence[History]) -> list[Chart]:
    labels = dict.fromkeys(label for history in histories for label in history.metric_labels)
    further = {
        key: title if label == title else f"{title} of {label}"
        for history in histories
        for title, labels in history.further_metrics.items()
        for key, label in labels.items()
    }
    keys = [
        ("d_loss", "Loss of D", "loss"),
        ("g_loss", "Loss of G", "loss"),
        *((label, label, parts.direction(label)) for label in labels),
        ("d_real", "Realness scores of D: real samples", "probability of being real"),
        ("d_fake", "Realness scores of D: generated samples", "probability of being real"),
        *((key, title, "value") for key, title in further.items()),
        ("recall", "Variety of the preview", "share of real samples covered"),
        ("images_per_second", "Speed", "images or samples per second"),
    ]
    charts = [
        Chart(title, [history.series(key, history.run.name) for history in histories], unit)
        for key, title, unit in keys
    ]
    return [chart for chart in charts if not chart.is_empty]


def _row(history: History) -> tuple[str, ...]:
    best, speed = history.run.best_step(), parts.speed_of(history)
    kinds = sorted({event.kind for event in history.events if event.kind != "changed"})
    return (
        history.run.name,
        parts.STATES[history.ending.state],
        f"{history.step:,}{f' of {history.steps:,}' if history.steps else ''}",
        "-" if best is None else f"{best:,}",
        "-" if speed is None else f"{number_text(round(speed, 1))} {parts.unit_of(history)}/s",
        ", ".join(kinds) or "-",
    )


def _page(
    title: str, lead: str, main: Sequence[str], charts: Sequence[Chart], data: dict[str, object], *, state: str
) -> str:
    now = time.time()
    data = data | {"state": state, "written": round(now), "charts": [chart.data() for chart in charts]}
    style = shared_style() + _read("report.css")
    code = script("(() => {", _read("report.js"), "})();")
    text = filled(
        _read("report.html"),
        {
            "policy": policy(scripts=(code,), style=style),
            "generator": f"ganzoo {__version__}",
            "state": state,
            "title": html.escape(f"{title} - ganzoo"),
            "heading": html.escape(title),
            "lead": lead,
            "main": "\n".join(text for text in main if text),
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
            "written_text": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now)),
            "data": json_text(data),
            "style": style,
            "script": code,
        },
    )
    return text.encode(errors="backslashreplace").decode()  # names of folders and classes need not be UTF-8


def _read(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
