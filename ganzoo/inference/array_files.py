"""Writes samples as .npy or .npz batch by batch. Only one batch is in memory."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from ganzoo.inference.sampling import Label, Sampler
from ganzoo.latents import check_seeds

SUFFIXES = (".npy", ".npz")


def write_arrays(
    file: BinaryIO,
    suffix: str,
    sampler: Sampler,
    seeds: list[int],
    *,
    label: Label | None = None,
    truncation: float | None = None,
    best_of: int = 1,
) -> None:
    """Write the samples of ``seeds``.

    A .npy file has the array that ``sample`` returns. A .npz file has the array as ``samples``, and also ``seeds`` and,
    for a conditional model, ``labels``; the data source ``numpy`` reads it.

    Args:
        file: open for writing; it need not be seekable.
        suffix: one of ``SUFFIXES``.
        sampler: a generator.
        seeds: one or more.
        label: as in ``generate``.
        truncation, best_of: as in ``generate``.

    Raises:
        GanzooError: as ``generate``.
    """
    checked = check_seeds(seeds)
    options = {"label": label, "truncation": truncation, "best_of": sampler.check_best_of(best_of)}
    labels = sampler.label_indices(checked, label)
    if suffix == ".npy":
        _write_samples(file, sampler, checked, options)
        return
    import zipfile

    with zipfile.ZipFile(file, "w") as archive:
        with archive.open("samples.npy", "w", force_zip64=True) as member:
            _write_samples(member, sampler, checked, options)  # type: ignore[arg-type]
        for name, values in (("seeds", np.array(checked, np.uint32)), ("labels", labels)):
            if values is not None:
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, values, allow_pickle=False)


def _write_samples(file: BinaryIO, sampler: Sampler, seeds: list[int], options: dict[str, Any]) -> None:
    batches = sampler.placed_batches(seeds, **options)
    header = {"descr": sampler.dtype.str, "fortran_order": False, "shape": (len(seeds), *sampler.shape)}
    np.lib.format.write_array_header_1_0(file, header)
    for _, batch in batches:
        file.write(np.ascontiguousarray(batch).data)
