"""Any names and facts in the form that a bundle takes."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.bundle.presentable_names import MAX_NAME, presentable_names, presentable_text, presentable_tree
from ganzoo.bundle.schema import BundleConfig, BundleFacts, LatentSpec
from ganzoo.bundle.strict_json import read_json, write_json

ODD = {
    "caf\u00e9 \U0001f600 <b>": "caf\u00e9 \U0001f600 <b>",
    "no\u00a0break": "no\\xa0break",
    "\U0001f469\u200d\U0001f680": "\U0001f469\\u200d\U0001f680",
    "byte \udcff": "byte \\udcff",
    "two\nlines\t": "two\\nlines\\t",
    "a\\xa0b": "a\\\\xa0b",
    "\u202egnp": "\\u202egnp",
    "": "",
}
NAME = st.text(st.characters(categories=None) | st.sampled_from("\\\u00a0\u200d\udcff\n~2ax"), max_size=130)


def taken(names: tuple[str, ...]) -> BundleConfig:
    """The config of a bundle with these classes, as a reader has it."""
    config = BundleConfig(
        name="a", kind="vector", shape=(2,), latent=LatentSpec(dim=2), num_classes=len(names), class_names=names
    )
    return BundleConfig.from_dict(read_json(write_json(config.to_dict()), "config.json"))


def test_names():
    assert presentable_names(ODD) == tuple(ODD.values())
    long = ["x" * 100, "x" * 101, "x" * 200, "\u00a0" * 100, "\\" * 60]
    shown = presentable_names(long)
    assert shown[0] == long[0]
    assert shown[1].startswith("x" * 83 + "~")
    assert shown[3].startswith("\\xa0" * 20 + "~"), "no escape is cut"
    assert {len(name) for name in shown[1:3]} == {MAX_NAME}
    assert presentable_names(["a", "a", "a~2", "a", "x" * 100, "x" * 100]) == (
        *("a", "a~2", "a~2~2", "a~3"),
        *("x" * 100, "x" * 98 + "~2"),
    )
    assert taken(shown)


@given(st.lists(NAME, min_size=1, max_size=6))
def test_any_names_are_taken_and_stay_different(names):
    shown = presentable_names(names)
    assert taken(shown).class_names == shown


@given(NAME, NAME)
def test_different_names_stay_different_on_their_own(one, other):
    assert (presentable_names([one]) == presentable_names([other])) == (one == other)


@given(NAME)
def test_an_ordinary_name_stays(name):
    if name.isprintable() and len(name) <= MAX_NAME and "\\" not in name:
        assert presentable_names([name]) == (name,)


FACTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NAME,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@given(st.dictionaries(NAME, FACTS, max_size=3))
def test_any_facts_are_taken(facts):
    shown = presentable_tree(facts)
    assert BundleFacts(training=shown).training == shown
    assert presentable_tree(shown) == shown
    json.dumps(shown, allow_nan=False).encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**60, 10**400, 1e300, object, b"x", "x" * 20_000])
def test_a_fact_that_a_bundle_cannot_hold_becomes_text(value):
    shown = presentable_tree({"value": value})
    assert isinstance(shown["value"], str)
    BundleFacts(training=shown)


def test_what_is_deep_is_cut():
    tree: dict[str, object] = {}
    for _ in range(40):
        tree = {"a": tree}
    BundleFacts(training=presentable_tree(tree))
    assert presentable_text("a\u00a0b\n", limit=20) == "a\\xa0b\n"
