"""The whole config: what is read, what is refused in one line, and what comes back."""

import json

import jsonschema
import pytest
from helpers import values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganzoo.augmentations import augmentations
from ganzoo.blocks.base import discriminator_blocks, generator_blocks
from ganzoo.config import yaml_files
from ganzoo.config.experiment import Config
from ganzoo.config.training import TrainingConfig
from ganzoo.config.zoo import load_config
from ganzoo.errors import ConfigError
from ganzoo.losses import losses
from ganzoo.model_list import list_models
from ganzoo.optimizers import optimizers
from ganzoo.penalties import penalties

SCHEMA = Config.model_json_schema()
FITS = jsonschema.Draft202012Validator(SCHEMA).validate
GENERATOR_BODIES = ["conv_transpose", "upsample_conv", "pixel_shuffle"]


def from_schema(schema):
    """Values that a field's JSON schema allows."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from([value for value in schema["enum"] if value != "group"])  # divides only some channels
    if "anyOf" in schema:
        return st.one_of([from_schema(option) for option in schema["anyOf"] if option.get("type") != "object"])
    kind = schema.get("type")
    if kind == "integer":
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        high = schema.get("maximum", schema.get("exclusiveMaximum", low + 1001) - 1)
        return st.integers(low, high)
    if kind == "number":
        low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
        high = schema.get("exclusiveMaximum") if high is None else high
        open_low, open_high = "exclusiveMinimum" in schema, "exclusiveMaximum" in schema
        return st.floats(low, high, exclude_min=open_low, exclude_max=open_high, allow_nan=False, allow_infinity=False)
    if kind == "boolean":
        return st.booleans()
    if kind == "array":
        return st.lists(from_schema(schema["items"]), max_size=3)
    if kind == "string":
        return st.text("ab/ é.", max_size=5)
    return st.none()


def parts(registry, *names, **fixed):
    """Specs of registered parts with random fields, or bare names."""
    names = names or registry.names()

    def fields(name):
        properties = registry.get(name).model_json_schema()["properties"]
        free = {key: from_schema(schema) for key, schema in properties.items() if key not in (*fixed, "channels")}
        held = {key: st.just(value) for key, value in fixed.items() if key in properties}
        spec = st.fixed_dictionaries(held, optional=free).map(lambda drawn: {registry.key: name, **drawn})
        return spec if held else spec | st.just(name)

    return st.sampled_from(sorted(names)).flatmap(fields)


@st.composite
def config_values(draw):
    """Values of configs that can work, from every registry."""
    vectors = draw(st.booleans())
    model = "dense" if vectors else draw(st.sampled_from(["dense", "dcgan", "residual"]))
    classes = draw(st.sampled_from([0, 0, 8]))
    bodies = {"dense": ["dense"], "dcgan": GENERATOR_BODIES, "residual": ["residual_up"]}[model]
    judges = {"dense": ["dense"], "dcgan": ["strided_conv"], "residual": ["residual_down"]}[model]
    image = {
        "source": "numpy",
        "resolution": draw(st.sampled_from([8, 16, 28, 32, 48, 64, 96, "128x64", "64x96", "16x8"])),
        "channels": draw(st.sampled_from([1, 3, 4])),
        "flip": draw(st.booleans()),
    }
    scalars = {
        key: from_schema(schema)
        for key, schema in TrainingConfig.model_json_schema()["properties"].items()
        if schema.get("type") in ("integer", "number", "boolean", "string") and key not in ("update", "d_steps")
    }
    training = draw(st.fixed_dictionaries({}, optional=scalars)) | {
        "batch_size": 2 * draw(st.integers(1, 64)),
        "loss": draw(parts(losses)),
        "penalties": draw(st.lists(parts(penalties), max_size=2)),
        "augment": None if vectors else draw(st.none() | parts(augmentations)),
        "g_optimizer": draw(parts(optimizers)),
        "d_optimizer": draw(parts(optimizers)),
        "update": draw(st.sampled_from(["simultaneous", "alternating"])),
    }
    for penalty in training["penalties"]:
        if isinstance(penalty, dict) and penalty.get("gamma_end") is None:
            penalty.pop("schedule_steps", None)
        elif isinstance(penalty, dict) and penalty.get("schedule") == "constant":
            del penalty["gamma_end"]
            penalty.pop("schedule_steps", None)
    if isinstance(training["augment"], dict):
        training["augment"]["adaptive"] = False  # not every loss allows it
    norm = (
        {"norm": "none"} if training["penalties"] else {"norm": draw(st.sampled_from(["batch", "spectral", "layer"]))}
    )
    discriminator = {"model": model, "block": draw(parts(discriminator_blocks, *judges, **norm, stride=2))}
    discriminator["block"] |= {"downsample": True} if model == "residual" else {}
    discriminator |= {"packing": 1 if classes else draw(st.sampled_from([1, 2]))}
    generator = {"model": model, "block": draw(parts(generator_blocks, *bodies, odd=False)), "latent": "uniform"}
    if model == "dense":
        generator |= {"hidden": draw(st.lists(st.integers(1, 99), min_size=1, max_size=3))}
    else:
        generator |= {"base_channels": 4}
        discriminator |= {"base_channels": 4}
    return {
        "data": {"source": "ring8", "count": 9} if vectors else image,
        "num_classes": classes,
        "generator": generator,
        "discriminator": discriminator,
        "training": training,
    }


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(config_values())
def test_every_config_comes_back_as_it_was_and_fits_the_schema(drawn):
    config = Config.read(drawn)
    complete = config.to_dict()
    assert Config.read(complete) == config
    assert Config.read(json.loads(json.dumps(complete))) == config
    assert Config.read(yaml_files.parse(yaml_files.dump(complete), what="dump")) == config
    FITS(drawn)
    FITS(complete)


def test_the_schema_is_one_and_knows_extends_and_the_names():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    FITS({"extends": "dcgan-faces-32"})
    for name in list_models():
        FITS(load_config(name).to_dict())
    for wrong in ({}, {"data": "ring8", "trainin": {}}, {"data": "ring8", "training": {"loss": "hing"}}, {"data": 3}):
        with pytest.raises(jsonschema.ValidationError):
            FITS(wrong)


def test_an_exponent_in_a_file_is_a_number(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("data: {source: numpy, resolution: 16}\ntraining: {g_optimizer: {name: adam, learning_rate: 2e-4}}")
    assert load_config(path).training.g_optimizer.learning_rate == 2e-4


def test_a_config_cannot_be_changed_behind_its_checks():
    config = Config.read(values())
    with pytest.raises(ValueError, match="frozen"):
        config.num_classes = 3


D = {"block": {"name": "strided_conv", "norm": "batch"}}
BAD = {
    "image too small for this generator": (
        {"resolution": 4},
        "a dcgan generator doubles an image of at least 4 px, and 4x4 px cannot be reached",
    ),
    "odd image": ({"resolution": 9}, "9x9 px cannot be"),
    "discriminator has nothing to halve": (
        {"resolution": 9, "generator": {"head": "image_head"}},
        "a dcgan discriminator halves the image to no less than 4 px, and 9x9 px cannot be halved",
    ),
    "too few blocks": (
        {"generator": {"block": None, "stem": {"name": "dense_stem", "channels": 4, "height": 1}, "blocks": []}},
        "generator.blocks",
    ),
    "channels do not reach the resolution": (
        {
            "resolution": 32,
            "generator": {
                "block": None,
                "stem": {"name": "dense_stem", "channels": 4, "height": 4},
                "blocks": [{"name": "conv_transpose", "channels": 4}],
            },
        },
        r"the generator makes samples of shape \[16, 16, 1\], but the data has \[32, 32, 1\]",
    ),
    "a block without channels": (
        {"generator": {"block": None, "blocks": ["conv_transpose"]}},
        "block 'conv_transpose' needs 'channels'",
    ),
    "an image block on a vector": (
        {"discriminator": {"block": None, "blocks": [{"name": "dense", "channels": 4}, {"name": "strided_conv"}]}},
        r"discriminator block 1: block 'strided_conv' takes an image, received the shape \[4\]",
    ),
    "a vector block on an image": (
        {"generator": {"head": "dense_image_head"}},
        "block 'dense_image_head' takes a vector, received the shape",
    ),
    "nothing left of the image": (
        {"discriminator": {"block": None, "blocks": [{"name": "residual_down", "channels": 4}] * 4}},
        r"discriminator block 3 \('residual_down'\) leaves nothing of the image: \[0, 0, 4\]",
    ),
    "block and blocks": (
        {"generator": {"blocks": [{"name": "conv_transpose", "channels": 4}]}},
        "generator: 'block' and 'blocks' exclude each other",
    ),
    "a head that ends nothing": (
        {"generator": {"head": {"name": "conv_transpose", "channels": 1}}},
        "generator.head is 'conv_transpose', but it must be one of dense_image_head, image_head, palette_head, "
        "skip_head, vector",
    ),
    "a head for vectors": (
        {"generator": {"model": "dense", "block": "dense", "head": "vector_head"}},
        r"head 'vector_head' outputs vectors, but a sample has the shape \[8, 8, 1\]",
    ),
    "a discriminator without a logit": (
        {"discriminator": {"head": {"name": "dense", "channels": 1}}},
        "discriminator.head is 'dense', but it must be one of logit_head",
    ),
    "batch normalization under a gradient penalty": (
        {"resolution": 16, "discriminator": D, "training": {"penalties": ["r1"]}},
        "a gradient penalty needs each sample's own gradient, and batch normalization in the discriminator",
    ),
    "classes the source does not have": (
        {"num_classes": 5, "data": {"source": "faces", "resolution": 8, "channels": 1}},
        r"num_classes is 5, but the data source has \d+ classes",
    ),
    "classes that would not enter the generator": (
        {
            "num_classes": 3,
            "generator": {"conditioning": "batch_norm", "block": {"name": "conv_transpose", "norm": "none"}},
        },
        "generator.conditioning is batch_norm, but none of its blocks has norm: batch",
    ),
    "self-modulation without a normalization": (
        {"generator": {"self_modulation": True, "block": {"name": "conv_transpose", "norm": "pixel"}}},
        "generator.self_modulation is true, but none of its blocks has norm: batch",
    ),
    "a group norm of an image at the input": (
        {
            "discriminator": {
                "block": None,
                "blocks": [{"name": "residual_down", "norm": "group", "channels": 64}],
            }
        },
        "discriminator block 0: norm 'group' cannot split 1 channels into 4 groups",
    ),
    "a group norm of odd features before a residual block": (
        {
            "generator": {
                "block": None,
                "blocks": [
                    {"name": "residual_up", "norm": "batch", "channels": 6},
                    {"name": "residual_up", "norm": "group", "channels": 8},
                ],
            }
        },
        "generator block 2: norm 'group' cannot split 6 channels into 4 groups",
    ),
    "packing with classes": (
        {"num_classes": 3, "discriminator": {"packing": 2}},
        "a packed discriminator judges several samples at once and cannot be conditional",
    ),
    "packing among the blocks with classes": (
        {
            "num_classes": 3,
            "discriminator": {"block": None, "blocks": [{"name": "packing", "samples": 2}]},
        },
        "a packed discriminator judges several samples at once",
    ),
    "a batch that does not fill its packs": (
        {"discriminator": {"packing": 4}, "training": {"batch_size": 6}},
        "batch_size 6 is not a multiple of packing 4",
    ),
    "a batch that does not fill the packs of its blocks": (
        {
            "discriminator": {"packing": 2, "block": None, "blocks": [{"name": "packing", "samples": 2}]},
            "training": {"batch_size": 6},
        },
        "batch_size 6 is not a multiple of packing 4",
    ),
    "several discriminator steps at once": (
        {"training": {"update": "simultaneous", "d_steps": 2}},
        "training: update: simultaneous makes one discriminator step, but d_steps is 2",
    ),
    "augmented vectors": (
        {
            "data": {"source": "numpy", "vector_dim": 3},
            "generator": {"model": "dense", "block": None},
            "discriminator": {"model": "dense", "block": None},
            "training": {"augment": "diff_augment"},
        },
        "training.augment changes images, and this data has none",
    ),
    "a dcgan of vectors": (
        {"data": {"source": "numpy", "vector_dim": 3}},
        "a dcgan generator makes images; for vectors use model: dense",
    ),
    "a model that is no name": (
        {"generator": {"model": {"a": 1}}},
        "generator.model: a generator architecture needs the key 'model', one of",
    ),
    "no data": ({"data": None}, "data: received null, but a data source is a name or a mapping with 'source'"),
    "a mistyped key": (
        {"generator": {"latentdim": 3}},
        r"generator\.latentdim: no such key\. Did you mean 'latent_dim'",
    ),
    "a key of nothing": ({"color": 3}, r"color: no such key\. Allowed: data, discriminator"),
    "a name with a path": ({"name": "../up"}, r"name = '\.\./up': allowed is up to 64 letters"),
    "a huge batch": (
        {"training": {"batch_size": 10**9}},
        r"training\.batch_size = 1000000000: allowed is 65536 at most",
    ),
    "no number": ({"training": {"ema_decay": float("nan")}}, r"training\.ema_decay = nan"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_work_is_one_line(case):
    changes, says = BAD[case]
    with pytest.raises(ConfigError, match=says) as caught:
        Config.read(values(**changes), what="mine.yaml")
    message = str(caught.value)
    assert message.startswith("mine.yaml: ")
    assert "\n" not in message


def test_several_mistakes_are_several_lines():
    with pytest.raises(ConfigError) as caught:
        Config.read(values(training={"batch_size": 0, "stepz": 3}, generator={"latent_dim": -1}), what="x")
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("wrong", [None, 3, "text", [], [1], {"data": []}, {1: 2}, {"data": {"source": []}}])
def test_other_values_are_refused_not_crashed_on(wrong):
    with pytest.raises(ConfigError):
        Config.read(wrong)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
PLACES = [
    ("data",),
    ("data", "source"),
    ("generator",),
    ("generator", "model"),
    ("generator", "block"),
    ("generator", "block", "name"),
    ("generator", "blocks"),
    ("generator", "hidden"),
    ("discriminator", "head"),
    ("training",),
    ("training", "loss"),
    ("training", "penalties"),
    ("training", "g_optimizer"),
    ("training", "batch_size"),
    ("num_classes",),
]


@settings(max_examples=300)
@given(st.sampled_from(PLACES), plain)
def test_any_value_anywhere_is_read_or_refused_clearly(place, value):
    config = values()
    inside = config
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    try:
        Config.read(config, what="x")
    except ConfigError as error:
        assert str(error).startswith("x: ")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"training": {"steps": True}}, "training.steps = true: this must be a whole number"),
        ({"training": {"ema_decay": False}}, "training.ema_decay = false: this must be a number"),
        ({"training": {"g_optimizer": {"name": "adam", "learning_rate": True}}}, "learning_rate = true"),
        ({"training": {"penalties": [{"name": "r1", "interval": True}]}}, "interval = true"),
        ({"training": {"watch": {"patience": True}}}, "training.watch.patience = true"),
        ({"generator": {"model": "dense", "hidden": [True]}}, "hidden.0 = true"),
        ({"num_classes": True}, "num_classes = true"),
    ],
)
def test_true_and_false_are_no_numbers(changes, path):
    values = {"data": "ring8", "generator": {"model": "dense"}, "discriminator": {"model": "dense"}}
    with pytest.raises(ConfigError) as said:
        Config.read(values | changes)
    assert path in str(said.value)
