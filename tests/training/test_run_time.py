"""How long a training will take: the message after the first seconds, and the remaining time of the progress."""

import pytest
from helpers import tiny, trainer

from ganzoo.config.zoo import load_config
from ganzoo.model_list import list_models
from ganzoo.training import faster, run_time
from ganzoo.training.remaining_time import RemainingTime
from ganzoo.training.run_time import RunTime


class Clock:
    """Seconds that a test sets."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def reported(config, chunks, *, first=0, last=None, minutes=None, on_gpu=False):
    """The messages after chunks of (steps, seconds)."""
    said, clock = [], Clock()
    measure = RunTime(
        config,
        first_step=first,
        last_step=last or config.training.steps,
        deadline=None if minutes is None else clock.now + 60 * minutes,
        minutes=minutes,
        on_gpu=on_gpu,
        info=said.append,
        clock=clock,
    )
    step = first
    for steps, seconds in chunks:
        step, clock.now = step + steps, clock.now + seconds
        measure.add(step, steps=steps, seconds=seconds)
    return said


COMPILING = (1, 90.0)


def test_the_whole_run_at_the_speed_after_compiling():
    config = load_config("dcgan-faces-32", ["training.steps=20000"])  # batches of 32
    assert reported(config, [COMPILING, *[(10, 1.0)] * 4]) == []
    assert reported(config, [COMPILING, *[(10, 1.0)] * 50]) == [
        "This run will take about 33 min at 320 images/s (20,000 steps of 32 images)."
    ]


def test_a_resumed_run_counts_the_rest():
    config = load_config("dcgan-faces-32", ["training.steps=20000"])
    assert reported(config, [COMPILING, (50, 5.0)], first=8000) == [
        "The rest of this run will take about 20 min at 320 images/s (12,000 of 20,000 steps of 32 images)."
    ]


def test_max_steps_is_the_end():
    config = load_config("dcgan-faces-32", ["training.steps=20000"])
    assert reported(config, [COMPILING, (50, 5.0)], last=700) == [
        "This run will take about 70 s at 320 images/s (700 of 20,000 steps of 32 images)."
    ]
    assert reported(config, [COMPILING, (50, 5.0)], last=60) == [], "a second is left"


def test_a_time_limit_counts_if_it_is_earlier():
    config = load_config("dcgan-faces-32", ["training.steps=20000"])
    [text] = reported(config, [COMPILING, (50, 5.0)], minutes=3)
    assert text == (
        "This run stops after 3 min (--max-minutes), at about step 901. "  # (180 - 95) s at 10 steps/s, after 51 steps
        "All 20,000 steps of 32 images would take about 33 min at 320 images/s."
    )
    [text] = reported(config, [COMPILING, (50, 5.0)], minutes=60)
    assert text.startswith("This run will take about 33 min")


def test_lazy_penalties_are_in_the_measurement_unless_they_take_too_long():
    config = load_config("dcgan-faces-32")
    interval = max(penalty.interval for penalty in config.training.penalties)
    assert interval > 1
    assert reported(config, [COMPILING, *[(1, 2.0)] * (interval - 1)]) == []
    assert len(reported(config, [COMPILING, *[(1, 2.0)] * interval])) == 1
    assert len(reported(config, [COMPILING, (1, 21.0)])) == 1


def test_several_discriminator_steps_are_one_step():
    config = load_config("wgan-gp-cifar10", ["training.steps=1000"])
    assert config.training.d_steps > 1
    [text] = reported(config, [COMPILING, (20, 5.0)])
    assert text == "This run will take about 4 min at 256 images/s (1,000 steps of 64 images)."


def test_vectors_are_no_images():
    [text] = reported(load_config("dense-ring8"), [COMPILING, (100, 5.0)])
    assert text.endswith("at 5,120 samples/s (40,000 steps of 256 samples).")


def test_above_a_day_it_names_what_is_faster(monkeypatch):
    monkeypatch.setattr(faster, "has_bfloat16", lambda: True)
    config = load_config("dcgan-celeba-128", ["training.steps=200000"])
    [text] = reported(config, [COMPILING, *[(1, 3.5)] * 20])
    assert text.splitlines() == [
        "This run will take about 8 days 2 h at 37 images/s (200,000 steps of 128 images).",
        "That is more than a day. What makes it shorter:",
        "  training.precision=mixed_bfloat16 (this processor has bfloat16 instructions)",
        "  fewer channels: generator.base_channels=32 discriminator.base_channels=32",
        "  a smaller model for the same data: ganzoo train dcgan-celeba-64",
        "  a GPU",
        "  a time limit: --max-minutes 480, later continued with ganzoo train --resume",
    ]
    limited = "\n".join(reported(config, [COMPILING, *[(1, 3.5)] * 20], minutes=3))
    assert "All 200,000 steps" in limited
    assert "a smaller model" in limited
    assert "a time limit" not in limited
    assert "\n" not in reported(config, [COMPILING, *[(1, 3.5)] * 20], last=20_000)[0], "that is below a day"


def suggestions(config, *, on_gpu=False, is_resumed=False, has_limit=True):
    return faster.faster_text(config, on_gpu=on_gpu, is_resumed=is_resumed, has_limit=has_limit) or ""


@pytest.mark.slow
def test_each_suggestion_only_when_it_applies(monkeypatch):
    monkeypatch.setattr(faster, "has_bfloat16", lambda: True)
    config = load_config("dcgan-celeba-128")
    assert "mixed_bfloat16" in suggestions(config)
    assert "mixed_bfloat16" not in suggestions(load_config(config, ["training.precision=mixed_bfloat16"]))
    assert "mixed_bfloat16" not in suggestions(config, on_gpu=True)
    assert "a GPU" not in suggestions(config, on_gpu=True)
    assert suggestions(config, is_resumed=True).splitlines()[1:] == ["  a GPU"], "a resumed run keeps its config"
    assert "base_channels" not in suggestions(load_config("dense-mnist"))
    few = load_config(config, ["generator.base_channels=8"])
    assert "fewer channels: discriminator.base_channels=32\n" in suggestions(few)
    assert suggestions(config, on_gpu=True, is_resumed=True) == ""
    monkeypatch.setattr(faster, "has_bfloat16", lambda: False)
    assert "mixed_bfloat16" not in suggestions(config)


@pytest.mark.slow
def test_every_suggested_change_can_be_made():
    for name in list_models():
        config = load_config(name)
        words = suggestions(config).split()
        for change in [word for word in words if word.startswith(("generator.", "discriminator.", "data."))]:
            assert faster.cost(load_config(config, [change])) < faster.cost(config), (name, change)


@pytest.mark.parametrize(
    ("name", "smaller"),
    [
        ("dcgan-celeba-128", "dcgan-celeba-64"),
        ("resnet-celeba-128", "dcgan-celeba-64"),
        ("resnet-cifar10", "dcgan-cifar10"),
        ("dcgan-faces-64", "dcgan-faces-32"),
        ("dcgan-portraits-128", None),
        ("dense-mnist", None),
    ],
)
def test_a_smaller_model_for_the_same_data(name, smaller):
    assert faster.smaller_model(load_config(name)) == smaller
    assert smaller or "data.resolution=64" in suggestions(load_config(name)) or name == "dense-mnist"


# --- the remaining time of the progress


def test_the_remaining_time_leaves_compiling_out_and_counts_pauses():
    clock = Clock()
    remaining = RemainingTime(100, clock=clock)
    clock.now += 60  # compiles
    remaining.report(10)
    assert remaining.seconds is None
    clock.now += 10
    remaining.report(20)
    assert remaining.seconds == 80
    clock.now += 20  # ten steps and an evaluation
    remaining.report(30)
    assert remaining.seconds == pytest.approx(70 * 1.5)


def test_the_remaining_time_of_a_resumed_run_and_of_a_limit():
    clock = Clock()
    resumed = RemainingTime(1000, deadline=clock.now + 120, clock=clock)
    resumed.report(900)
    clock.now += 10
    resumed.report(910)
    assert resumed.seconds == 90
    clock.now += 50
    resumed.report(915)
    assert resumed.seconds == 60, "the limit is earlier than the last step"


def test_the_remaining_time_after_a_rollback_and_a_change_of_speed():
    clock = Clock()
    remaining = RemainingTime(10_000, clock=clock)
    for step in (100, 200, 150):
        remaining.report(step)
        clock.now += 10
    assert remaining.seconds is None, "measured anew"
    for step in range(160, 560, 10):
        remaining.report(step)
        clock.now += 100
    assert remaining.seconds == pytest.approx((10_000 - 550) * 10, rel=0.01)


# --- a real training


@pytest.mark.slow
def test_a_real_training_reports_once_and_never_when_quiet(tmp_path, monkeypatch):
    monkeypatch.setattr(run_time, "MEASURED_SECONDS", 0.0)
    config = tiny(training={"steps": 30})
    said = []
    run = trainer(config, tmp_path / "a")
    run.train(max_steps=20, info=said.append)
    assert len([text for text in said if text.startswith("This run will take about")]) == 1
    assert "(20 of 30 steps of " in said[0]
    said.clear()
    run.train(info=said.append)
    assert [text for text in said if "The rest of this run" in text and "(10 of 30 steps" in text]
    said.clear()
    trainer(config, tmp_path / "b").train(quiet=True, info=said.append)
    assert not [text for text in said if "run will take" in text]
