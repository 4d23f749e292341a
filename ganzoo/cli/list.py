"""``ganzoo list``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import complete
from ganzoo.cli.output import info, print_json, print_table
from ganzoo.environment.quantities import bytes_text

if TYPE_CHECKING:
    from ganzoo.hub.pretrained_index import Pretrained


def list_command(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN", help="A part of a name, or a pattern such as '*celeba*'.", autocompletion=complete.models
        ),
    ] = "*",
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="List the models with trained weights, their versions and quality.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models of the zoo. Exits with 1 if no model matches the pattern."""
    if pretrained:
        _list_pretrained(pattern, as_json=as_json)
        return
    from ganzoo.config.zoo import describe

    names = _matching(pattern)
    described = [(name, *describe(name), "", "")[:3] for name in names]
    if as_json:
        print_json([{"name": name, "description": text, "recipe": recipe} for name, text, recipe in described])
    elif names:
        print_table(("model", "description"), [(name, text) for name, text, _ in described], header=False)
    _check_matches(names, f"No model matches '{pattern}'. See all: ganzoo list")


def _matching(pattern: str, *, pretrained: bool = False) -> list[str]:
    """The models that match a pattern, or that have it in their name."""
    from ganzoo.model_list import list_models

    return list_models(pattern, pretrained=pretrained) or list_models(f"*{pattern}*", pretrained=pretrained)


def _check_matches(models: Sequence[object], message: str) -> None:
    """Exit with 1 and a message if there are no models, as grep does."""
    if not models:
        info(message)
        raise typer.Exit(1)


def _list_pretrained(pattern: str, *, as_json: bool) -> None:
    """Print every version, the newest of a model first."""
    from ganzoo.hub.pretrained import newest, pretrained_versions

    names = _matching(pattern, pretrained=True)
    rows = [
        _row(model, is_newest=model == newest(versions))
        for _, versions in sorted(pretrained_versions().items())
        for model in reversed(versions.values())
        if model.name in names or model.exact_name in names
    ]
    if as_json:
        print_json(rows)
    elif rows:
        columns = ("model", "generates", "px", "classes", "size", "license", "Frechet distance", "version", "where")
        print_table(columns, [_texts(row) for row in rows], right=("px", "classes", "size", "version"))
        info("Lower distances are better. Compare them only between models of the same data.")
    _check_matches(rows, f"No pretrained model matches '{pattern}'. See all: ganzoo list --pretrained")


def _row(model: Pretrained, *, is_newest: bool) -> dict[str, Any]:
    from ganzoo.hub.pretrained import place

    facts = model.facts
    return {
        "name": model.name,
        "version": model.version,
        "newest": is_newest,
        "load": model.name if is_newest else model.exact_name,
        "description": facts.description,
        "shape": list(facts.shape),
        "num_classes": facts.num_classes,
        "license": facts.license,
        "data_license": facts.data_license,
        "config": facts.config,
        "metric": None if facts.metric is None else {"name": "frechet", **facts.metric._asdict()},
        "bytes": model.size,
        "onnx_bytes": model.onnx_size,
        "repo": model.repo,
        "revision": model.revision,
        "place": place(model),
    }


def _texts(row: dict[str, Any]) -> tuple[str, ...]:
    shape, metric, classes = row["shape"], row["metric"], row["num_classes"]
    is_square = len(shape) == 3 and shape[0] == shape[1]
    return (
        row["load"],
        row["description"],
        "-" if len(shape) != 3 else str(shape[0]) if is_square else f"{shape[0]}x{shape[1]}",
        "-" if classes is None else str(classes),
        bytes_text(row["onnx_bytes"]),
        row["license"] or "unknown",
        "-" if metric is None else f"{metric['value']:.3g} ({metric['extractor']})",
        str(row["version"]),
        row["place"],
    )
