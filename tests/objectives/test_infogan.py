"""InfoGAN against a slow implementation of the paper's losses, and classes that are not those of the data."""

import json

import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError
from ganzoo.evaluation.reference_data import has_classes_of_data
from ganzoo.inference.generator import Generator
from ganzoo.runs import CLASS_NAMES

from . import plain


def negative_log_likelihood(codes, means, log_variances=None):
    """Of all codes of a sample under Gaussians, from their density: the mean over the samples."""
    variances = tf.ones_like(means) if log_variances is None else tf.exp(5.0 * tf.tanh(log_variances / 5.0))
    densities = tf.exp(-0.5 * (codes - means) ** 2 / variances) / tf.sqrt(2 * np.pi * variances)
    return -tf.reduce_mean(tf.reduce_sum(tf.math.log(densities), axis=1))


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
@pytest.mark.parametrize(
    ("fields", "classes"),
    [({"codes": 2}, 3), ({"codes": 3, "variance": "learned"}, 3), ({"codes": 1}, 0), ({"codes": 0}, 5)],
    ids=str,
)
def test_an_update_is_that_of_the_paper(fields, classes, update):
    objective = {"name": "infogan", "weight": 0.6, "code_weight": 0.2, **fields}
    config = plain.points(objective, num_classes=classes, update=update)
    z, labels = plain.drawn(config)
    x = config.data.load().samples[plain.INDICES[0]]
    codes = z[:, : fields["codes"]]

    def information(heads):
        total = 0.6 * plain.cross_entropy(heads.pop(0), labels) if classes else 0.0
        return total + (0.2 * negative_log_likelihood(codes, *heads) if fields["codes"] else 0.0)

    def made(generator):
        return generator([z, labels] if classes else [z])

    def d_loss(generator, discriminator):
        fake, *heads = discriminator([made(generator)])
        return plain.adversarial(discriminator([x])[0], fake)[0] + information(heads)

    def g_loss(generator, discriminator):
        fake, *heads = discriminator([made(generator)])
        return plain.adversarial(fake, fake)[1] + information(heads)

    found, metrics = plain.updated(config)
    wanted = config.objective.networks(config)
    total = float(d_loss(wanted["generator"], wanted["discriminator"]))
    terms = sum(metrics[name] for name in ("d_loss", "d_class_loss", "d_code_loss") if name in metrics)
    assert terms == pytest.approx(total, abs=1e-5)
    outputs = wanted["discriminator"]([made(wanted["generator"])])[1:]
    heads = dict(zip(config.objective.heads(config), outputs, strict=True))
    if fields["codes"]:
        error = np.sqrt(np.mean((codes - heads["code_means"]) ** 2))
        assert metrics["code_error"] == pytest.approx(error, abs=1e-5)
    if classes:
        accuracy = np.mean(np.argmax(heads["classes"], axis=1) == labels)
        assert metrics["class_accuracy"] == pytest.approx(accuracy)
    plain.play(config, wanted, d_loss, g_loss)
    plain.assert_equal(found, wanted, config)


@pytest.mark.parametrize(
    ("objective", "changes", "words"),
    [
        ({"name": "infogan", "codes": 0}, {"num_classes": 0}, "has no codes; set objective.codes, num_classes or both"),
        ({"name": "infogan", "codes": 6}, {}, "objective.codes is 6, but the latent.* has 5; raise generator.latent"),
        ("infogan", {"packing": 2}, "cannot guess their codes"),
        ({"name": "infogan", "variance": "big"}, {}, "objective.variance = 'big'"),
    ],
    ids=str,
)
def test_what_cannot_work_is_one_line(objective, changes, words):
    with pytest.raises(ConfigError, match=words) as caught:
        plain.points(objective, **changes)
    assert "\n" not in str(caught.value)


def test_the_classes_need_not_be_those_of_the_data():
    assert plain.points("infogan", num_classes=3).num_classes == 3


@pytest.fixture(scope="module", params=[True, False], ids=["labels", "no labels"])
def run(request, tmp_path_factory):
    """A run of two steps with 3 classes and a code. Half of the time, the data have labels of 3 other classes."""
    folder = tmp_path_factory.mktemp("infogan")
    rng = np.random.RandomState(0)
    labels = {"labels": np.arange(120) % 3} if request.param else {}
    np.savez(folder / "data.npz", samples=rng.randint(0, 256, (120, 8, 8, 1)).astype(np.uint8), **labels)
    config = Config.read(
        {
            "name": "found",
            "data": {"source": "numpy", "path": str(folder / "data.npz"), "resolution": 8, "channels": 1},
            "num_classes": 3,
            "generator": {"model": "dense", "latent_dim": 4, "hidden": [8]},
            "discriminator": {"model": "dense", "hidden": [8]},
            "objective": {"name": "infogan", "codes": 1},
            "training": {"batch_size": 4, "steps": 2, "log_every": 1, "sample_every": 2, "evaluation": {"every": 2}},
        }
    )
    return ganzoo.train(config, root=folder / "runs", quiet=True)


@pytest.mark.slow
def test_classes_that_the_training_finds_are_never_those_of_the_data(run):
    assert not (run.folder / CLASS_NAMES).exists()
    (log,) = [record for record in run.log() if record["step"] == 2 and "d_loss" in record]
    assert {"d_class_loss", "g_code_loss", "class_accuracy", "code_error", "duplicates"} <= log.keys()
    assert "label_response" not in log
    assert "Class loss" in (run.folder / "report.html").read_text(encoding="utf-8")
    generator = ganzoo.load(ganzoo.export(run))
    assert (generator.num_classes, generator.class_names, generator.codes) == (3, None, 1)
    assert not has_classes_of_data(generator.bundle)
    found = ganzoo.evaluate(run.folder, samples=50, draws=1, quiet=True)
    assert not any("label" in number.label or number.by_class for number in found.numbers)
    with pytest.raises(ganzoo.GanzooError, match="the training found the model's classes itself"):
        ganzoo.evaluate(run.folder, metrics=["label_response"], samples=50, draws=1, quiet=True)


@pytest.mark.slow
def test_a_copied_bundle_knows_whose_its_classes_are(run, tmp_path):
    folder = ganzoo.export(run, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["codes"] == 1
    generator = Generator.from_bundle(folder)
    assert not has_classes_of_data(generator.bundle)
    assert "a continuous code" in (folder / "README.md").read_text(encoding="utf-8")
