"""What the first rows of a table show of each of its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from producers.cells import BadCell, read_number
from producers.rows import Row
from producers.table_file import TableFile

# Enough to tell kinds apart, little enough to be read in a few seconds.
_CELLS = 2_000_000
_ROWS = 50_000
_MOST_VALUES = 1000

EMPTY_TEXTS = frozenset({"nan", "na", "n/a", "#n/a", "null", "none", "nil", "-", "--", "?"})
TRUTHS = frozenset({"true", "false", "yes", "no"})
TIME_FORMATS = (
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
)


@dataclass
class ColumnSample:
    """What was seen of one column.

    Attributes
    ----------
    rows, full
        How many rows, and how many of their cells say something.
    values
        How often each text stands there; no more than 1,000 texts, see ``many``.
    empties
        Texts that look as if they meant an empty cell.
    numbers, whole
        How many cells are numbers, and how many of these whole numbers.
    low, high
        The least and the greatest number.
    """

    name: str
    rows: int = 0
    full: int = 0
    many: bool = False
    numbers: int = 0
    whole: int = 0
    low: float = float("inf")
    high: float = float("-inf")
    values: Counter[str] = field(default_factory=Counter)
    empties: Counter[str] = field(default_factory=Counter)

    def add(self, cell: str) -> None:
        """Take one cell in."""
        self.rows += 1
        if not cell:
            return
        if cell.lower() in EMPTY_TEXTS:
            self.empties[cell] += 1
            return
        self.full += 1
        if cell in self.values or len(self.values) < _MOST_VALUES:
            self.values[cell] += 1
        else:
            self.many = True
        try:
            number = read_number(cell)
        except BadCell:
            return
        self.numbers += 1
        self.whole += number == int(number)
        self.low, self.high = min(self.low, number), max(self.high, number)

    @property
    def constant(self) -> bool:
        """Whether it says nothing, or the same wherever it says something."""
        return len(self.values) <= 1

    @property
    def is_full(self) -> bool:
        """Whether every row says something."""
        return self.full == self.rows

    @property
    def numeric(self) -> bool:
        """Whether nearly all that it says are numbers."""
        return self.full > 0 and self.numbers >= 0.95 * self.full

    @property
    def boolean(self) -> bool:
        """Whether it says true and false, or yes and no."""
        return self.full > 0 and {value.lower() for value in self.values} <= TRUTHS

    @property
    def few(self) -> bool:
        """Whether it says few things many times."""
        return not self.many and len(self.values) <= 20 and self.full >= 5 * len(self.values)

    @property
    def unique(self) -> bool:
        """Whether every row says something else, as far as was counted."""
        return self.is_full and (
            len(self.values) == self.full or (self.many and max(self.values.values()) == 1)
        )

    def time_format(self) -> str | None:
        """How its times are written: "" for ISO 8601, None if it holds no times."""
        if self.numeric or not self.full:
            return None
        some = list(self.values)[:200]
        return next((form for form in ("", *TIME_FORMATS) if _all_times(some, form)), None)

    def naive(self) -> bool:
        """Whether its ISO times carry no zone."""
        return any(
            datetime.fromisoformat(value).tzinfo is None for value in list(self.values)[:200]
        )


def _all_times(texts: Sequence[str], form: str) -> bool:
    try:
        for text in texts:
            if form:
                datetime.strptime(text, form)  # noqa: DTZ007 only whether it can be read
            else:
                datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def sample_columns(path: Path) -> list[ColumnSample]:
    """What the first rows of ``path``, CSV or Parquet, show of each column, in their order.

    At most 50,000 rows, fewer of a wide table. Raises `ConfigError` if it cannot be read.
    """
    file = _file(path)
    columns = [ColumnSample(name) for name in file.header]
    for row in _first_rows(file):
        for column, cell in zip(columns, row.cells, strict=True):
            column.add(cell)
    return columns


def sample_by(path: Path, key: str, value: str) -> list[ColumnSample]:
    """The cells of column ``value``, as if those beside each text of column ``key`` were a column.

    That is how a table of single readings becomes one of features; sorted by name.
    """
    file = _file(path)
    at, read = file.header.index(key), file.header.index(value)
    found: dict[str, ColumnSample] = {}
    for row in _first_rows(file):
        name = row.cells[at]
        if name not in found:
            found[name] = ColumnSample(name)
        found[name].add(row.cells[read])
    return [found[name] for name in sorted(found)]


def _file(path: Path) -> TableFile[None]:
    return TableFile(path, lambda header, name: None)


def _first_rows(file: TableFile[None]) -> Iterator[Row]:
    wanted = max(100, min(_ROWS, _CELLS // len(file.header)))
    taken = 0
    for rows in file.rows(min(wanted, 1000), lambda _: None):
        yield from (row for row in rows if row.fault is None)
        taken += len(rows)
        if taken >= wanted:
            return
