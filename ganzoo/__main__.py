"""The command ``ganzoo``, also as ``python -m ganzoo``."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command. Ctrl-C while the commands are imported ends it in one line as well."""
    try:
        from ganzoo.cli.main import main as run

        run()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None


if __name__ == "__main__":
    main()
