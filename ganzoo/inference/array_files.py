"""Writes samples as .npy or .npz batch by batch. Only one batch is in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

from ganzoo.inference.sampling import Sampler
from ganzoo.inference.sampling_options import SamplingOptions
from ganzoo.latents import check_seeds

SUFFIXES = (".npy", ".npz")


def write_arrays(
    file: BinaryIO,
    suffix: str,
    sampler: Sampler,
    seeds: list[int],
    options: SamplingOptions,
) -> None:
    """Write the samples of ``seeds``.

    A .npy file has the array that ``sample`` returns. A .npz file has the array as ``samples``, and also ``seeds`` and,
    for a conditional model, ``labels``; the data source ``numpy`` reads it.

    Args:
        file: open for writing; it need not be seekable.
        suffix: one of ``SUFFIXES``.
        sampler: a generator.
        seeds: one or more.
        options: the arguments of ``generate``.

    Raises:
        GanzooError: as ``generate``.
    """
    checked = check_seeds(seeds)
    labels = sampler.label_indices(checked, options.label)
    batches = (batch for _, batch in sampler.placed_batches(checked, options))
    shape = (len(checked), *sampler.shape)
    if suffix == ".npy":
        _write_samples(file, batches, shape, sampler.dtype)
        return
    import zipfile

    with zipfile.ZipFile(file, "w") as archive:
        with archive.open("samples.npy", "w", force_zip64=True) as member:
            _write_samples(member, batches, shape, sampler.dtype)  # type: ignore[arg-type]
        for name, values in (("seeds", np.array(checked, np.uint32)), ("labels", labels)):
            if values is not None:
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, values, allow_pickle=False)


def _write_samples(file: BinaryIO, batches: Iterable[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for batch in batches:
        file.write(np.ascontiguousarray(batch).data)
