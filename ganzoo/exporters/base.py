"""What every exporter is: it writes a generator in some format and can run what it wrote, so that both are compared.

A format from another package is one class with ``write`` and ``load``, registered in ``exporters``.
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
    """A format to export to.

    Attributes:
        tolerance: largest allowed absolute difference of a sample from Keras', where samples lie in [-1, 1].
    """

    file_name: ClassVar[str] = ""
    """What the file or folder is called where only a folder is named."""

    tolerance: float = Field(TOLERANCE, gt=0, le=0.1)

    def write(self, generator: keras.Model, path: Path) -> None:
        """Write ``generator`` to ``path``, a file or folder that does not exist yet."""
        raise NotImplementedError

    def load(self, path: Path) -> Runtime:
        """What runs the file: called with latents (and labels), it returns samples, as the generator does."""
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
        """Write under a temporary name, compare with Keras, and rename to ``path``, replacing what was there.

        Args:
            generator: takes [latent] or [latent, label]; in float32.
            path: the file, or the folder for formats that are one.
            distribution: what the generator's latents are drawn from.
            num_classes: of a conditional generator.

        Returns:
            The largest absolute difference from Keras.

        Raises:
            ExportError: if the format cannot say what the generator does, the difference is above ``tolerance``, or
                the file cannot be written. What stood at ``path`` is untouched then.
        """
        path = Path(path)
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
            _replace(temporary, path)
        except OSError as failure:
            raise ExportError(f"Cannot write '{path}': {failure.strerror or failure}.") from failure
        finally:
            files.remove(temporary)
        return error


_SAVED_MODEL = ("saved_model.pb", "fingerprint.pb", "keras_metadata.pb", "variables", "assets", "assets.extra")
"""What may be in a folder that is replaced, besides files of a file manager."""

exporters: Registry[Exporter] = Registry("exporters", kind="exporter", base=Exporter, package="ganzoo.exporters")


def input_names(generator: Any) -> list[str]:
    """``["latent"]``, or ``["latent", "label"]`` for a conditional generator.

    Raises:
        ExportError: if the model takes something else.
    """
    names = [tensor.name for tensor in generator.inputs]
    if names not in (["latent"], ["latent", "label"]):
        raise ExportError(f"A generator takes latent, or latent and label; this model takes {', '.join(names)}.")
    return names


def output_name(generator: Any) -> str:
    """``"image"`` for a generator of images ``[b, h, w, c]``, ``"vector"`` for a generator of vectors ``[b, d]``."""
    return SampleSpec.of(generator.output).kind


def with_named_output(generator: keras.Model) -> keras.Model:
    """The same generator, with an output ``{"image": ...}`` or ``{"vector": ...}``; Keras names outputs by their keys.

    Raises:
        ExportError: if the model takes something else than latents and labels.
    """
    import keras

    input_names(generator)
    return keras.Model(generator.inputs, {output_name(generator): generator.output})


def _replace(new: Path, path: Path) -> None:
    """Put the file or folder ``new`` at ``path``."""
    if not path.is_dir():
        new.replace(path)
        return
    others = others_in(path, _SAVED_MODEL)
    if not (path / "saved_model.pb").exists():
        others += [name for name in _SAVED_MODEL if (path / name).exists()]
    if others:
        listed = ", ".join(map(ascii, others[:3]))
        raise ExportError(f"'{path}' is a folder with other files, so it is left alone: {listed}. Choose another path.")
    files.move_folder(new, path)
