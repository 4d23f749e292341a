"""A comparison as one HTML page. Everything is in the file: it loads nothing, and opens from the disk."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganzoo import images
from ganzoo.evaluation.comparison import Model, config_differences, notes, table_rows

if TYPE_CHECKING:
    from PIL.Image import Image

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --soft: #151b23; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
figure { margin: 0 0 1rem; overflow-x: auto; }
figcaption { font-weight: 600; }
div { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: .3rem .7rem; text-align: left; vertical-align: top; }
th { background: var(--soft); }
td { overflow-wrap: break-word; max-width: 24rem; }
"""


def page(models: Sequence[Model], pictures: Sequence[Image], *, seeds: str) -> str:
    """The page.

    Args:
        models: the compared models.
        pictures: one of each model.
        seeds: of the pictures, as the user wrote them.
    """
    names = [model.name for model in models]
    title = html.escape(" and ".join(names) if len(names) == 2 else ", ".join(names))
    parts = [f"<h1>{title}</h1>", f"<p>Samples of the seeds {html.escape(seeds)}, one model per row.</p>"]
    parts += [_figure(name, picture) for name, picture in zip(names, pictures, strict=True)]
    parts += ["<h2>Facts and numbers</h2>", _table(["", *names], [[key, *cells] for key, cells in table_rows(models)])]
    parts += ["<p>Numbers have 95% intervals.</p>", *(f"<p>{html.escape(line)}</p>" for line in notes(models))]
    differences = [[key, *values] for key, values in config_differences(models)]
    parts += ["<h2>Where the configs differ</h2>"]
    parts += [_table(["key", *names], differences) if differences else "<p>Nowhere.</p>"]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _figure(name: str, picture: Image) -> str:
    data = base64.b64encode(images.encoded(picture)).decode()
    text = html.escape(name)
    return f'<figure><figcaption>{text}</figcaption><img alt="{text}" src="data:image/png;base64,{data}"></figure>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"<tr>{''.join(f'<th>{html.escape(text)}</th>' for text in head)}</tr>"]
    for key, *cells in rows:
        cells_html = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        lines.append(f"<tr><th>{html.escape(key)}</th>{cells_html}</tr>")
    return f"<div><table>{''.join(lines)}</table></div>"
