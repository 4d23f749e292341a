"""The base class of exporters. An exporter writes a generator in one format and can run the written file to verify it.

To add a format, register a class with ``write`` and ``load`` in ``exporters``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ganzoo.bundle.folder_contents import others_in
from ganzoo.environment import files
from ganzoo.environment.process_settings import own_settings
from ganzoo.errors import ExportError
from ganzoo.exporters.parity import TOLERANCE, Runtime, check_parity
from ganzoo.latents import Distribution
from ganzoo.registry import Part, Registry
from ganzoo.sample_spec import SampleSpec

if TYPE_CHECKING:
    import keras


class Exporter(Part):
    """An export format.

    Attributes:
        tolerance: largest allowed absolute difference between the file and Keras, for samples in [-1, 1].
    """

    file_name: ClassVar[str] = ""
    """Default name of the file or folder."""
    folder_files: ClassVar[tuple[str, ...]] = ()
    """For a format that is a folder: the names in it, the first of which is always there. Only such a folder is
    replaced, so that no other file of a user is lost."""

    tolerance: float = Field(TOLERANCE, gt=0, le=0.1)

    def write(self, generator: keras.Model, path: Path) -> None:
        """Write ``generator`` to ``path``, a file or folder that does not exist."""
        raise NotImplementedError

    def load(self, path: Path) -> Runtime:
        """Load the file. Returns a function from latents (and labels) to samples, like the generator."""
        raise NotImplementedError

    @own_settings()
    def export(
        self,
        generator: keras.Model,
        path: str | os.PathLike[str],
        *,
        distribution: Distribution,
        num_classes: int = 0,
    ) -> float:
        """Write under a temporary name, compare with Keras, and rename to ``path``. An existing export is replaced.

        Args:
            generator: a float32 model with the inputs [latent] or [latent, label].
            path: the file, or the folder for formats that are folders.
            distribution: latent distribution of the generator.
            num_classes: number of classes of a conditional generator.

        Returns:
            The largest absolute difference from Keras.

        Raises:
            ExportError: if the generator cannot be converted, the difference is above ``tolerance``, ``path`` is a
                folder that is not such an export, or it cannot be written. An existing ``path`` is unchanged then.
        """
        path = Path(path)
        if path.is_dir() and not self.folder_files:
            raise ExportError(f"'{path}' is a folder, and this format is one file; name it: {path / self.file_name}")
        temporary = files.temporary_path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.write(generator, temporary)
            error = check_parity(
                generator,
                self.load(temporary),
                distribution=distribution,
                num_classes=num_classes,
                tolerance=self.tolerance,
                name=self.registered_name,
            )
            self._replace(temporary, path)
        except OSError as failure:
            raise ExportError(f"Cannot write '{path}': {failure.strerror or failure}.") from failure
        finally:
            files.remove(temporary)
        return error

    def _replace(self, new: Path, path: Path) -> None:
        """Rename the file or folder ``new`` to ``path``."""
        if not path.is_dir():
            new.replace(path)
            return
        others = others_in(path, self.folder_files)
        if self.folder_files and not (path / self.folder_files[0]).exists():
            others += [name for name in self.folder_files if (path / name).exists()]
        if others:
            listed = ", ".join(map(ascii, others[:3]))
            raise ExportError(
                f"'{path}' is a folder with other files, so it was not replaced: {listed}. Choose another path."
            )
        files.move_folder(new, path)


exporters: Registry[Exporter] = Registry("exporters", kind="exporter", base=Exporter, package="ganzoo.exporters")


def input_names(generator: Any) -> list[str]:
    """``["latent"]``, or ``["latent", "label"]`` for a conditional generator.

    Raises:
        ExportError: if the model has other inputs.
    """
    names = [tensor.name for tensor in generator.inputs]
    if names not in (["latent"], ["latent", "label"]):
        raise ExportError(
            f"A generator must have the inputs latent, or latent and label; this model has {', '.join(names)}."
        )
    return names


def output_name(generator: Any) -> str:
    """``"image"`` for a generator of images ``[b, h, w, c]``, ``"vector"`` for a generator of vectors ``[b, d]``."""
    return SampleSpec.of(generator.output).kind


def with_named_output(generator: keras.Model) -> keras.Model:
    """The same generator with an output ``{"image": ...}`` or ``{"vector": ...}``. Keras uses the key as output name.

    Raises:
        ExportError: if the model has inputs other than latents and labels.
    """
    import keras

    input_names(generator)
    return keras.Model(generator.inputs, {output_name(generator): generator.output})
