"""Settings of all tests."""

import os

from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's own remarks say nothing about a failed test

# Time limits are pytest-timeout's business: on a busy machine hypothesis' own 200 ms fail by chance.
settings.register_profile("ganzoo", deadline=None)
settings.load_profile("ganzoo")
