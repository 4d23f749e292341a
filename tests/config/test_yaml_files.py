"""YAML in and out, and merging, without any model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.config import yaml_files
from ganzoo.errors import ConfigError


def read(text):
    return yaml_files.parse(text, what="here")


@pytest.mark.parametrize("text", ["2e-4", "2E-4", "+2e-4", "2.e-4", ".2e-3", "2.0e-4", "0.0002", "2.0e-04"])
def test_numbers_with_an_exponent_are_numbers(text):
    assert read(f"rate: {text}") == {"rate": 2e-4}


@pytest.mark.parametrize("text", ["2e", "e-4", "2-4e", "face2e-4x", "'2e-4'", "1e5m"])
def test_what_only_looks_like_one_stays_a_text(text):
    assert isinstance(read(f"rate: {text}")["rate"], str)


@pytest.mark.parametrize("text", ["1e5", "2E-4", "+5e12", ".2e3", "1_000", "010", "12:30", "yes", "null", "2024-01-01"])
def test_a_text_that_looks_like_another_value_survives(text):
    assert read(yaml_files.dump({"name": text, text: 1})) == {"name": text, text: 1}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_survives(value):
    assert read(yaml_files.dump({"value": value})) == {"value": value}
    assert read(f"value: {value!r}") == {"value": value}


@pytest.mark.parametrize("text", ["a: 1\na: 2", "{a: 1, b: 2, a: 3}", "x:\n  a: 1\n  'a': 2"])
def test_a_key_that_stands_twice_is_named(text):
    with pytest.raises(ConfigError, match=r"here: line \d: the key 'a' is given twice"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['true']",
        "a: !!python/name:os.system",
        "a: !custom 3",
        "a: !!bool maybe",
        "a: !!timestamp never",
        "!!set {a, b}",
        "- ! x",
    ],
)
def test_a_tag_is_refused(text):
    with pytest.raises(ConfigError, match=r"the tag '.*' is not allowed"):
        read(text)


def test_an_alias_is_refused_before_it_can_multiply():
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    with pytest.raises(ConfigError, match=r"line 2: the alias '\*a0' is not allowed"):
        read(bomb)


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\tx", "a: 1\n---\nb: 2", "{[1]: 2}", "? {a: 1}\n: 2", "a: \x00"])
def test_what_is_no_yaml_is_one_line(text):
    with pytest.raises(ConfigError, match="here") as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_depth_and_size_have_ends(tmp_path):
    with pytest.raises(ConfigError, match="not readable as YAML"):
        read("[" * 100_000)
    (tmp_path / "big.yaml").write_text("a: " + "x" * yaml_files.MAX_BYTES)
    with pytest.raises(ConfigError, match="larger than"):
        yaml_files.read_mapping(tmp_path / "big.yaml")


def test_many_keys_are_read_in_time():
    assert len(read("\n".join(f"key{n}: 1" for n in range(5_000)))) == 5_000


@given(st.text(max_size=60))
def test_any_text_is_values_or_one_clear_error(text):
    try:
        read(text)
    except ConfigError as error:
        assert str(error).startswith("here")


@pytest.mark.parametrize("content", [b"- a\n- b", b"just text", b"", b"\xff\xfe\x00", b"3"])
def test_a_file_that_holds_no_mapping_is_named(tmp_path, content):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"x\.yaml"):
        yaml_files.read_mapping(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"missing\.yaml: cannot be read"):
        yaml_files.read_mapping(tmp_path / "missing.yaml")


# --- merge


def test_merge_goes_into_groups_and_replaces_the_rest():
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 2}
    assert yaml_files.merge(base, {"a": {"y": [3]}, "c": 4}) == {"a": {"x": 1, "y": [3]}, "b": 2, "c": 4}
    assert base == {"a": {"x": 1, "y": [1, 2]}, "b": 2}


@pytest.mark.parametrize("key", ["name", "source"])
def test_merge_keeps_the_fields_of_the_same_part_only(key):
    base = {"part": {key: "adam", "rate": 1}}
    assert yaml_files.merge(base, {"part": {key: "adam", "beta": 2}}) == {"part": {key: "adam", "rate": 1, "beta": 2}}
    assert yaml_files.merge(base, {"part": {key: "rmsprop"}}) == {"part": {key: "rmsprop"}}
    assert yaml_files.merge(base, {"part": {"beta": 2}}) == {"part": {key: "adam", "rate": 1, "beta": 2}}
    assert yaml_files.merge(base, {"part": "rmsprop"}) == {"part": "rmsprop"}


def test_merge_goes_into_a_part_that_is_a_bare_name():
    assert yaml_files.merge({"loss": "hinge"}, {"loss": {"x": 1}}) == {"loss": {"name": "hinge", "x": 1}}


def test_block_and_blocks_replace_each_other():
    assert yaml_files.merge({"block": "a"}, {"blocks": [1]}) == {"blocks": [1]}
    assert yaml_files.merge({"blocks": [1]}, {"block": "a"}) == {"block": "a"}


nested = st.recursive(
    st.integers(0, 3), lambda children: st.dictionaries(st.sampled_from("abc"), children, max_size=3), max_leaves=8
)
mappings = st.dictionaries(st.sampled_from("abc"), nested, max_size=3)


@given(mappings, mappings)
def test_merge_is_idempotent_and_neutral(base, over):
    merged = yaml_files.merge(base, over)
    assert yaml_files.merge(merged, over) == merged
    assert yaml_files.merge(base, {}) == base
    assert yaml_files.merge({}, over) == over


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb:\n\tc: 2", "here: line 3: a tab; YAML is indented with spaces"),
        ("a: 1\nb: {c: 2", "ends too early: a brace, bracket or quote that was opened in line 2 is not closed"),
        ("a: [1, 2", "opened in line 1 is not closed"),
        ("a: 'x", "opened in line 1 is not closed"),
    ],
)
def test_usual_mistakes_are_named_in_plain_words(text, message):
    with pytest.raises(ConfigError) as said:
        read(text)
    assert message in str(said.value)
