"""Data sources: where real images come from, one file a source."""

from ganzoo.data.base import Dataset, DataSource, data_sources

__all__ = ["DataSource", "Dataset", "data_sources"]
