"""``python -m devora_console`` and the ``devora-console`` script."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; gives the exit code."""
    from devora_console.cli.entry import run  # noqa: PLC0415 - the first import that takes time

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
