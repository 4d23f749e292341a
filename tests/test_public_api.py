"""Tests the names of ``import ganzoo``, and that they are imported only when used."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from helpers import tiny_vectors

import ganzoo
from ganzoo import parts
from ganzoo.errors import ConfigError, GanzooError, MissingDependencyError, UnknownNameError
from ganzoo.registry import Registry


@pytest.mark.parametrize("name", ganzoo.__all__)
def test_every_public_name_is_there(name):
    assert getattr(ganzoo, name) is not None
    assert name in dir(ganzoo)


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'ganzoo' has no attribute 'laod'"):
        ganzoo.laod  # noqa: B018


def test_import_alone_imports_nothing():
    code = "import sys; before = set(sys.modules); import ganzoo; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [name for name in done.stdout.split() if name.startswith("ganzoo")] == ["ganzoo"]
    assert "numpy" not in done.stdout.split()


def test_a_bundle_loads_without_the_slow_packages(tmp_path):
    import tiny_bundles

    tiny_bundles.image_bundle(tmp_path / "b")
    code = "import sys, ganzoo; ganzoo.load('b').generate(0); print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"pydantic", "typer", "rich", "yaml", "huggingface_hub", "tensorflow"}


def test_registries_have_their_names():
    for name, registry in zip(parts.HOMES, parts.all_registries(), strict=True):
        assert isinstance(registry, Registry)
        assert registry.name == name, "errors say: ganzoo parts NAME"
        assert getattr(parts, name) is registry
        assert name in parts.__all__
        assert registry.names()


def test_an_unknown_kind_of_part():
    with pytest.raises(UnknownNameError, match="Did you mean 'losses'"):
        parts.find_registry("loses")
    with pytest.raises(AttributeError):
        parts.loses  # noqa: B018


@pytest.mark.parametrize("call", [lambda **options: ganzoo.train("dense-ring8", **options), ganzoo.resume])
@pytest.mark.parametrize(
    ("limit", "value"),
    [("max_minutes", float("inf")), ("max_minutes", float("nan")), ("max_minutes", -1), ("max_minutes", "60"),
     ("max_steps", 0), ("max_steps", 2.5), ("max_steps", "100"), ("max_steps", True)],
)  # fmt: skip
def test_a_limit_is_a_number(tmp_path, call, limit, value):
    with pytest.raises(GanzooError, match=rf"^{limit} is a .*number .*, or None for no limit; received {value!r}\.$"):
        call(root=tmp_path, **{limit: value})


def test_train_checks_everything_before_tensorflow(monkeypatch, tmp_path):
    monkeypatch.setattr("ganzoo.environment.requirements.find_spec", lambda module: None)
    with pytest.raises(UnknownNameError):
        ganzoo.train("nosuch", root=tmp_path)
    with pytest.raises(ConfigError, match="makes its own samples"):
        ganzoo.train("dense-ring8", data="x", root=tmp_path)
    with pytest.raises(MissingDependencyError, match="Training needs tensorflow and keras"):
        ganzoo.train("dense-ring8", root=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_ctrl_c_ends_the_script_and_the_run_is_saved(tmp_path):
    """A script that went on would export a generator that is not trained."""
    log, ended = tmp_path / "points/001/log.jsonl", threading.Event()

    def ctrl_c():
        while not (log.exists() and log.stat().st_size):
            if ended.wait(0.05):
                return
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=ctrl_c, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt, match=r"points/001 is saved at step \d+: .* --resume \S+/points/001"):
            ganzoo.train(tiny_vectors(steps=10**8, log_every=5), root=tmp_path, quiet=True)
    finally:
        ended.set()
    assert ganzoo.find_run("points/1", root=tmp_path).step > 0


def test_train_takes_a_config_and_changes_it(tmp_path):
    config = ganzoo.load_config("dense-ring8", ["data.count=64", "generator.hidden=[4]", "training.batch_size=4"])
    run = ganzoo.train(config, steps=2, seed=9, overrides=["discriminator.hidden=[4]"], root=str(tmp_path), quiet=True)
    assert isinstance(run, ganzoo.Run)
    assert run.step == 2
    assert (run.config.training.seed, run.config.discriminator.hidden, run.config.generator.hidden) == (9, (4,), (4,))
    assert ganzoo.find_run("dense-ring8/1", root=str(tmp_path)) == ganzoo.list_runs(root=tmp_path)[0] == run
    assert run._repr_png_().startswith(b"\x89PNG")
    samples = ganzoo.load(ganzoo.export(run)).sample(range(5))
    assert samples.shape == (5, 2)
    assert np.isfinite(samples).all()


def test_paths_with_odd_names_reach_the_config(tmp_path):
    from ganzoo.api import experiment

    odd = tmp_path / "a: [b] 'ü' \U0001f600 #.npy"
    config = experiment("dense-ring8", data=odd, overrides=["data.source=numpy", "data.vector_dim=2"])
    assert config.data.path == odd


def test_every_error_is_a_ganzoo_error():
    kinds = [
        kind for kind in vars(ganzoo.errors).values() if isinstance(kind, type) and kind.__module__ == "ganzoo.errors"
    ]
    assert len(kinds) >= 9
    assert all(issubclass(kind, GanzooError) for kind in kinds)
