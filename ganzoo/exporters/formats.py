"""The formats of one export, by name: a bundle and what it may have in addition, and every registered exporter."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ganzoo.config.validation import explain
from ganzoo.errors import ExportError, UnknownNameError, did_you_mean
from ganzoo.exporters.base import Exporter, exporters
from ganzoo.exporters.blend import blended_path
from ganzoo.runs import Run

BUNDLE_FORMATS = ("onnx", "fp16", "critic")
"""Names of a bundle with an ONNX file, and of a bundle that has a float16 graph or the discriminator in addition."""


EXAMPLE = "['onnx', 'tflite'], or of mappings with options, as in [{'name': 'tflite', 'tolerance': 0.001}]"
Format = str | Mapping[str, Any] | Exporter
"""A name, a mapping with the name and the fields of an exporter, or an exporter."""


@dataclass(frozen=True)
class Formats:
    """The formats of one export.

    Attributes:
        bundle: write a bundle.
        fp16: the bundle has a float16 graph, too.
        critic: the bundle has the discriminator, too.
        others: the exporters that write a file or folder of their own.
    """

    bundle: bool
    fp16: bool
    critic: bool
    others: tuple[Exporter, ...]

    @classmethod
    def of(cls, formats: Sequence[Format]) -> Formats:
        """The formats of a list: ``onnx``, ``fp16``, ``critic``, and all exporters, also those of plug-ins.

        Raises:
            UnknownNameError: for an unknown name. The message has the nearest name and all names.
            ExportError: if ``formats`` is not such a list, it is empty, a field of an exporter is wrong, or two formats
                have the same file.
        """
        if isinstance(formats, str) or not isinstance(formats, Sequence) or not all(map(_is_format, formats)):
            raise ExportError(f"formats: received {formats!r}; allowed is a list of names, such as {EXAMPLE}.")
        names = [_checked_name(one) for one in formats]
        if not names:
            raise ExportError(f"Nothing to export; choose one or more of {', '.join(format_names())}.")
        named = zip(names, formats, strict=True)
        others = tuple(dict.fromkeys(_exporter(one, name) for name, one in named if name not in BUNDLE_FORMATS))
        _check_files(others)
        return cls(any(name in BUNDLE_FORMATS for name in names), "fp16" in names, "critic" in names, others)

    def paths(
        self, run: Run, folder: str | os.PathLike[str] | None = None, *, share: float | None = None
    ) -> dict[str, Path]:
        """Where an export of a run writes: the bundle ("onnx"), then the other formats in the order of their names.

        Args:
            run: the run.
            folder: as in ``export_run``.
            share: of a blend, for the names without ``folder``.
        """
        if folder is not None and not self.bundle and len(self.others) == 1:
            return {self.others[0].registered_name: Path(folder)}
        bundle = run.bundle_folder if folder is None else Path(folder)
        found = {"onnx": bundle} if self.bundle else {}
        found |= {other.registered_name: bundle.parent / other.file_name for other in self.others}
        if share is None or folder is not None:
            return found
        return {name: blended_path(path, share) for name, path in found.items()}


def format_names() -> list[str]:
    """All names of formats, in alphabetical order."""
    return sorted({*BUNDLE_FORMATS, *exporters.names()})


def _is_format(value: object) -> bool:
    return isinstance(value, str | Exporter) or (isinstance(value, Mapping) and isinstance(value.get("name"), str))


def _checked_name(one: Format) -> str:
    """The name of a format, if there is such a format, and its options are possible."""
    if isinstance(one, Exporter):
        name = one.registered_name
        if not name or not one.file_name:
            kind = type(one).__name__
            raise ExportError(
                f"formats: the exporter {kind} needs a file_name, and a name by @exporters.register('NAME')."
            )
    else:
        name = one if isinstance(one, str) else str(one["name"])
        if name not in format_names():
            found = exporters.broken.items()
            broken = "".join(f"\nPlug-in '{plugin}' could not be imported: {why}" for plugin, why in found)
            near = did_you_mean(name, format_names())
            raise UnknownNameError(f"No export format '{name}'.{near} Allowed: {', '.join(format_names())}.{broken}")
    if name in BUNDLE_FORMATS and not isinstance(one, str):
        raise ExportError(
            f"formats: '{name}' stands for a bundle, which takes no options; write the name alone: '{name}'."
        )
    return name


def _exporter(one: Format, name: str) -> Exporter:
    try:
        return exporters.create(one)
    except ValidationError as error:
        problem = explain(error, exporters.get(name))[0].line
        raise ExportError(f"formats: {name}.{problem}") from error


def _check_files(others: Sequence[Exporter]) -> None:
    owners: dict[str, str] = {}
    for exporter in others:
        file, name = exporter.file_name, exporter.registered_name
        if file in owners:
            raise ExportError(f"The formats '{owners[file]}' and '{name}' both write {file}; export them one by one.")
        owners[file] = name
