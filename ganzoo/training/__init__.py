"""The training loop and what surrounds it. Importing any module here imports TensorFlow."""
