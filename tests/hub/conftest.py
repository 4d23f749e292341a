"""A Hub, its owner and a stranger, for each test; and the files of a tiny bundle."""

from __future__ import annotations

import pytest
import tiny_bundles

from ganzoo.bundle.model_card import model_card
from hub.clients import Client
from hub.server import Hub, running


@pytest.fixture
def hub():
    with running() as server:
        yield server


@pytest.fixture
def owner(hub, tmp_path):
    """Someone with a token, and a bundle in the folder ``b``."""
    client = Client(tmp_path / "owner", hub.url, token="hf_owner")
    tiny_bundles.image_bundle(client.folder / "b")
    return client


@pytest.fixture
def stranger(hub, tmp_path):
    """Somebody else on a fresh machine, without a token."""
    return Client(tmp_path / "stranger", hub.url)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """name -> bytes of a bundle with its card."""
    bundle = tiny_bundles.image_bundle(tmp_path_factory.mktemp("files") / "b")
    card = model_card(bundle.config, bundle.metadata.facts, load_name="someone/tiny")
    return {name: (bundle.folder / name).read_bytes() for name in bundle.files} | {"README.md": card.encode()}


@pytest.fixture
def published(hub: Hub, files):
    """``someone/tiny`` on the Hub; its commit."""
    return hub.put("someone/tiny", files)
