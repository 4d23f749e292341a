"""Arrays that are written while they are made, and the memory that results take."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_bundles

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.inference.array_files import write_arrays
from ganzoo.inference.sampling_options import SamplingOptions


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bundles.image_bundle(tmp_path_factory.mktemp("arrays") / "b", num_classes=3).folder


class Pipe(io.RawIOBase):
    """A file that cannot be seeked, as standard output."""

    def __init__(self):
        self.content = b""

    def writable(self):
        return True

    def write(self, part):
        self.content += bytes(part)
        return memoryview(part).nbytes


def test_npy_and_npz_hold_what_sample_returns(folder):
    generator, seeds = ganzoo.load(folder), [5, 2**32 - 1, *range(300)]
    expected = generator.sample(seeds, truncation=0.5)
    for pipe in (io.BytesIO(), Pipe()):
        write_arrays(pipe, ".npy", generator, seeds, SamplingOptions(truncation=0.5))
        content = io.BytesIO(pipe.content if isinstance(pipe, Pipe) else pipe.getvalue())
        np.testing.assert_array_equal(np.load(content), expected)
    pipe = Pipe()
    write_arrays(pipe, ".npz", generator, seeds, SamplingOptions(truncation=0.5))
    with np.load(io.BytesIO(pipe.content)) as arrays:
        assert set(arrays) == {"samples", "seeds", "labels"}
        np.testing.assert_array_equal(arrays["samples"], expected)
        np.testing.assert_array_equal(arrays["seeds"], seeds)
        np.testing.assert_array_equal(arrays["labels"], generator.labels(seeds))


def test_vectors_and_a_given_class(folder, tmp_path):
    vectors = ganzoo.load(tiny_bundles.vector_bundle(tmp_path / "v").folder)
    file = io.BytesIO()
    write_arrays(file, ".npz", vectors, [1, 2], SamplingOptions())
    file.seek(0)
    with np.load(file) as arrays:
        assert set(arrays) == {"samples", "seeds"}
        np.testing.assert_array_equal(arrays["samples"], vectors.sample([1, 2]))
    file = io.BytesIO()
    write_arrays(file, ".npz", ganzoo.load(folder), [1, 2], SamplingOptions(label="index:2"))
    file.seek(0)
    with np.load(file) as arrays:
        assert arrays["labels"].tolist() == [2, 2]


def test_a_wrong_option_writes_nothing(folder):
    file = io.BytesIO()
    with pytest.raises(GanzooError, match="no class"):
        write_arrays(file, ".npy", ganzoo.load(folder), [1], SamplingOptions(label="cat"))
    assert not file.getvalue()


COUNT = 60_000
RESULT_MB = COUNT * 8 * 8 * 3 / 2**20

MEASURE = """
import io, resource, sys
import ganzoo
from ganzoo.inference.array_files import write_arrays
from ganzoo.inference.sampling_options import SamplingOptions

class Nowhere(io.RawIOBase):
    def write(self, part):
        return memoryview(part).nbytes

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

count = int(sys.argv[2])
generator = ganzoo.load(sys.argv[1], threads=1)
seeds = list(range(count))
generator.sample(range(512))
generator.write_grid(Nowhere(), range(512))
before = peak()
{work}
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "results"),
    [
        ("write_arrays(Nowhere(), '.npy', generator, seeds, SamplingOptions())", 0),
        ("generator.write_grid(Nowhere(), seeds)", 0),
        ("kept = generator.sample(seeds)", 1),
        ("for frame in generator.iter_walk([1, 2], count): pass", 0.5),
    ],
)
def test_memory_is_the_result_and_a_batch(folder, work, results):
    """As float32 and all at once, this takes more than 12 times the uint8 result."""
    program = MEASURE.replace("{work}", work)
    command = [sys.executable, "-c", program, str(folder), str(COUNT)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert float(done.stdout) < results * RESULT_MB + 25
