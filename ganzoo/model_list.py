"""The names of the models of the zoo. Imports nothing slow."""

from __future__ import annotations

import fnmatch

from ganzoo.errors import GanzooError


def list_models(pattern: str = "*", *, pretrained: bool = False) -> list[str]:
    """Names of the models of the zoo, in alphabetical order.

    Args:
        pattern: keeps the names that match a shell-style pattern such as ``"*celeba*"``.
        pretrained: False lists the configs, for ``ganzoo.train``. True lists the pretrained models, for
            ``ganzoo.load``; a pattern with "@", such as ``"faces-64@*"``, lists their versions.

    Returns:
        The names. The list is empty if nothing matches.

    Raises:
        GanzooError: if ``pattern`` is not a text.
    """
    if not isinstance(pattern, str):
        received = f"{str(pattern)[:60]} ({type(pattern).__name__})"
        raise GanzooError(f"list_models: received {received}; allowed is a text with a pattern such as '*celeba*'.")
    names = _pretrained_names(exact="@" in pattern) if pretrained else _config_names()
    return [name for name in sorted(names) if fnmatch.fnmatchcase(name, pattern)]


def _config_names() -> list[str]:
    from ganzoo.config.zoo import config_files

    return list(config_files())


def _pretrained_names(*, exact: bool) -> list[str]:
    from ganzoo.hub.pretrained import pretrained_versions

    models = pretrained_versions()
    return [model.exact_name for versions in models.values() for model in versions.values()] if exact else list(models)
