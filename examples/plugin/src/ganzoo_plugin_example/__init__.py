"""A generator block and a loss that ganzoo finds by entry points."""
