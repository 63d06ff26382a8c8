"""Where a long table's columns lie, and what the map says of a station's feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

from producers.cells import BadCell, Reader, read_boolean, read_category, read_name, read_number
from producers.header import claim, refuse_a_bad_header, refuse_unmapped
from producers.long_map import LongMap
from producers.map import covers, is_pattern
from producers.mistakes import shown
from stream.errors import ConfigError

_FEATURES_REMEMBERED = 1 << 16


@dataclass(frozen=True)
class LongLayout:
    """Where everything lies in a row of readings or, if ``result`` is given, of results."""

    line: int | None
    part: int
    time: int
    station: int
    feature: int
    values: tuple[int, ...]
    result: int | None

    def columns(self) -> list[int]:
        """Where everything lies that is read at all, from left to right."""
        found = [self.part, self.time]
        found += [index for index in (self.line, self.result) if index is not None]
        if self.result is None:
            found += [self.station, self.feature, *self.values]
        return sorted(found)


def bind_long(table: LongMap, header: Sequence[str], file: str) -> LongLayout:
    """The layout of a file with this header: of results if it has them and no readings.

    Raises `ConfigError` for a column that is missing, stands twice or is not mapped, and for a
    file that has both readings and results in columns.

    >>> table = LongMap.model_validate({
    ...     "format": "long", "line": "A", "part": {"column": "id"}, "time": {"column": "at"},
    ...     "reading": {"station": "s", "feature": "f", "value": "v"}, "station": [{"name": "*"}]})
    >>> bind_long(table, ["id", "at", "s", "f", "v"], "x.csv").values
    (4,)
    """
    refuse_a_bad_header(header, file)
    place = {column: index for index, column in enumerate(header)}
    named = table.result.column if table.result else None
    reading = {table.reading.station, table.reading.feature, *table.reading.value}
    results = named is not None and named in place
    if results and reading <= set(place):
        raise ConfigError(
            f"{file}: result.column names column {shown(named)} of a file of readings, where it "
            f"cannot be told from when it is known: put the results into a file of their own, or "
            f"name it in ignore"
        )
    uses = [
        (use, name)
        for use, name in table.uses()
        # What is left out of one kind of file need not be in the other kind.
        if (use != "ignore" or any(covers(name, column) for column in place))
        and not (results and use.startswith("reading."))
    ]
    if results and named is not None:
        uses.append(("result.column", named))
    found = claim(uses, place, file)
    refuse_unmapped(table.unmapped, header, found, file)
    return LongLayout(
        line=None if table.line_column is None else place[table.line_column],
        part=place[table.part.column],
        time=place[table.time.column],
        station=-1 if results else place[table.reading.station],
        feature=-1 if results else place[table.reading.feature],
        values=() if results else tuple(place[column] for column in table.reading.value),
        result=place[named] if results and named is not None else None,
    )


class Feature(NamedTuple):
    """What the map says of one station's feature: its station's place, its own, how it is read."""

    place: int
    rank: int
    offset: timedelta
    read: Reader


class Catalogue:
    """Looks up a feature of a station in the map; exact names go before patterns.

    >>> table = LongMap.model_validate({
    ...     "format": "long", "line": "A", "part": {"column": "id"}, "time": {"column": "at"},
    ...     "reading": {"station": "s", "feature": "f", "value": "v"},
    ...     "station": [{"name": "p*", "offset": "5s"}, {"name": "press", "categorical": ["die"]}]})
    >>> Catalogue(table).find("press", "die").place, Catalogue(table).find("pour", "t").place
    (1, 0)
    """

    def __init__(self, table: LongMap) -> None:
        self._stations = table.stations
        self.find = lru_cache(_FEATURES_REMEMBERED)(self._find)

    def _find(self, station: str, feature: str) -> Feature | None:
        """The feature, None if the map does not name it; `BadCell` if it can have no such name."""
        place = _first(station, [station.name for station in self._stations])
        if place is None:
            return None
        said = self._stations[place]
        rank = _first(feature, said.features)
        if rank is None:
            return None
        for name, what in ((station, "station"), (feature, "feature")):
            try:
                read_name(name)
            except BadCell as bad:
                raise BadCell(f"the {what} is {bad}") from None
        read: Reader = read_number
        if _first(feature, said.categorical) is not None:
            read = read_category
        elif _first(feature, said.boolean) is not None:
            read = read_boolean
        return Feature(place, rank, said.offset, read)


def _first(name: str, named: Sequence[str]) -> int | None:
    if name in named:
        return named.index(name)
    return next(
        (i for i, each in enumerate(named) if is_pattern(each) and covers(each, name)), None
    )
