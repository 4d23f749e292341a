"""Writes the pages of the documentation's site: those of docs/, and generated ones.

The generated pages are the fields of a config, all parts, the command line, the lessons, the web pages in which anybody
makes faces, and copies of the README and the benchmarks.

    python tools/docs_pages.py                 # into build/docs/
    zensical build --strict

The pages of docs/ can be read on a code host as they are. For the site, links out of docs/ become links to the copies,
and ``<!-- site: TEXT -->`` becomes TEXT, which has links to generated pages. The texts of the generated pages are the
docstrings of the config classes and parts, and the help of the commands.
"""

from __future__ import annotations

import inspect
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import lessons  # tools/lessons.py
import typer
from pydantic import BaseModel

from ganzoo.architectures.mapping import MappingConfig
from ganzoo.cli.main import app
from ganzoo.config.collapse_watch import CollapseWatchConfig
from ganzoo.config.evaluation import EvaluationConfig
from ganzoo.config.experiment import Config
from ganzoo.config.training import TrainingConfig
from ganzoo.inference.load import load
from ganzoo.parts import HOMES, find_registry
from ganzoo.registry import Part, PartField

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
FOLDER = REPOSITORY / "build" / "docs"
COPIED = ("BENCHMARKS.md", "benchmarks/README.md", "benchmarks/notes/*.md", "benchmarks/pictures/*")
"""Files that keep their places relative to each other, so that their links work."""

FACES = ("faces-64", "portraits-64")
"""Pretrained models whose web page is part of the site."""

GROUPS: dict[str, type[BaseModel]] = {
    "": Config,
    "generator.mapping": MappingConfig,
    "training": TrainingConfig,
    "training.evaluation": EvaluationConfig,
    "training.watch": CollapseWatchConfig,
}
"""Key of a config -> the class that reads its fields."""

_TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
_ENTRY = re.compile(r"    (\w[\w, ]*): (.*)")


_OUTSIDE = {
    "README.md": "overview.md",
    "BENCHMARKS.md": "BENCHMARKS.md",
    "benchmarks/": "benchmarks/",
    "examples/lessons/README.md": "lessons/index.md",
}
"""File or folder beside docs/ -> its copy in the folder of generated pages."""
_SITE_ONLY = re.compile(r"<!-- site: (.*?) -->", re.DOTALL)


