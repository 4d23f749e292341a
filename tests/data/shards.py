"""Writes parquet shards as the Hugging Face Hub has them, and tar shards of WebDataset."""

import io
import json
import tarfile

from .conftest import encoded, photo


def hub_metadata(features):
    """The metadata that ``datasets`` writes into the schema (``Features.arrow_schema`` in datasets 5.2)."""
    return {"huggingface": json.dumps({"info": {"features": features}})}


def write_parquet(path, images, *, features=None, row_group_size=100, plain=False, **columns):
    """A shard with the column ``image``: structs of bytes and path as ``datasets`` writes, or ``plain`` binary."""
    import pyarrow as pa
    from pyarrow import parquet

    if plain:
        image = pa.array(images, pa.binary())
    else:
        rows = [None if data is None else {"bytes": data, "path": None} for data in images]
        image = pa.array(rows, pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    table = pa.table({"image": image, **columns})
    path.parent.mkdir(parents=True, exist_ok=True)
    if features:
        table = table.replace_schema_metadata(hub_metadata({"image": {"_type": "Image"}, **features}))
    parquet.write_table(table, path, row_group_size=row_group_size)
    return path


def pngs(count, *, first=0):
    """PNG files of different photos, 20 px."""
    return [encoded(photo(first + index, 20, 20)) for index in range(count)]


def write_tar(path, files):
    """A tar of pairs of name and content; the content may be a TarInfo instead."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files:
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path
