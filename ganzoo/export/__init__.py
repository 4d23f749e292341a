"""Exporters: from a trained generator to files that run without it."""

from __future__ import annotations

from ganzoo.export.base import Exporter, exporters
from ganzoo.export.bundle import export_bundle, export_run

__all__ = ["Exporter", "export_bundle", "export_run", "exporters"]
