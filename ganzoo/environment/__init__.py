"""The environment of the program: the user's folders, files, devices and installed libraries."""
