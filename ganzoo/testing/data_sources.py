"""The check of data sources."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from ganzoo.data.base import DataSource, data_sources
from ganzoo.testing.part import check_part, require


def check_data_source(source: DataSource | type[DataSource]) -> None:
    """Check that samples and labels have the declared shapes, types and classes, and that two loads are equal.

    Raises:
        AssertionError: with the first check that failed.
    """
    source = check_part(data_sources, source)
    shape, classes = source.sample_shape(), source.class_count()
    require(len(shape) in (1, 3), f"sample_shape() is {shape}, not (height, width, channels) or (d,)")
    with tempfile.TemporaryDirectory() as folder:
        data, again = (source.load(cache_dir=Path(folder), quiet=True) for _ in range(2))
        dtype = np.uint8 if source.sample_spec.is_image else np.float32
        require(len(data) > 0 and data.samples.shape[1:] == shape, f"samples have the shape {data.samples.shape}")
        require(data.samples.dtype == dtype, f"samples are {data.samples.dtype}, not {np.dtype(dtype)}")
        require(np.array_equal(data.samples, again.samples), "two loads return different samples")
    names = len(data.class_names)
    require(classes is None or classes == names, f"class_count() is {classes}, but there are {names} class names")
    require((data.labels is None) == (not names), "there are labels without class names, or class names without labels")
    if data.labels is not None:
        require(data.labels.shape == (len(data),) and data.labels.dtype == np.int32, "labels are not int32 [n]")
        require(bool(np.isin(data.labels, range(names)).all()), f"a label is not in range({names})")
