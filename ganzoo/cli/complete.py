"""The names that shell completion offers."""

from __future__ import annotations


def models(incomplete: str) -> list[str]:
    """Return models of the zoo."""
    from ganzoo.model_list import list_models

    return [name for name in list_models() if name.startswith(incomplete)]


def trained(incomplete: str) -> list[str]:
    """Return local runs (models that were trained here, and ``model/number``), and pretrained models."""
    return sorted({*local_runs(incomplete), *pretrained(incomplete)})


def local_runs(incomplete: str) -> list[str]:
    """Return local runs: models that were trained here, and ``model/number``."""
    from ganzoo.runs import list_runs

    names = {name for run in list_runs() for name in (run.folder.parent.name, run.name)}
    return sorted(name for name in names if name.startswith(incomplete))


def pretrained(incomplete: str) -> list[str]:
    """Return pretrained models of the zoo, and after an "@" their versions."""
    from ganzoo.model_list import list_models

    names = list_models("*@*" if "@" in incomplete else "*", pretrained=True)
    return [name for name in names if name.startswith(incomplete)]


def formats(incomplete: str) -> list[str]:
    """Return formats of an export."""
    from ganzoo.exporters.formats import format_names

    return [name for name in format_names() if name.startswith(incomplete)]


def kinds(incomplete: str) -> list[str]:
    """Return kinds of parts."""
    from ganzoo.parts import HOMES

    return [name for name in HOMES if name.startswith(incomplete)]
