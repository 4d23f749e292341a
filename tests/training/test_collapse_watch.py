"""Tests the collapse watch: its signs, when they are reported, and its messages."""

import itertools
import re
import tracemalloc

import numpy as np
import pytest
from helpers import samples, tiny, tiny_vectors

from ganzoo.config.zoo import load_config
from ganzoo.data.sources.gaussian_mixtures import Ring8
from ganzoo.objectives.base import METRICS
from ganzoo.training import collapse_advice
from ganzoo.training.class_variety import MAX_CLASSES, class_yardstick, swept_classes
from ganzoo.training.collapse_watch import KINDS, NOT_FINITE, SLOW_START, CollapseWatch
from ganzoo.training.variety import FEWEST, Yardstick, features

GRACE = 100
LONG_AT_CHANCE = 5
"""Times the patience."""
RNG = np.random.RandomState(0)


def ring(seed, count=512):
    points = Ring8(count=count, seed=seed).load().samples
    return points[np.random.RandomState(seed).permutation(count)]


def watch(**settings):
    training = {key: settings.pop(key) for key in ("loss", "penalties", "d_optimizer") if key in settings}
    return CollapseWatch(tiny_vectors(watch={"grace_steps": GRACE} | settings, **training), ring(0, 4000))


def kinds(signs):
    return [sign.kind for sign in signs]


def look(watch, step, made):
    return kinds(watch.check_preview(step, made)[0])


def interval(watch, step, **means):
    """Add two steps with these metrics, and judge the interval."""
    healthy = dict.fromkeys(METRICS, 1.0) | {"d_real": 0.6, "d_fake": 0.4, "d_real_accuracy": 0.8}
    watch.add(np.array([[(healthy | means)[name] for name in METRICS]] * 2, np.float32))
    return kinds(watch.check_interval(step))


SATURATED = {"d_real": 0.999, "d_fake": 0.001, "d_real_accuracy": 1.0, "d_fake_accuracy": 1.0}
CONSTANT = np.full((256, 2), 0.3, np.float32)
ONE_MODE = (np.array([[1.0, 0.0]]) + 0.01 * RNG.standard_normal((256, 2))).astype(np.float32)


# --- how variety is measured


def test_real_samples_have_full_recall_and_few_duplicates():
    for real, other in ((ring(0), ring(1)), (RNG.randint(0, 256, (128, 16, 16, 3)), None)):
        other = RNG.randint(0, 256, (64, 16, 16, 3)) if other is None else other
        seen = Yardstick(real.astype(np.float32)).measure(other.astype(np.float32))
        assert seen.duplicates < 0.1
        assert seen.real_duplicates < 0.1
        assert seen.recall > 0.75
        assert seen.real_recall > 0.75


def test_recall_is_the_share_of_modes_that_are_there():
    modes = Ring8.centers()[RNG.randint(0, 4, 256)]
    half = (modes + 0.01 * RNG.standard_normal((256, 2))).astype(np.float32)
    assert Yardstick(ring(0)).measure(half).recall == pytest.approx(0.5, abs=0.1)


def test_copies_are_duplicates_though_noise_lies_over_them():
    images = samples(tiny(), count=128).samples
    copies = np.clip(images[np.arange(64) % 4] + RNG.normal(0, 5, (64, 8, 8, 1)), 0, 255).astype(np.uint8)
    half = np.concatenate([copies[:32], images[64:96]])[RNG.permutation(64)]
    yardstick = Yardstick(images)
    assert yardstick.measure(copies).duplicates == 1
    assert yardstick.measure(half).duplicates == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("size", [4, 8, 12, 37])
def test_features_are_averages_over_areas(size):
    image = RNG.randint(0, 256, (2, size, 8, 1)).astype(np.uint8)
    rows = features(image).reshape(2, min(8, size), 8)
    edges = np.linspace(0, size, min(8, size) + 1).astype(int)
    for place, (top, bottom) in enumerate(itertools.pairwise(edges)):
        wanted = (image[:, top:bottom, :, 0] / 127.5 - 1).mean(axis=1)
        np.testing.assert_allclose(rows[:, place], wanted, atol=1e-12)


