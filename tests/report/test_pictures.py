"""Tests the pictures of a report: their number, their size and their cost."""

import base64
import io
import itertools

import pytest
from PIL import Image

from ganzoo.report import pictures as module
from ganzoo.report.pictures import BUDGET, MOST, Pictures, thinned

from .conftest import save_picture


def decoded(picture):
    return Image.open(io.BytesIO(base64.b64decode(picture.address.partition(",")[2])))


@pytest.mark.parametrize("count", [0, 1, 2, 39, 40, 41, 77, 78, 79, 100, 1000])
def test_few_and_evenly_with_the_first_and_the_newest(count):
    chosen = thinned(list(range(count)))
    assert len(chosen) <= MOST
    assert chosen[:1] == list(range(count))[:1]
    assert chosen[-1:] == list(range(count))[-1:]
    assert len({b - a for a, b in itertools.pairwise(chosen[:-1])}) <= 1
    assert count < 40 or len(chosen) >= MOST // 2


def test_a_small_file_is_taken_as_it_is_and_a_large_one_becomes_smaller(make_run, noise):
    run = make_run(pictures=[10])
    noise(run.folder / "samples/step-00000020.png", 800, alpha=True)
    small, large = Pictures(run).samples()
    assert (small.step, small.size) == (10, (8, 8))
    assert small.address.startswith("data:image/png;")
    assert large.address.startswith("data:image/jpeg;")
    assert len(large.address) * (MOST + 1) <= BUDGET
    assert decoded(large).size == large.size
    assert max(large.size) <= 720


def test_forty_large_pictures_fit(make_run, noise):
    run = make_run()
    noise(run.folder / "real.png", 200)
    for step in range(45):
        noise(run.folder / f"samples/step-{step:08d}.png", 200, seed=step)
    found = Pictures(run)
    total = [*found.samples(), found.real()]
    assert sum(len(picture.address) for picture in total) <= BUDGET
    assert total[-2].step == 44


def test_each_file_is_encoded_once_and_a_new_version_again(make_run, monkeypatch):
    run, seen, encode = make_run(pictures=[10, 20]), [], module._encoded
    monkeypatch.setattr(module, "_encoded", lambda path, step: seen.append(path.name) or encode(path, step))
    found = Pictures(run)
    found.samples()
    save_picture(run.folder / "samples/step-00000030.png")
    found.samples()
    assert seen == [f"step-000000{step}.png" for step in (10, 20, 30)]
    path = run.folder / "samples/step-00000030.png"
    path.unlink()
    save_picture(path, level=9)
    assert decoded(found.samples()[-1]).getpixel((0, 0)) == (9, 9, 9)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n broken", None])
def test_a_damaged_picture_is_left_out(make_run, noise, content):
    run = make_run(pictures=[10])
    path = run.folder / "samples/step-00000020.png"
    noise(path, 600)
    path.write_bytes(path.read_bytes()[:5000] if content is None else content)
    (run.folder / "real.png").write_bytes(b"x")
    found = Pictures(run)
    assert [picture.step for picture in found.samples()] == [10]
    assert found.real() is None


def test_gray_pictures_and_the_newest(make_run):
    run = make_run(pictures=[10])
    Image.new("L", (9, 9), 7).save(run.folder / "samples/step-00000300.png")
    assert Pictures(run).newest().step == 300
    assert decoded(Pictures(run).newest()).mode == "L"
    assert Pictures(make_run("other")).newest() is None
