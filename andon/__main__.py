"""The program's entry: ``andon`` and ``python -m andon``.

Apart from the command line, whose imports take a second or two: Ctrl-C then is no traceback either.
"""

from __future__ import annotations

import os
import sys

# Huge pages are cleared when first touched, 2 MB at a time: a label that widens a window or begins
# one waited for up to 180 ms for them. Asked of NumPy before it is loaded; whoever set it knows.
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")


def main() -> None:
    """Run the command line."""
    try:
        from andon.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
