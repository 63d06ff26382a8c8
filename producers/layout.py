"""Where the columns of one file lie, after its header has met the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from producers.cells import Reader, read_boolean, read_category, read_number
from producers.map import StationMap, TableMap, is_pattern, matches
from producers.mistakes import did_you_mean, shown
from stream.errors import ConfigError

_SHOWN = 8


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


def bind(table: TableMap, header: Sequence[str], file: str) -> Layout:
    """The layout of the file ``file`` with this header, as ``table`` maps it.

    Raises `ConfigError` for a column that is missing, stands or is named twice, or is not mapped.

    >>> table = TableMap.model_validate({
    ...     "line": "A", "part": {"row_number": True}, "time": {"column": "at"},
    ...     "station": [{"name": "press", "features": ["f*"]}]})
    >>> [name for name, _, _ in bind(table, ["at", "f1", "f2"], "x.csv").stations[0].features]
    ['f1', 'f2']
    """
    _refuse_a_bad_header(header, file)
    place = {column: index for index, column in enumerate(header)}
    found = _claims(table, place, file)
    _refuse_unmapped(table, header, found, file)

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


Claims = Mapping[tuple[str, str], list[str]]


def _refuse_a_bad_header(header: Sequence[str], file: str) -> None:
    seen: dict[str, int] = {}
    for number, column in enumerate(header, start=1):
        if column in seen:
            raise ConfigError(
                f"{file}: column {shown(column)} stands twice in the header, as number "
                f"{seen[column]} and {number}: rename one"
            )
        seen[column] = number
        try:
            column.encode()
        except UnicodeEncodeError:
            raise ConfigError(
                f"{file}: column {number} of the header, {shown(column)}, is not UTF-8 text: "
                f"save the file as UTF-8"
            ) from None


def _claims(table: TableMap, place: Mapping[str, int], file: str) -> Claims:
    """(key, name in the map) -> the columns it stands for; exact names go before patterns."""
    claimed: dict[str, str] = {}
    found: dict[tuple[str, str], list[str]] = {}
    uses = list(table.uses())
    patterned = ("ignore", "features")
    for use, name in uses:
        if name in place:
            claimed[name] = use
            found[use, name] = [name]
        elif not (use.endswith(patterned) and is_pattern(name)):
            hint = did_you_mean(name, place) or f": its columns are {_some(list(place))}"
            raise ConfigError(f"{file}: {use} names column {shown(name)}, which is missing{hint}")
    exact = set(claimed)
    for use, name in uses:
        if (use, name) in found:
            continue
        columns = [c for c in place if c not in exact and matches(name, c)]
        if not columns:
            raise ConfigError(
                f"{file}: {use} names {shown(name)}, which matches no column that is left: "
                f"its columns are {_some(list(place))}"
            )
        for column in columns:
            if column in claimed:
                raise ConfigError(
                    f"{file}: column {shown(column)} is named twice, in {claimed[column]} and, "
                    f"by {shown(name)}, in {use}: name it exactly where it belongs"
                )
            claimed[column] = use
        found[use, name] = columns
    return found


def _refuse_unmapped(table: TableMap, header: Sequence[str], found: Claims, file: str) -> None:
    used = {column for columns in found.values() for column in columns}
    left = [column for column in header if column not in used]
    if left and table.unmapped == "error":
        raise ConfigError(
            f"{file}: the map does not name {_some(left)}: give each to a station, name it in "
            f'ignore, or set unmapped = "ignore"'
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
                    f"its features are {_some(columns)}"
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


def _some(columns: Sequence[str]) -> str:
    text = ", ".join(shown(column) for column in columns[:_SHOWN])
    more = len(columns) - _SHOWN
    return f"{text} and {more} more" if more > 0 else text
