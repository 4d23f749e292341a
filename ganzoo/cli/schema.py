"""``ganzoo schema``."""

from __future__ import annotations

from ganzoo.cli.output import print_json


def schema() -> None:
    """Print the JSON schema of a config, for editors and validators."""
    from ganzoo.config.experiment import Config

    table = Config.model_json_schema()
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **table, "title": "ganzoo config"})
