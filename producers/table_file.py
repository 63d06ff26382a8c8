"""One file of a history, CSV or Parquet, its header bound to a map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from producers.rows import OnBytes, Row, read_header, read_rows

L = TypeVar("L")

_PARQUET = b"PAR1"


class TableFile(Generic[L]):
    """A file, what its header says, and where the map finds everything in it.

    A Parquet file is known by its first bytes, whatever its name.

    Parameters
    ----------
    path
        The file; `ConfigError` if it cannot be read.
    bind
        Makes the layout from the header and the file's name.
    """

    def __init__(self, path: Path, bind: Callable[[Sequence[str], str], L]) -> None:
        self.path = path
        self._parquet = _is_parquet(path)
        self.header: Sequence[str] = self._read_header()
        self.layout: L = bind(self.header, str(path))
        self.size = path.stat().st_size

    def rows(
        self, size: int, on_bytes: OnBytes, columns: Sequence[int] | None = None
    ) -> Iterator[list[Row]]:
        """The data rows in lists of at most ``size``; only ``columns`` need have their cells."""
        if self._parquet:
            from producers.parquet_rows import read_parquet_rows

            return read_parquet_rows(self.path, size, on_bytes, columns)
        return read_rows(self.path, len(self.header), size, on_bytes)

    def _read_header(self) -> Sequence[str]:
        if self._parquet:
            # Arrow takes 40 MB and a good part of a second: those who have no Parquet pay nothing.
            from producers.parquet_rows import read_parquet_header

            return read_parquet_header(self.path)
        return read_header(self.path)


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_PARQUET)) == _PARQUET
    except OSError:
        return False  # the reader of rows says what is wrong
