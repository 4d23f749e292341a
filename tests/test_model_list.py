"""Tests ``ganzoo.list_models``."""

import pytest

from ganzoo.config.zoo import config_files
from ganzoo.errors import GanzooError
from ganzoo.hub.pretrained import pretrained_models, pretrained_versions
from ganzoo.model_list import list_models


def test_configs_match_a_pattern():
    assert list_models() == sorted(config_files())
    celeba = [name for name in sorted(config_files()) if "celeba" in name]
    assert list_models("*celeba*") == celeba
    assert len(celeba) >= 3
    assert list_models("celeba") == [], "a pattern matches the whole name, as in a shell"
    assert list_models("no-such-*") == list_models("") == []


def test_pretrained_models_match_a_pattern():
    assert list_models(pretrained=True) == sorted(pretrained_models())
    assert list_models("*-64", pretrained=True) == ["faces-64", "portraits-64"]
    assert list_models("*celeba*", pretrained=True) == []


def test_an_at_sign_asks_for_versions():
    versions = [model.exact_name for model in pretrained_versions()["faces-64"].values()]
    assert list_models("faces-64@*", pretrained=True) == sorted(versions)
    assert list_models("faces-64@1", pretrained=True) == ["faces-64@1"]


@pytest.mark.parametrize("pattern", [3, None, ["*celeba*"], b"*celeba*", True])
@pytest.mark.parametrize("pretrained", [False, True])
def test_a_pattern_that_is_not_a_text_is_one_line(pattern, pretrained):
    with pytest.raises(GanzooError, match=r"received .* \(\w+\); allowed is a text .*\*celeba\*") as raised:
        list_models(pattern, pretrained=pretrained)
    assert "\n" not in str(raised.value)
