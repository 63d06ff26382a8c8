"""Tables of the commands: plain columns, in which nothing is cut, on a terminal or off it.

A terminal that is narrower than a row breaks the line; what reads a pipe finds one row a line.
"""

from __future__ import annotations

from collections.abc import Sequence

from andon.mistakes import plain


def table_text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines, under a line of headings; every column as wide as its longest text.

    >>> print(table_text(["LINE", "LAG"], [["body-A", "7"]]), end="")
    LINE    LAG
    body-A  7
    """
    # Names come from the plant: what is in them must not steer the terminal.
    cells = [list(head), *([plain(cell, len(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines) + "\n"
