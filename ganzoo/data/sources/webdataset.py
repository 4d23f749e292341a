"""Images in tar shards in WebDataset's convention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from ganzoo.data.base import data_sources
from ganzoo.data.reading.collection import LabeledImages
from ganzoo.data.reading.shards import Shard, local_shards
from ganzoo.data.reading.tar_samples import AUTO, EXTENSION_FORM, check_label, labeled_images
from ganzoo.data.sharded import ShardedSource
from ganzoo.errors import DataError


@data_sources.register("webdataset")
class WebDataset(ShardedSource):
    """Images in tar files. Files with the same name up to the first dot are one sample: ``0001.jpg`` and ``0001.cls``.

    The shards are read in place, without unpacking. They must not be compressed. The formats are those of
    ``image_folder``.

    Attributes:
        path: a tar, a folder or a glob, such as ``shards/train-*.tar``.
        image: extension of the images, such as ``jpg``. ``auto``: the only image of each sample.
        label: extension of files with one label as text, such as ``cls``; or ``json:KEY`` for a key of the ``.json``
            files. Images without a label are skipped. By default there are no labels.
    """

    how_to_label: ClassVar[str] = "Name the extension of the label files (data.label=EXTENSION)"
    suffix: ClassVar[str] = ".tar"

    image: str = Field(AUTO, max_length=50, pattern=rf"^{EXTENSION_FORM}$")
    label: Annotated[str, AfterValidator(check_label)] | None = None

    def class_count(self) -> int | None:
        return 0 if self.label is None else None

    def listed_classes(self) -> tuple[str, ...] | None:
        self._local_shards()
        return None

    def find_images(self, *, cache_dir: Path | None, quiet: bool) -> LabeledImages:
        path, shards, note = self._local_shards()
        found = labeled_images(path, shards, image=self.image, label=self.label)
        return replace(found, notes=[*filter(None, [note]), *found.notes])

    def _local_shards(self) -> tuple[Path, Sequence[Shard], str | None]:
        """The path, its shards, and a note."""
        if self.path is None:
            raise DataError(
                "The data source 'webdataset' needs a tar, a folder or a glob: --data PATH (or data.path=PATH)."
            )
        return self.path, *local_shards(self.path, self.suffix, split=self.split)
