"""The version of ganzoo. Nothing else is here, so that every file may import it."""

__version__ = "0.1.0"
