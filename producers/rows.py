"""The rows of CSV files, plain or gzipped, each one accounted for.

The cells come from the standard library's `csv` reader, because a history needs every row's fate:
`pandas.read_csv` pads a row that is too short without a word, and stops at, or drops, one that is
too long.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from producers.mistakes import shown
from stream.errors import ConfigError

OnBytes = Callable[[int], None]

_GZIP = b"\x1f\x8b"


class Row(NamedTuple):
    """One data row: its number in its file from 1, its cells, or why it has none to trust."""

    number: int
    cells: Sequence[str]
    fault: str | None = None


def read_header(path: Path) -> Sequence[str]:
    """The names in the first row, without the spaces around them.

    Raises `ConfigError` if the file cannot be read or has no header.
    """
    with _Text(path) as text:
        header = next(text.rows(), None)
    if header is None or header.fault is not None or not any(header.cells):
        fault = header.fault if header is not None and header.fault else "its first row is empty"
        raise ConfigError(f"{path}: no header ({fault}): the first row must name the columns")
    return header.cells


def read_rows(path: Path, width: int, size: int, on_bytes: OnBytes) -> Iterator[list[Row]]:
    """The data rows of ``path`` in lists of at most ``size``; blank lines are no rows.

    Cells lose the spaces around them. A row with another number of cells than ``width``, or with
    broken quotes, has a fault; a quote that is never closed takes the rest of the file, or 131,072
    characters, into its one bad row. ``on_bytes`` hears after each list how many bytes of the file
    have been read. Raises `ConfigError` for a file that cannot be read to its end.
    """
    with _Text(path) as text:
        rows = text.rows()
        next(rows, None)
        numbered = (
            Row(number, row.cells, row.fault or _wrong_width(row.cells, width))
            for number, row in enumerate(rows, start=1)
        )
        while chunk := list(islice(numbered, size)):
            yield chunk
            on_bytes(text.position())
        on_bytes(text.position())


def _wrong_width(cells: Sequence[str], width: int) -> str | None:
    return None if len(cells) == width else f"{len(cells)} cells, the header has {width}"


class _Text:
    """An open file as CSV rows; errors of reading name the file and the remedy."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            if not path.is_file():
                raise ConfigError(f"{path}: no such file: a history is read twice, so name a file")
            self._raw: BinaryIO = path.open("rb")
        except OSError as error:
            raise ConfigError(f"{path}: the file cannot be read: {error.strerror}") from None
        packed = self._raw.read(2) == _GZIP
        self._raw.seek(0)
        data = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
        # A byte that is not UTF-8 survives as a lone surrogate, so that its cell can be refused.
        self._text = io.TextIOWrapper(
            data, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )

    def __enter__(self) -> _Text:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()
        self._raw.close()

    def position(self) -> int:
        return self._raw.tell()

    def rows(self) -> Iterator[Row]:
        reader = csv.reader(self._text, strict=True)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(0, [], f"not CSV: {error}")
                continue
            except (OSError, EOFError, zlib.error) as error:
                raise ConfigError(
                    f"{self._path}: damaged after line {reader.line_num}: {shown(str(error))}: "
                    f"fetch the file again"
                ) from None
            if cells:
                yield Row(0, list(map(str.strip, cells)))