def main(folder: Path = FOLDER) -> None:
    """Write the site's pages into ``folder``, which is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder)
    for path in folder.rglob("*.md"):
        path.write_text(for_site(path.read_text(encoding="utf-8"), path.relative_to(folder)), encoding="utf-8")
    write_generated(folder / "generated")


def for_site(text: str, page: Path) -> str:
    """The text of a page of docs/ as the site shows it."""
    up = "../" * (len(page.parts) - 1)
    for old, new in _OUTSIDE.items():
        text = text.replace(f"](../{up}{old}", f"]({up}generated/{new}")
    return _SITE_ONLY.sub(r"\1", text)


def write_generated(folder: Path) -> None:
    """Write the generated pages into ``folder``."""
    folder.mkdir(parents=True)
    pages = {"config_fields.md": config_fields(), "parts.md": parts(), "cli.md": command_line()}
    for name, lines in pages.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    lessons.write_pages(folder / "lessons")
    for name in FACES:
        load(name).export_html(folder / f"{name}.html")
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8").replace("](docs/", "](../")
    readme = readme.replace("](examples/lessons/README.md)", "](lessons/index.md)")
    (folder / "overview.md").write_text(readme, encoding="utf-8")  # README.md would become the index of its folder
    for path in (path for pattern in COPIED for path in REPOSITORY.glob(pattern)):
        copy = folder / path.relative_to(REPOSITORY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        # A link to a folder works on a code host, and not on a site.
        copy.write_bytes(path.read_bytes().replace(b"](benchmarks/notes)", b"](benchmarks/notes/README.md)"))


def config_fields() -> Iterator[str]:
    """The page of all fields that are not those of a part."""
    yield from (
        "# Config fields",
        "",
        "Every key of a config, with its type, bounds and default. [Configs](../configs.md) explains how to write one.",
        "The keys of a block, a loss or another part are in [Parts](parts.md).",
    )
    for key, cls in GROUPS.items():
        summary, notes = described(cls)
        yield from ("", f"## `{key}`" if key else "## Top level", "", *summary, "")
        yield from fields(cls, notes, prefix=f"{key}." if key else "")


def parts() -> Iterator[str]:
    """The page of all built-in parts."""
    yield from (
        "# Parts",
        "",
        "Every built-in part. `ganzoo parts` lists them, too, with those of plug-ins. A config names a part by its",
        "name, `loss: hinge`, or by a mapping with its fields, `loss: {name: non_saturating, label_smoothing: 0.1}`.",
        "To add one: [Extend](../extend/index.md).",
    )
    for kind in HOMES:
        registry = find_registry(kind)
        yield from ("", f"## {kind} {{ #{kind} }}", "")
        if registry.key != "name":
            yield from (f"The key of the name is `{registry.key}`.", "")
        for name in registry.names():
            part = registry.get(name)
            if not part.__module__.startswith("ganzoo."):
                continue  # a plug-in that is installed here
            summary, notes = described(part)
            yield from (f"### {name} {{ #{kind}-{name} }}", "", *summary, "", *fields(part, notes), "")


def command_line() -> Iterator[str]:
    """The page of all commands."""
    group: Any = typer.main.get_command(app)
    yield from (
        "# Command line",
        "",
        "`ganzoo COMMAND --help` prints the same texts. Results go to standard output, messages to standard error.",
        "`ganzoo --install-completion` adds completion of commands, models and runs to the shell.",
    )
    yield from _commands(group, "ganzoo")


def _commands(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        here = f"{path} {name}"
        arguments = " ".join(filter(None, map(_usage, command.params)))
        yield from ("", f"## {here}", "", "```text", f"{here} [OPTIONS] {arguments}".rstrip(), "```", "")
        yield from (plain(command.help), "")
        yield from (
            f"- `{_spelled(param)}`: {plain(param.help or '')}{_default(param)}"
            for param in command.params
            if param.help
        )
        if hasattr(command, "commands"):
            yield from _commands(command, here)


def _usage(param: Any) -> str:
    if param.param_type_name != "argument":
        return ""
    name = param.metavar or param.name.upper()
    return f"{name if param.required else f'[{name}]'}{'...' if param.nargs == -1 else ''}"


def _spelled(param: Any) -> str:
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    takes = "" if isinstance(param.default, bool) else f" {param.metavar or param.name.upper()}"
    return ", ".join(param.opts) + takes


def _default(param: Any) -> str:
    hidden = param.default is None or isinstance(param.default, bool) or "default" in (param.help or "")
    return "" if hidden else f" Default: `{param.default}`."


def described(cls: type[BaseModel]) -> tuple[list[str], dict[str, str]]:
    """The docstring of a class without its attributes, and the text of each attribute, inherited ones included."""
    notes: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, BaseModel):
            notes |= _attributes(inspect.cleandoc(base.__dict__.get("__doc__") or ""))
    return plain(inspect.cleandoc(cls.__doc__ or "").partition("Attributes:")[0]).rstrip().splitlines(), notes


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    names: list[str] = []
    for line in text.partition("Attributes:\n")[2].splitlines():
        if line and not line.startswith("    "):
            break
        entry = _ENTRY.fullmatch(line)
        if entry:
            names = entry[1].split(", ")
        for name in names:
            found[name] = entry[2] if entry else f"{found[name]} {line.strip()}".rstrip()
    return {name: plain(text) for name, text in found.items()}


def fields(cls: type[BaseModel], notes: dict[str, str], *, prefix: str = "") -> Iterator[str]:
    """One list item for each field."""
    schema = cls.model_json_schema()
    for name, field in cls.model_fields.items():
        registry = _registry(field)
        if registry is not None:
            several = "a list of parts" if "tuple[" in str(field.annotation) else "a part"
            page = "" if issubclass(cls, Part) else "parts.md"
            value = f"{several} of [{registry.name}]({page}#{registry.name})"
        elif f"{prefix}{name}" in GROUPS:
            value = f"the fields of [`{prefix}{name}`](#{(prefix + name).replace('.', '')})"
        else:
            value = _type(schema["properties"][name], schema.get("$defs", {}))
        if field.is_required():
            value += ", required"
        elif not (registry or f"{prefix}{name}" in GROUPS) or field.default in (None, ()):
            value += f", default `{_shown(field.default)}`"
        else:
            value += "" if registry is None else f", default `{field.default.registered_name}`"
        note = notes.get(name) or plain(field.description or "")
        yield f"- **`{name}`**{f': {note}' if note else ''} *({value})*"


def _registry(field: Any) -> Any:
    """The registry of the parts that a field holds; None for a field of plain values."""
    kinds = [field.annotation]
    while kinds:
        kind = kinds.pop()
        kinds += get_args(kind)
        for note in (*field.metadata, *getattr(kind, "__metadata__", ())):
            if isinstance(note, PartField):
                return note.registry
    return None


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """A JSON schema in words."""
    if "$ref" in schema:
        return _type(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(option, definitions) for option in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "null":
        return "null"
    if schema.get("type") == "array":
        items = schema.get("items") or {}
        return f"list of: {_type(items, definitions)}" if items else "list"
    word = _TYPES.get(str(schema.get("type")), "value")
    bounds = (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"), ("exclusiveMaximum", "below"))
    return " ".join([word, *(f"{text} {_bound(schema[key])}" for key, text in bounds if key in schema)])


def _bound(value: float) -> str:
    return f"{value:,.0f}" if value >= 10_000 else f"{value:g}"


def _shown(value: object) -> str:
    """A default value as YAML writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def plain(text: str) -> str:
    """A docstring as Markdown: reST's double backticks become single ones, and patterns such as '*a*' become code."""
    return re.sub(r"'(\*[^' ]*)'", r"`\1`", text.replace("``", "`"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