def test_colors_that_nobody_sees_are_no_variety():
    image = RNG.randint(0, 256, (2, 8, 16, 4)).astype(np.uint8)
    image[:, :, :8, 3] = 0
    other = image.copy()
    other[:, :, :8, :3] = 255 - other[:, :, :8, :3]
    np.testing.assert_array_equal(features(image), features(other))
    other[:, :, 8:, :3] = 255 - other[:, :, 8:, :3]
    assert not np.allclose(features(image), features(other))


@pytest.mark.parametrize("shape", [(512, 1024), (64, 128, 128, 3)], ids=str)
def test_long_vectors_and_large_images_need_little_memory(shape):
    given = RNG.randint(0, 256, shape).astype(np.float32 if len(shape) == 2 else np.uint8)
    tracemalloc.start()
    try:
        Yardstick(given)
        assert tracemalloc.get_traced_memory()[1] < 2e7
    finally:
        tracemalloc.stop()


def test_real_samples_that_repeat_themselves_are_no_reason_to_warn():
    binary = np.repeat(np.eye(8, dtype=np.float32), 64, axis=0)
    seen = Yardstick(binary[RNG.permutation(512)]).measure(binary[RNG.permutation(512)])
    assert seen.duplicates == seen.real_duplicates == 1


def test_too_few_real_samples_are_no_yardstick():
    few = CollapseWatch(tiny_vectors(), ring(0, 2 * FEWEST - 1))
    assert few.check_preview(5000, CONSTANT) == ([], {})
    assert interval(few, 10) == []
    assert few.clean_step == 10


# --- signs of the preview


def test_a_healthy_generator_is_never_warned_about():
    healthy = watch()
    for number in range(30):
        assert look(healthy, 10 * number, ring(100 + number)) == []
    assert healthy.clean_step == 0  # no interval was judged
    assert interval(healthy, 290) == []
    assert healthy.clean_step == 290


def test_a_constant_generator_is_warned_about_once_and_again_after_it_recovered():
    collapsed = watch()
    assert look(collapsed, 90, CONSTANT) == []
    assert look(collapsed, 100, CONSTANT) == []
    assert look(collapsed, 110, CONSTANT) == ["duplicates"]
    assert [look(collapsed, 120 + n, CONSTANT) for n in range(5)] == [[]] * 5
    assert look(collapsed, 130, ring(1)) == []
    assert look(collapsed, 140, CONSTANT) == []  # one good look is no recovery
    assert look(collapsed, 150, CONSTANT) == ["recall"]
    assert [look(collapsed, 160 + n, ring(1)) for n in range(2)] == [[]] * 2
    assert [look(collapsed, 170 + n, CONSTANT) for n in range(2)] == [[], ["duplicates", "recall"]]


def test_the_line_says_what_was_seen_and_what_to_try():
    collapsed = watch(patience=1)
    (sign,), numbers = collapsed.check_preview(100, CONSTANT)
    assert sign.text == (
        "Step 100: the samples repeat themselves: 100% of the preview have a near copy in it (real samples: "
        f"{numbers['real_duplicates']:.0%}). Try training.penalties=[r1], or enable automatic rollback: "
        "training.watch.on_collapse=rollback"
    )
    assert numbers["duplicates"] == 1
    assert numbers["recall"] == 0


def test_images_are_watched_like_vectors():
    config = tiny(training={"watch": {"grace_steps": 0, "patience": 1}})
    data = samples(config, count=300).samples
    watched = CollapseWatch(config, data)
    assert look(watched, 1, samples(config, count=64, seed=1).samples / np.float32(127.5) - 1) == []
    assert look(watched, 2, np.full((64, 8, 8, 1), 0.1, np.float32)) == ["duplicates", "recall"]


