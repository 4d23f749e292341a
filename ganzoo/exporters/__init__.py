"""Exporters: convert a trained generator to files that run without Keras."""

from __future__ import annotations

from ganzoo.exporters.base import Exporter, exporters
from ganzoo.exporters.bundle import export_bundle
from ganzoo.exporters.run import export_run

__all__ = ["Exporter", "export_bundle", "export_run", "exporters"]
