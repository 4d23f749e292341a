"""Feature extractors: what metrics see of a sample, one file an extractor."""

from ganzoo.extractors.base import Extractor, LoadedExtractor, extractors

__all__ = ["Extractor", "LoadedExtractor", "extractors"]
