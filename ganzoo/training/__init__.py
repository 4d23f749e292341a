"""The training loop and what surrounds it. Every module in here imports TensorFlow; this file does not."""

import os

from ganzoo.environment.places import has_home

# TensorFlow leaves oneDNN off on processors without AVX-512, where it nearly doubled the speed of these convolutions.
# It looks at the variable only while it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

if not has_home():  # Keras would make a folder called "~" in the present folder; below this path nothing can be made
    os.environ.setdefault("KERAS_HOME", f"{os.devnull}/keras")
