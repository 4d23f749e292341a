import numpy as np
import pytest

from ganzoo.data import data_sources


@pytest.mark.parametrize(("name", "count", "sigma"), [("ring8", 8, 0.01), ("grid25", 25, 0.05)])
def test_points_lie_around_their_modes(name, count, sigma):
    source = data_sources.get(name)(count=5000)
    dataset = source.load()
    modes = source.centers()
    assert modes.shape == (count, 2)
    assert dataset.samples.shape == (5000, 2)
    assert dataset.samples.dtype == np.float32
    offsets = dataset.samples - modes[dataset.labels]
    assert abs(offsets.std() - sigma) < 0.05 * sigma
    assert abs(offsets.mean()) < 0.05 * sigma
    # The nearest mode of every point is its own.
    distances = np.linalg.norm(dataset.samples[:, None] - modes[None], axis=2)
    assert (distances.argmin(axis=1) == dataset.labels).all()


def test_ring_is_the_unit_circle_and_grid_goes_from_minus_four_to_four():
    ring = data_sources.get("ring8").centers()
    assert np.allclose(np.linalg.norm(ring, axis=1), 1)
    assert ring[0].tolist() == [1, 0]
    assert np.allclose(ring[:4], -ring[4:])
    assert np.allclose(np.linalg.norm(np.roll(ring, 1, axis=0) - ring, axis=1), 2 * np.sin(np.pi / 8))
    grid = data_sources.get("grid25").centers()
    assert sorted({float(x) for x, _ in grid}) == [-4, -2, 0, 2, 4]
    assert len({tuple(mode) for mode in grid.tolist()}) == 25


def test_modes_have_equal_parts_and_the_seed_decides():
    first = data_sources.create({"source": "ring8", "count": 800, "seed": 1}).load()
    again = data_sources.create({"source": "ring8", "count": 800, "seed": 1}).load()
    other = data_sources.create({"source": "ring8", "count": 800, "seed": 2}).load()
    assert np.bincount(first.labels).tolist() == [100] * 8
    assert (first.samples == again.samples).all()
    assert (first.samples != other.samples).any()
