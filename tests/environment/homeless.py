"""The command ``ganzoo`` for a user without an account. HOME must not be set."""

import pwd


def _nobody(name):
    raise KeyError(name)


pwd.getpwuid = pwd.getpwnam = _nobody

from ganzoo.cli.main import main  # noqa: E402 - imports look for the home folder

main()