def test_lost_variety_without_copies_is_seen():
    losing = watch()
    assert look(losing, 10, ring(1)) == []
    assert look(losing, GRACE, ONE_MODE) == []  # an eighth is no tenth
    far = ONE_MODE + np.float32(3.0)
    assert [look(losing, GRACE + n, far) for n in (1, 2, 3)] == [[], ["recall"], []]


def test_a_slow_start_has_time():
    slow = watch()
    far = ONE_MODE + np.float32(3.0)
    assert all(look(slow, step, far) == [] for step in range(0, SLOW_START * GRACE, 50))
    assert [look(slow, SLOW_START * GRACE + n, far) for n in (0, 1)] == [[], ["recall"]]


# --- signs of the class preview


DIGITS = RNG.randint(0, 256, (5, 8, 8, 1))
"""One picture of each of 5 classes, whose samples are noisy copies of it."""
NUMBER_OF_CLASSES = 5


def drawn(z, labels):
    """A generator: from noise ``[n, 8, 8, 1]`` and classes ``[n]`` to images in [-1, 1]."""
    return np.clip((DIGITS[labels] / 127.5 - 1) / 2 + z / 3, -1, 1)


def class_preview(make=drawn, *, seed=1, count=16):
    z = np.random.RandomState(seed).standard_normal((count, 1, 8, 8, 1)).repeat(NUMBER_OF_CLASSES, axis=1)
    labels = np.tile(np.arange(NUMBER_OF_CLASSES), count)
    return make(z.reshape(-1, 8, 8, 1), labels).reshape(z.shape).astype(np.float32)


def conditional_data(count=600):
    labels = np.arange(count) % NUMBER_OF_CLASSES
    images = drawn(np.random.RandomState(9).standard_normal((count, 8, 8, 1)), labels)
    return ((images + 1) * 127.5).astype(np.uint8), labels.astype(np.int32)


def watch_of_classes(labels=True, **settings):
    config = tiny(num_classes=NUMBER_OF_CLASSES, training={"watch": {"grace_steps": 10, "patience": 2} | settings})
    images, classes = conditional_data()
    return CollapseWatch(config, images, classes if labels else None, ("zero", "one", "two", "three", "four"))


def looks(watched, make=drawn, *, steps=range(100, 103)):
    """Signs of equal class previews at some steps. The usual preview is healthy."""
    whole = conditional_data()[0][300:364] / np.float32(127.5) - 1
    return [watched.check_preview(step, whole, class_preview(make))[0] for step in steps]


def ignoring(z, labels):
    """The latent chooses the class."""
    return drawn(z, (np.abs(z[:, 0, 0, 0] * 1000) % NUMBER_OF_CLASSES).astype(int))


def one_collapsed(z, labels):
    """Class 3 has four good pictures."""
    good = drawn(np.random.RandomState(0).standard_normal((4, 8, 8, 1)), np.full(4, 3))
    chosen = (np.abs(z[:, 0, 0, 0] * 1000) % 4).astype(int)
    return np.where((labels == 3)[:, None, None, None], good[chosen] + z / 1000, drawn(z, labels))


def permuted(z, labels):
    return drawn(z, (labels + 1) % NUMBER_OF_CLASSES)


def test_a_generator_that_follows_its_label_is_never_warned_about():
    watched = watch_of_classes()
    assert looks(watched, steps=range(20, 300, 10)) == [[]] * 28
    assert interval(watched, 290) == []
    assert watched.clean_step == 290


def test_a_label_without_effect_is_said_once_with_what_to_try():
    (_, [sign], third), watched = looks(watch_of_classes(), ignoring), watch_of_classes()
    assert (sign.kind, third) == ("label_ignored", [])
    assert sign.text.startswith(
        "Step 101: the label has no effect: one latent in all classes changes by 0.0% of the difference between real "
        "classes. Try "
    )
    assert looks(watched, ignoring, steps=range(0, 10)) == [[]] * 10, "the period of grace"


