"""Gathers rows of a large array. Of a memory map, the pages of all rows are requested from the disk at once."""

from __future__ import annotations

import mmap

import numpy as np
from numpy.typing import NDArray


class Rows:
    """The rows of an array in memory or in a memory map.

    Rows that are gathered one after the other wait for the disk one after the other, and the kernel reads more pages
    than they need. So the pages of all rows are first requested, in the order of the file; then the disk has many
    requests to work on.

    Args:
        array: ``[n, ...]``.
    """

    def __init__(self, array: NDArray[np.generic]) -> None:
        self._array = np.asarray(array)
        self._map = _memory_map(array)
        self._start = 0
        if self._map is not None:
            self._start = self._array.ctypes.data - np.frombuffer(self._map, np.uint8).ctypes.data

    def gather(self, indices: NDArray[np.integer], out: NDArray[np.generic]) -> None:
        """Copy the rows of ``indices``, which may repeat, to ``out`` in this order.

        Raises:
            IndexError: if there is no such row.
        """
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self._array):
            raise IndexError(f"rows {indices.min()} to {indices.max()} of {len(self._array)}")
        self._request(indices)
        if self._array.flags.c_contiguous:
            np.take(self._array, indices, axis=0, out=out, mode="clip")  # the other modes make a second copy
        else:
            out[...] = self._array[indices]

    def _request(self, indices: NDArray[np.integer]) -> None:
        """Ask the system to read the pages of these rows, in the background."""
        if self._map is None:
            return
        stride, page = self._array.strides[0], mmap.PAGESIZE
        begins = self._start + np.unique(indices).astype(np.int64) * stride
        ends = begins + stride
        begins -= begins % page
        for begin, length in zip(begins.tolist(), (ends - begins).tolist(), strict=True):
            self._map.madvise(mmap.MADV_WILLNEED, begin, length)


def _memory_map(array: NDArray[np.generic]) -> mmap.mmap | None:
    """The memory map that has the array's rows one after the other; None if there is none, or the system has no hints.

    Windows has no hints.
    """
    if not hasattr(mmap, "MADV_WILLNEED") or not array.flags.c_contiguous or not array.nbytes:
        return None
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return owner if isinstance(owner, mmap.mmap) else None
