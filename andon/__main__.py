"""The program's entry: ``andon`` and ``python -m andon``.

Apart from the command line, whose imports take a second or two: Ctrl-C then is no traceback either.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        from andon.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
