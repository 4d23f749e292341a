"""The training loop and what surrounds it. Every module in here imports TensorFlow; this file does not."""

import os

# TensorFlow leaves oneDNN off on processors without AVX-512, where it nearly doubled the speed of these convolutions.
# It looks at the variable only while it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
