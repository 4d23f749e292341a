"""The training loop and what surrounds it. Importing any module here imports TensorFlow."""

import os

# TensorFlow leaves oneDNN off on processors without AVX-512, where it nearly doubled the speed of these convolutions.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
