"""The version of ganzoo. This file imports nothing, so every other file can import it."""

__version__ = "0.1.0"
