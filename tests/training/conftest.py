"""Fixtures of the training's tests."""

import contextlib
import resource

import pytest


@pytest.fixture
def size_limit():
    """``with size_limit(bytes):`` no file grows beyond it, as if the disk were full."""

    @contextlib.contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
