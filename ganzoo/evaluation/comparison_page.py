"""A comparison as one HTML page. Everything is in the file: it loads nothing, and opens from the disk."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganzoo import images
from ganzoo.evaluation.comparison import Model, config_differences, notes, table_rows
from ganzoo.sample_sheet import preview_seeds
from ganzoo.web.document import policy, shared_style

if TYPE_CHECKING:
    from PIL.Image import Image

_STYLE = """
body { max-width: 84rem; margin: 0 auto; padding-bottom: 2.5rem; }
h2 { margin: 2.5rem 0 .75rem; }
figure { margin: 1.25rem 0 0; }
figcaption { font-weight: 600; margin-bottom: .35rem; overflow-wrap: anywhere; }
img { display: block; max-width: 100%; height: auto; border-radius: .75rem; box-shadow: var(--shadow); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: var(--small); font-variant-numeric: tabular-nums; }
th, td { padding: .4rem 1.5rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 550; }
td { overflow-wrap: break-word; max-width: 24rem; }
p + p, .scroll + p { margin-top: .75rem; }
@media (min-width: 50rem) { body { padding: 0 3rem 2.5rem; } }
"""


def page(models: Sequence[Model], pictures: Sequence[Image], *, seeds: str) -> str:
    """The page.

    Args:
        models: the compared models.
        pictures: one of each model.
        seeds: of images, as the user wrote them. Vectors are drawn from the seeds of every preview.
    """
    names = [model.name for model in models]
    title = html.escape(" and ".join(names) if len(names) == 2 else ", ".join(names))
    vectors = next((spec for model in models if not (spec := model.generator.sample_spec).is_image), None)
    shown = seeds if vectors is None else f"0-{preview_seeds(vectors)[-1]}"
    lead = f"<p>Samples of the seeds {html.escape(shown)}, one model per row.</p>"
    parts = [f'<header><p class="brand">ganzoo</p><h1>{title}</h1>{lead}</header>']
    parts += [_figure(name, picture) for name, picture in zip(names, pictures, strict=True)]
    parts += ["<h2>Facts and numbers</h2>", _table(["", *names], [[key, *cells] for key, cells in table_rows(models)])]
    parts += ["<p>Numbers have 95% intervals.</p>", *(f"<p>{html.escape(line)}</p>" for line in notes(models))]
    differences = [[key, *values] for key, values in config_differences(models)]
    parts += ["<h2>Where the configs differ</h2>"]
    nowhere = "<p>Nowhere.</p>" if all(model.config for model in models) else "<p>Unknown.</p>"
    parts += [_table(["key", *names], differences) if differences else nowhere]
    style = shared_style() + _STYLE
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy(style=style)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
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
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'