def test_labels_that_do_not_fit_the_data_are_said():
    images, classes = conditional_data()
    config = tiny(num_classes=NUMBER_OF_CLASSES, training={"watch": {"grace_steps": 10, "patience": 1}})
    shuffled = CollapseWatch(config, images, np.random.RandomState(0).permutation(classes))
    [sign], *_ = looks(shuffled, ignoring)
    assert "Real classes look alike, too: check the labels of the data. Try " in sign.text
    [sign], *_ = looks(watch_of_classes(patience=1), ignoring)
    assert "alike" not in sign.text


def test_a_label_with_another_effect_is_said_only_late():
    late = SLOW_START * 10
    watched = watch_of_classes()
    assert looks(watched, permuted, steps=range(10, late)) == [[]] * (late - 10)
    _, [sign] = looks(watched, permuted, steps=range(late, late + 2))
    assert sign.kind == "label_ignored"
    assert "do not follow their label: 0% look like their class (real samples: 100%; guessing: 20%)" in sign.text


def test_one_class_that_repeats_itself_is_seen_among_good_ones():
    _, [sign], _ = looks(watch_of_classes(), one_collapsed)
    assert sign.kind == "class_duplicates"
    assert "the class 'three' repeats itself: 100% of its samples have a near copy" in sign.text
    assert KINDS[sign.kind].triggers_action


def test_a_collapse_of_everything_is_one_sign():
    watched, constant = watch_of_classes(), np.zeros((64, 8, 8, 1), np.float32)
    same = class_preview(lambda z, labels: np.zeros_like(z))
    found = [kinds(watched.check_preview(step, constant, same)[0]) for step in range(100, 105)]
    assert found[1][0] == "duplicates"
    assert not {"label_ignored", "class_duplicates"} & {kind for signs in found for kind in signs}


def test_the_numbers_of_the_classes_are_logged():
    whole = conditional_data()[0][300:364] / np.float32(127.5) - 1
    _, numbers = watch_of_classes().check_preview(1, whole, class_preview())
    assert numbers["label_agreement"] == 1
    assert numbers["class_duplicates"] <= 0.2
    assert 0.3 < numbers["label_response"] < 1.2
    _, numbers = watch_of_classes().check_preview(1, whole)
    assert "label_response" not in numbers


def test_a_model_without_labels_or_with_few_of_each_class_has_no_signs_of_classes():
    for watched in (watch_of_classes(labels=False), CollapseWatch(tiny(num_classes=5), *conditional_data(5 * 31))):
        assert looks(watched, ignoring) == [[]] * 3
        assert interval(watched, 103) == []
        assert watched.clean_step == 102, "a kind of sign that cannot be found does not hold the clean step back"


def test_a_class_that_repeats_itself_holds_the_clean_step_back():
    watched = watch_of_classes()
    looks(watched, steps=[90])
    looks(watched, one_collapsed)
    interval(watched, 102)
    assert watched.clean_step == 90


def test_real_samples_of_each_class_are_those_of_the_class():
    images, labels = conditional_data()
    few = class_yardstick(images, labels, num_classes=NUMBER_OF_CLASSES, seed=0).measure(class_preview())
    assert few.real_label_agreement == 1
    mixed = class_yardstick(images, np.roll(labels, 1), num_classes=NUMBER_OF_CLASSES, seed=0).measure(class_preview())
    assert mixed.label_agreement == 0


def test_of_many_classes_some_are_swept():
    np.testing.assert_array_equal(swept_classes(3), [0, 1, 2])
    many = swept_classes(1000)
    assert len(set(many.tolist())) == MAX_CLASSES
    assert many[0] == 0
    assert np.ptp(np.diff(many)) <= 1


def test_classes_without_enough_real_samples_are_left_out():
    images, labels = conditional_data()
    kept = np.flatnonzero((labels != 1) | (np.arange(len(labels)) < 50))
    yardstick = class_yardstick(images[kept], labels[kept], num_classes=NUMBER_OF_CLASSES, seed=0)
    found = yardstick.measure(class_preview(one_collapsed))
    assert (found.worst_class, found.label_agreement, found.class_duplicates, found.chance) == (3, 1, 1, 1 / 4)


# --- signs of the means


