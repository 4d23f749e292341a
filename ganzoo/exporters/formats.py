"""The formats of one export, by name: a bundle and what it may have in addition, and every registered exporter."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganzoo.errors import ExportError, UnknownNameError, did_you_mean
from ganzoo.exporters.base import exporters
from ganzoo.runs import Run

BUNDLE_FORMATS = ("onnx", "fp16", "critic")
"""Names of a bundle with an ONNX file, and of a bundle that has a float16 graph or the discriminator in addition."""


@dataclass(frozen=True)
class Formats:
    """The formats of one export.

    Attributes:
        bundle: write a bundle.
        fp16: the bundle has a float16 graph, too.
        critic: the bundle has the discriminator, too.
        others: names of the exporters that write a file or folder of their own.
    """

    bundle: bool
    fp16: bool
    critic: bool
    others: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str]) -> Formats:
        """The formats with these names: ``onnx``, ``fp16``, ``critic``, and those of all exporters, also of plug-ins.

        Raises:
            UnknownNameError: for an unknown name. The message has the nearest name and all names.
            ExportError: if ``names`` is no list of names, it is empty, or two formats have the same file.
        """
        if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(one, str) for one in names):
            raise ExportError(f"formats: received {names!r}; allowed is a list of names, such as ['onnx', 'tflite'].")
        known = format_names()
        for name in names:
            if name not in known:
                broken = "".join(
                    f"\nPlug-in '{plugin}' could not be imported: {why}" for plugin, why in exporters.broken.items()
                )
                near = did_you_mean(name, known)
                raise UnknownNameError(f"No export format '{name}'.{near} Allowed: {', '.join(known)}.{broken}")
        if not names:
            raise ExportError(f"Nothing to export; choose one or more of {', '.join(known)}.")
        others = tuple(dict.fromkeys(name for name in names if name not in BUNDLE_FORMATS))
        _check_files(others)
        return cls(any(name in BUNDLE_FORMATS for name in names), "fp16" in names, "critic" in names, others)

    def paths(self, run: Run, folder: str | os.PathLike[str] | None = None) -> dict[str, Path]:
        """Where an export of a run writes: the bundle ("onnx"), then the other formats in the order of their names.

        Args:
            run: the run.
            folder: as in ``export_run``.
        """
        if folder is not None and not self.bundle and len(self.others) == 1:
            return {self.others[0]: Path(folder)}
        bundle = run.folder / "bundle" if folder is None else Path(folder)
        found = {"onnx": bundle} if self.bundle else {}
        return found | {name: bundle.parent / exporters.get(name).file_name for name in self.others}


def format_names() -> list[str]:
    """All names of formats, in alphabetical order."""
    return sorted({*BUNDLE_FORMATS, *exporters.names()})


def _check_files(names: Sequence[str]) -> None:
    owners: dict[str, str] = {}
    for name in names:
        file = exporters.get(name).file_name
        if file in owners:
            raise ExportError(f"The formats '{owners[file]}' and '{name}' both write {file}; export them one by one.")
        owners[file] = name
