"""A history in the form of the Bosch Production Line Performance data, as the events it tells.

Files of numbers, of names and of dates hold the same parts, one row each, and are joined row by
row. Each station of a part with a date gives one measurement, at the latest of its dates, when all
of it is known; the result follows at the part's last date plus the delay of the map. A feature
without a value is null if it has a date of its own: the station was there and reported nothing.
Without a date it was not measured here, and is absent.

The order by date has nothing to do with the order of the files, so everything goes through one
external sort (`producers.spill`): by date, then by the part's place in the files, then by station.

Data set: Bosch Production Line Performance, Kaggle, 2016.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path

from producers.bad_rows import OnBad
from producers.bosch_layout import BoschFile, Side, bind_bosch, sides_of
from producers.bosch_map import BoschMap
from producers.bosch_parts import BoschParts, BoschStats, Cells
from producers.cells import BadCell, read_name
from producers.lockstep import lockstep
from producers.rows import Row
from producers.spill import ExternalSort, Telling
from producers.table_file import TableFile
from producers.translation import event_of
from producers.two_passes import Progress
from stream.errors import ConfigError
from stream.events import Event

__all__ = ["BoschReader", "BoschStats", "read_bosch"]
_CHUNK_ROWS = 200


def read_bosch(
    paths: Sequence[Path],
    table_map: BoschMap,
    *,
    on_bad: OnBad | None = None,
    progress: Progress | None = None,
) -> BoschReader:
    """The events of Bosch-shaped files, CSV or Parquet, as ``table_map`` reads them.

    Files with the same columns are read one after the other. A file may lack parts. What cannot be
    read goes to ``on_bad``: a cell, a row without a part, a value whose station has no date, a part
    without any date. In memory are some rows of each file and about 60 MB of events; the rest waits
    in a temporary file, about as large as the files. ``progress`` hears the bytes read and to read.

    Raises `ConfigError` at once for files that do not fit the map or each other.
    """
    if not paths:
        raise ConfigError("no file to read: name the files of numbers and of dates")
    return BoschReader(paths, table_map, on_bad, progress)


class BoschReader(Iterator[Event]):
    """An iterator of events that knows what became of every row; made by `read_bosch`.

    Attributes
    ----------
    stats : BoschStats
        Complete once the iterator has ended.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> table = BoschMap.model_validate({
    ...     "format": "bosch", "line": "A", "result": {"delay": "1d"},
    ...     "time": {"unit": "10h", "epoch": "2014-01-01T00:00:00Z"}})
    >>> with TemporaryDirectory() as folder:
    ...     numeric, date = Path(folder, "numeric.csv"), Path(folder, "date.csv")
    ...     _ = numeric.write_text("Id,L0_S0_F0,L0_S0_F2,Response\\n4,0.03,,0\\n6,,,1")
    ...     _ = date.write_text("Id,L0_S0_D1,L0_S0_D3\\n4,82.24,82.24\\n6,,1.5")
    ...     for event in read_bosch([numeric, date], table):
    ...         print(event.at.isoformat(), event.part, getattr(event, "values", event.type))
    2014-01-01T15:00:00+00:00 6 {'F2': None}
    2014-01-02T15:00:00+00:00 6 result
    2014-02-04T06:24:00+00:00 4 {'F0': 0.03, 'F2': None}
    2014-02-05T06:24:00+00:00 4 result
    """

    def __init__(
        self,
        paths: Sequence[Path],
        table_map: BoschMap,
        on_bad: OnBad | None,
        progress: Progress | None,
    ) -> None:
        files: list[BoschFile] = [
            TableFile(path, lambda header, name: bind_bosch(table_map, header, name))
            for path in paths
        ]
        self._sides = sides_of(files, table_map)
        self._parts = BoschParts(table_map, self._sides, on_bad)
        self.stats = self._parts.stats
        self._test = table_map.result.test if table_map.result else None
        self._progress = progress
        self._total = sum(file.size for file in files)
        self._read: dict[Path, int] = {}
        self._told = self._sorted()

    def __next__(self) -> Event:
        return event_of(next(self._told), self._test)

    def _sorted(self) -> Iterator[Telling]:
        waiting = ExternalSort()
        for order, (part, rows) in enumerate(lockstep([self._rows(side) for side in self._sides])):
            for telling in self._parts.tell(part, rows, order):
                waiting.push(telling)
        yield from waiting.pop_before(None)

    def _rows(self, side: Side) -> Iterator[tuple[str, Cells]]:
        for file in side.files:

            def report(position: int, path: Path = file.path) -> None:
                self._read[path] = position
                if self._progress is not None:
                    self._progress(sum(self._read.values()), self._total)

            columns = side.layout.columns()
            for rows in file.rows(_CHUNK_ROWS, report, columns):
                for row in rows:
                    self.stats.rows += 1
                    part = self._part(file, row)
                    if part is not None:
                        cells = row.cells
                        # Four cells of five are empty: those that are not, without a look at each.
                        full = {at: cells[at] for at in compress(range(len(cells)), cells)}
                        yield part, Cells(file, row.number, full)

    def _part(self, file: BoschFile, row: Row) -> str | None:
        if row.fault is not None:
            self._parts.refuse_row(file, row.number, ",".join(row.cells[:8]), row.fault)
            return None
        cell = row.cells[file.layout.part]
        try:
            return read_name(cell)
        except BadCell as bad:
            reason = f"column {file.header[file.layout.part]!r}: {bad}"
            self._parts.refuse_row(file, row.number, cell, reason)
            return None