def test_a_saturated_discriminator_is_warned_about_once():
    saturated = watch()
    assert interval(saturated, 50, **SATURATED) == []
    assert [interval(saturated, step, **SATURATED) for step in (100, 110, 120)] == [[], ["saturated"], []]


@pytest.mark.parametrize(
    "change", [{"d_real": 0.98}, {"d_fake": 0.02}, {"d_real_accuracy": 0.999}, {"d_fake_accuracy": 0.999}], ids=str
)
def test_a_discriminator_that_is_wrong_at_times_is_not_saturated(change):
    strong = watch(patience=1)
    assert interval(strong, 100, **SATURATED | change) == []
    assert interval(strong, 110, **SATURATED) == ["saturated"]


def test_a_critic_has_no_scale_and_cannot_saturate():
    critic = watch(patience=1, loss="wasserstein")
    assert interval(critic, 100, **SATURATED) == []


def watch_of_images(loss="non_saturating", **training):
    config = tiny(training={"loss": loss, "watch": {"grace_steps": GRACE, "patience": 2}} | training)
    return CollapseWatch(config, samples(config, count=128).samples)


AT_CHANCE = {"non_saturating": 1.38, "saturating": 1.38, "relativistic": 0.69, "hinge": 1.99, "least_squares": 0.249}


@pytest.mark.parametrize("loss", AT_CHANCE)
def test_a_discriminator_that_stays_at_chance_is_warned_about_once(loss):
    idle, losses = watch_of_images(loss), {"d_loss": AT_CHANCE[loss]}
    assert interval(idle, GRACE - 1, **losses) == []
    seen = [interval(idle, GRACE + step, **losses) for step in range(3 * 2 * LONG_AT_CHANCE)]
    assert [step for step, signs in enumerate(seen) if signs] == [2 * LONG_AT_CHANCE - 1]
    assert seen[2 * LONG_AT_CHANCE - 1] == ["chance"]


@pytest.mark.parametrize("loss", AT_CHANCE)
def test_a_discriminator_that_is_at_chance_at_times_is_not_warned_about(loss):
    near, losses = watch_of_images(loss), {"d_loss": AT_CHANCE[loss]}
    for number in range(5):
        start = GRACE + 100 * number
        assert [interval(near, start + step, **losses) for step in range(2 * LONG_AT_CHANCE - 1)] == [[]] * 9
        assert interval(near, start + 99, d_loss=0.95 * AT_CHANCE[loss]) == []


def test_chance_is_no_sign_for_points_nor_for_a_critic():
    for healthy in (watch(), watch_of_images("wasserstein")):
        for step in range(10 * LONG_AT_CHANCE):
            assert interval(healthy, GRACE + step, d_loss=1.386) == []


def test_the_line_of_chance_says_what_makes_it_lighter():
    heavy = [{"name": "r1", "gamma": 1, "gamma_end": 10}, {"name": "r2", "gamma": 0.5}]
    idle = watch_of_images(penalties=heavy, augment="diff_augment")
    said = []
    for step in range(GRACE, GRACE + 2 * LONG_AT_CHANCE):
        idle.add(np.full((1, len(METRICS)), 1.38, np.float32))
        said += [sign.text for sign in idle.check_interval(step)]
    assert said == [
        "Step 109: the discriminator is at chance, so the generator learns little: d_loss is 1.38, and guessing "
        "gives 1.386. Try training.penalties.0.gamma=0.1 training.penalties.0.gamma_end=1 "
        "training.penalties.1.gamma=0.05 training.augment.adaptive=true"
    ]


def test_only_penalties_of_the_discriminator_are_weakened():
    config = tiny(training={"penalties": [{"name": "mode_seeking"}, {"name": "wgan_gp", "weight": 10}]})
    assert collapse_advice.against("chance", config) == "training.penalties.1.weight=1"


