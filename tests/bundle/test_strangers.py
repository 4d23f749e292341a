"""Weights from strangers: each file of ``strangers.py`` is refused in one line, before anything is built or run."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import strangers
import tiny_bundles

import ganzoo
from ganzoo.bundle.folder import WEIGHTS, read_bundle
from ganzoo.bundle.generator_config import generator_config
from ganzoo.errors import BundleError, ConfigError, DataError, GanzooError


@pytest.fixture
def nothing_runs(monkeypatch):
    """Making a session fails the test."""

    def make_session(*args, **options):
        raise AssertionError("a session was made")

    monkeypatch.setattr("ganzoo.inference.onnx_session.make_session", make_session)


def check_line(said, folder):
    """One printable line that is not long, and nothing was run."""
    text = str(said.value)
    assert "\n" not in text
    assert text.isprintable()
    assert len(text) < 700
    assert not (folder / "pwned").exists()


@pytest.mark.parametrize("row", strangers.LOADING)
def test_refused_before_anything_runs(tmp_path, monkeypatch, nothing_runs, row):
    monkeypatch.chdir(tmp_path)
    folder = strangers.good(tmp_path / "b")
    make, words = strangers.LOADING[row]
    make(folder)
    with pytest.raises(BundleError, match=words) as said:
        ganzoo.load(folder)
    check_line(said, tmp_path)


def test_a_good_bundle_is_not_refused(tmp_path):
    assert ganzoo.load(strangers.good(tmp_path / "b")).generate(7).size == (8, 8)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_never_handed_on(tmp_path, value):
    folder = strangers.good(tmp_path / "b")
    data = np.array([0, value], "f4").tobytes()
    strangers.put(WEIGHTS, strangers.tensors({"a": strangers.tensor(0, 8)}, data))(folder)
    with pytest.raises(BundleError, match="finite") as said:
        read_bundle(folder).weights()
    check_line(said, tmp_path)


@pytest.mark.parametrize("row", strangers.GENERATORS)
def test_a_generator_that_cannot_be_built_here(tmp_path, row):
    generator, words = strangers.GENERATORS[row]
    bundle = tiny_bundles.write_bundle(
        tmp_path / "b",
        config=tiny_bundles.image_config(
            model={"generator": generator}, versions={"ganzoo-swirl": "1.2", "numpy": "2"}
        ),
        onnx=tiny_bundles.image_model().SerializeToString(),
        weights={},
    )
    with pytest.raises(BundleError, match=words) as said:
        generator_config(bundle)
    check_line(said, tmp_path)


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system ['touch pwned']", "name: !!python/name:os.system", "a: &a [*a]"]
)
def test_yaml_tags_and_aliases(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as said:
        ganzoo.load_config("mine.yaml")
    check_line(said, tmp_path)


def test_a_zip_is_no_bundle(tmp_path):
    (tmp_path / "b.zip").write_bytes(strangers.zipped({"config.json": b"{}", "../evil": b"x"}))
    with pytest.raises(BundleError, match="a bundle is a folder") as said:
        ganzoo.load(tmp_path / "b.zip")
    check_line(said, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        strangers.zipped({"../evil.png": b"x"}),
        strangers.zipped({"/evil.png": b"x"}),
        strangers.zipped({"evil.png": b"/etc/passwd"}, link="evil.png"),
        strangers.zipped({"bomb.png": bytes(64 << 20)}),
    ],
    ids=["..", "absolute", "link", "ratio"],
)
def test_a_zip_of_data_that_leads_elsewhere_or_swells(tmp_path, content):
    from ganzoo.data.base import data_sources

    (tmp_path / "data.zip").write_bytes(content)
    source = data_sources.create({"source": "image_folder", "path": str(tmp_path / "data.zip"), "resolution": 8})
    with pytest.raises(DataError) as said:
        source.load(cache_dir=tmp_path / "cache", quiet=True)
    check_line(said, tmp_path)
    assert not (tmp_path.parent / "evil.png").exists()


@pytest.mark.slow
def test_the_same_rows_from_the_hubs_cache(tmp_path, nothing_runs):
    """There, other files may stand beside a bundle, but they are not read, and every other row is refused as well."""
    commit = "a" * 40
    for number, (row, (make, words)) in enumerate(strangers.LOADING.items()):
        cache = tmp_path / str(number)
        folder = strangers.good(cache / "models--someone--tiny/snapshots" / commit)
        make(folder)
        expected = "external data" if row.startswith("external") else words
        if row.startswith("an extra"):
            read_bundle(folder, download=True)
            continue
        with pytest.raises(GanzooError) as said:
            ganzoo.load(f"someone/tiny@{commit}", cache_dir=cache, local_files_only=True)
        assert re.search(expected, str(said.value)) or "not in the cache" in str(said.value), row
        check_line(said, cache)


def fuzz(count, folder, seed=0):
    """Run ``fuzz_bundles.py``; what it counted."""
    program = Path(__file__).parents[1] / "fuzz_bundles.py"
    done = subprocess.run(
        [sys.executable, str(program), str(count), str(folder), str(seed)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="memory cannot be limited here")
def test_mutated_bundles_never_crash_hang_swell_or_reach_out(tmp_path):
    """300 here; ``python tests/fuzz_bundles.py 50000 FOLDER`` tries more."""
    counted = fuzz(300, tmp_path)
    assert counted["inputs"] >= 300
    assert counted["refused"] > 100
    assert counted["accepted"] > 10
    assert counted["slowest_seconds"] < 5


@pytest.mark.slow
def test_the_fuzzer_sees_a_file_outside_of_its_folder(tmp_path):
    """The guard of the fuzzer works: a write elsewhere ends it."""
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import fuzz_bundles
from pathlib import Path
fuzz_bundles.confine(Path({str(tmp_path / "inside")!r}))
open({str(tmp_path / "outside")!r}, "w")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 98
    assert not (tmp_path / "outside").exists()
