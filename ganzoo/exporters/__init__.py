"""Exporters: from a trained generator to files that run without it."""

from __future__ import annotations

from ganzoo.exporters.base import Exporter, exporters
from ganzoo.exporters.run import export_bundle, export_run

__all__ = ["Exporter", "export_bundle", "export_run", "exporters"]
