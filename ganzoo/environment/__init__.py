"""What is around the program: folders of the user, files, devices, installed libraries. Never TensorFlow."""
