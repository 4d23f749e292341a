"""The command ``ganzoo`` as a user whom the system does not know; HOME must not be set."""

import pwd


def _nobody(name):
    raise KeyError(name)


pwd.getpwuid = pwd.getpwnam = _nobody

from ganzoo.cli.main import main  # noqa: E402 - imports look for the home folder

main()