@pytest.mark.parametrize("letter", ["d", "g"])
def test_exploding_gradients_are_seen_at_once_and_growing_ones_are_not(letter):
    norm = f"{letter}_gradient_norm"
    exploding = watch()
    assert interval(exploding, 0, **{norm: 1e6}) == []  # a first norm is no explosion
    for step in range(20):
        assert interval(exploding, 1 + step, **{norm: 1.0 + step}) == []
    assert interval(exploding, 30, **{norm: 900.0}) == [f"{letter}_gradients"]
    assert interval(exploding, 31, **{norm: 1000.0}) == []


def test_a_large_norm_after_tiny_ones_is_no_explosion():
    idle = watch()
    for step in range(10):
        interval(idle, step, d_gradient_norm=1e-5)
    assert interval(idle, 10, d_gradient_norm=5.0) == []


def test_the_memory_does_not_depend_on_how_steps_are_bundled():
    rows = RNG.standard_normal((50, len(METRICS))).astype(np.float32)
    made = []
    for sizes in ([50], [1] * 50, [20, 3, 27]):
        one = watch()
        for part in np.split(rows, np.cumsum(sizes)[:-1]):
            one.add(part)
        made.append([np.asarray(slot).tobytes() for slot in one.variables])
    assert made[0] == made[1] == made[2]


# --- advice


@pytest.mark.parametrize(
    ("network", "advice"),
    [
        ({"block": {"name": "strided_conv", "norm": "batch"}}, "discriminator.block.norm=none training.penalties=[r1]"),
        (
            {
                "block": None,
                "blocks": [
                    {"name": "strided_conv", "channels": 4},
                    {"name": "strided_conv", "channels": 4, "norm": "batch"},
                    {"name": "dense", "channels": 4, "norm": "batch"},
                ],
            },
            "discriminator.blocks.1.norm=none discriminator.blocks.2.norm=none training.penalties=[r1]",
        ),
        ({"block": {"name": "strided_conv", "norm": "layer"}}, "training.penalties=[r1]"),
    ],
)
def test_the_advice_for_a_discriminator_is_a_config_that_works(network, advice):
    config = tiny(discriminator=network)
    text = collapse_advice.against("saturated", config)
    assert text.partition(", or")[0] == advice
    changed = dict(change.split("=") for change in advice.split())
    assert config.replace(**{**changed, "training.penalties": ["r1"]}).training.penalties


@pytest.mark.parametrize(
    "name", ["dense-ring8", "dcgan-faces-32", "dcgan-cifar10", "wgan-gp-cifar10", "cdcgan-cifar10", "cdcgan-faces-64"]
)
@pytest.mark.parametrize("changes", [[], ["training.penalties=[]"], ["training.d_optimizer.clip_norm=2"]], ids=str)
@pytest.mark.parametrize("kind", [*KINDS, NOT_FINITE])
def test_what_is_advised_can_be_given_to_the_command_and_changes_something(name, changes, kind):
    config = load_config(name, changes)
    text = collapse_advice.against(kind, config)
    tried = re.findall(r"[a-z_.0-9]+=[^\s,]+", text)
    assert tried
    assert load_config(name, [*changes, *tried]) != config


def test_numbers_that_are_not_finite_need_lower_rates_than_now():
    rates = {"g_optimizer": {"name": "adam", "learning_rate": 6e-5}, "d_optimizer": {"name": "adam"}}
    text = collapse_advice.against(NOT_FINITE, tiny_vectors(watch={"enabled": False}, **rates))
    assert text == "training.g_optimizer.learning_rate=3e-05 training.d_optimizer.learning_rate=0.0001"


def test_a_critic_is_not_advised_to_adapt_its_augmentation():
    config = tiny(num_classes=2, training={"augment": "diff_augment", "loss": "wasserstein"})
    assert collapse_advice.against("label_ignored", config) == "training.d_optimizer.learning_rate=0.0004"


def test_an_ignored_label_is_put_into_the_normalizations_first():
    joined = load_config("cdcgan-faces-64", ["generator.conditioning=concat"])
    assert collapse_advice.against("label_ignored", joined) == "generator.conditioning=batch_norm"
    inside = load_config("cdcgan-faces-64", [])
    assert "generator" not in collapse_advice.against("label_ignored", inside)
