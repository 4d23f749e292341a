"""Tests which changes of a run's config are found when it is resumed."""

import pytest
from helpers import tiny

from ganzoo.training.key_digests import changed_keys, key_digests


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"training.steps": 99}, []),
        ({"training.hub": "user/name"}, []),
        ({"training.batch_size": 8}, ["training.batch_size"]),
        ({"training.penalties": ["r1"]}, ["training.penalties"]),
        ({"training.augment": "diff_augment"}, ["training.augment"]),
        ({"training.evaluation": None}, ["training.evaluation"]),
    ],
)
def test_a_changed_key_is_found_in_both_directions(change, found):
    one = tiny().replace(**{"training.evaluation": {"every": 5}})
    other = one.replace(**change)
    assert changed_keys(other, key_digests(one)) == found
    assert changed_keys(one, key_digests(other)) == found


def test_a_key_that_an_older_version_did_not_have_is_no_change():
    config = tiny()
    older = {key: digest for key, digest in key_digests(config).items() if not key.startswith("training.watch.")}
    assert changed_keys(config, older) == []
