"""Where the columns of one file lie, after its header has met the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from producers.cells import Reader, read_boolean, read_category, read_number
from producers.header import Claims, claim, refuse_a_bad_header, refuse_unmapped, some
from producers.map import StationMap, TableMap, matches
from producers.mistakes import shown
from stream.errors import ConfigError


@dataclass(frozen=True)
class StationColumns:
    """One station's features: their names, where they lie, and how each is read."""

    name: str
    offset: timedelta
    features: tuple[tuple[str, int, Reader], ...]


@dataclass(frozen=True)
class Layout:
    """Where everything lies in a row of ``width`` cells; None where the map names no column."""

    width: int
    line: int | None
    part: int | None
    time: int
    result: int | None
    delay: int | None
    stations: tuple[StationColumns, ...]

    def columns(self) -> list[int]:
        """Where everything lies that is read at all, from left to right."""
        single = (self.line, self.part, self.time, self.result, self.delay)
        named = [index for index in single if index is not None]
        return sorted(
            named + [index for station in self.stations for _, index, _ in station.features]
        )


def bind(table: TableMap, header: Sequence[str], file: str) -> Layout:
    """The layout of the file ``file`` with this header, as ``table`` maps it.

    Raises `ConfigError` for a column that is missing, stands or is named twice, or is not mapped.

    >>> table = TableMap.model_validate({
    ...     "line": "A", "part": {"row_number": True}, "time": {"column": "at"},
    ...     "station": [{"name": "press", "features": ["f*"]}]})
    >>> [name for name, _, _ in bind(table, ["at", "f1", "f2"], "x.csv").stations[0].features]
    ['f1', 'f2']
    """
    refuse_a_bad_header(header, file)
    place = {column: index for index, column in enumerate(header)}
    found = claim(table.uses(), place, file)
    refuse_unmapped(table.unmapped, header, found, file)

    def at(use: str, column: str | None) -> int | None:
        return None if column is None else place[found[use, column][0]]

    result = table.result
    return Layout(
        width=len(header),
        line=at("line_column", table.line_column),
        part=at("part.column", table.part.column),
        time=place[table.time.column],
        result=at("result.column", result.column if result else None),
        delay=at("result.delay_column", result.delay_column if result else None),
        stations=tuple(_bind_station(station, place, found, file) for station in table.stations),
    )


def _bind_station(
    station: StationMap, place: Mapping[str, int], found: Claims, file: str
) -> StationColumns:
    use = f"station[{station.name}]"
    columns = [c for name in station.features for c in found[f"{use}.features", name]]
    readers: dict[str, Reader] = {}
    for kind, names, reader in (
        ("categorical", station.categorical, read_category),
        ("boolean", station.boolean, read_boolean),
    ):
        for name in names:
            these = [name] if name in columns else [c for c in columns if matches(name, c)]
            if not these:
                raise ConfigError(
                    f"{file}: {use}.{kind} names {shown(name)}, which matches no feature of it: "
                    f"its features are {some(columns)}"
                )
            for column in these:
                if readers.setdefault(column, reader) is not reader:
                    raise ConfigError(
                        f"{file}: {use} has {shown(column)} as categorical and boolean: keep one"
                    )
    for column in columns:
        if not 1 <= len(column) <= 256:
            raise ConfigError(
                f"{file}: {use}.features has column {shown(column)}: a feature's name has 1 to "
                f"256 characters; rename the column"
            )
    return StationColumns(
        name=station.name,
        offset=station.offset,
        features=tuple((c, place[c], readers.get(c, read_number)) for c in columns),
    )
