"""A history named on the command line: table files with a map, or files of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from producers.bad_rows import BadRow
from producers.event_file import read_events
from producers.tables import load_any_map, read_tables
from stream.codec import DEFAULT_LIMITS, InputLimits, Rejected
from stream.errors import ConfigError
from stream.events import Event

_EVENT_FILES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


def is_event_file(path: Path) -> bool:
    """Whether a file's name says that it holds events.

    >>> is_event_file(Path("line.jsonl.gz")), is_event_file(Path("shots.csv.gz"))
    (True, False)
    """
    return path.name.endswith(_EVENT_FILES)


class History:
    """The events of some files, with what could not be used.

    Parameters
    ----------
    paths
        CSV or Parquet files, which need ``table_map``, or files of events (``.jsonl``, with or
        without ``.gz``).
    table_map
        The TOML map of the tables; its format chooses the reader.
    on_bad
        Hears of everything that could not be used: place and reason.
    on_bytes
        Hears of bytes done and bytes in all.
    limits
        The bounds on one event in a file of events.

    Raises `ConfigError` when kinds are mixed, or a map is missing or superfluous.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        table_map: Path | None,
        *,
        on_bad: Callable[[str, str], None],
        on_bytes: Callable[[int, int], None] | None = None,
        limits: InputLimits = DEFAULT_LIMITS,
    ) -> None:
        self.paths = tuple(paths)
        self._on_bad = on_bad
        self._limits = limits
        kinds = {is_event_file(path) for path in paths}
        if len(kinds) != 1:
            raise ConfigError("SOURCE mixes files of events and tables: replay them one by one")
        if kinds == {True}:
            if table_map is not None:
                raise ConfigError(
                    f"--map {table_map} is for tables, and {paths[0]} holds events already: "
                    f"leave --map out"
                )
            self._events: Iterator[Event] = self._from_event_files()
        elif table_map is None:
            raise ConfigError(
                f"{paths[0]} is a table, which needs --map FILE: a TOML file that names the "
                f"columns of part, time and result (docs/maps has examples)"
            )
        else:
            self._events = read_tables(
                self.paths, load_any_map(table_map), on_bad=self._bad_row, progress=on_bytes
            )

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def _from_event_files(self) -> Iterator[Event]:
        for path in self.paths:

            def bad_line(number: int, why: Rejected, path: Path = path) -> None:
                self._on_bad(f"{path}, line {number}", why.message)

            yield from read_events(path, on_bad=bad_line, limits=self._limits)

    def _bad_row(self, bad: BadRow) -> None:
        column = "" if bad.column is None else f", column {bad.column!r}"
        self._on_bad(f"{bad.path}, row {bad.row}{column}", f"{bad.value!r}: {bad.reason}")
