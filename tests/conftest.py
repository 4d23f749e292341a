"""Settings of all tests."""

from hypothesis import settings

# Time limits are pytest-timeout's business: on a busy machine hypothesis' own 200 ms fail by chance.
settings.register_profile("ganzoo", deadline=None)
settings.load_profile("ganzoo")
