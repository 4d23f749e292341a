"""The report of a training: one HTML file with pictures, curves, warnings and the next command. No TensorFlow."""
