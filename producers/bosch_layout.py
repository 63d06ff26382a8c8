"""Where a Bosch-shaped history's columns lie: read from their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import NamedTuple

from producers.bosch_map import BoschMap
from producers.cells import Reader, read_category, read_number
from producers.header import claim, refuse_a_bad_header, refuse_unmapped
from producers.map import covers
from producers.mistakes import shown
from producers.table_file import TableFile
from stream.errors import ConfigError

_COLUMN = re.compile(r"L([0-9]{1,4})_S([0-9]{1,6})_([FD])([0-9]{1,9})")


class BoschColumn(NamedTuple):
    """What a column's name says: the station and, of it, a feature or the date of one."""

    segment: int
    station: int
    is_date: bool
    number: int

    @property
    def station_name(self) -> str:
        """The segment belongs in the station's name: all segments are one line."""
        return f"L{self.segment}_S{self.station}"


def parse_column(name: str) -> BoschColumn | None:
    """What ``name`` says, None if it is of another form.

    The date D(n) is that of feature F(n - 1), and has its number here.

    >>> parse_column("L3_S33_D3856")
    BoschColumn(segment=3, station=33, is_date=True, number=3855)
    """
    found = _COLUMN.fullmatch(name)
    if found is None:
        return None
    segment, station, kind, number = found.groups()
    is_date = kind == "D"
    return BoschColumn(int(segment), int(station), is_date, int(number) - is_date)


@dataclass(frozen=True)
class BoschLayout:
    """The columns of one file by their place: features, dates, the part and the outcome."""

    part: int
    result: int | None
    features: dict[int, tuple[BoschColumn, Reader]]
    dates: dict[int, BoschColumn]

    def columns(self) -> list[int]:
        """Where everything lies that is read at all, from left to right."""
        single = [self.part] if self.result is None else [self.part, self.result]
        return sorted([*single, *self.features, *self.dates])


BoschFile = TableFile[BoschLayout]


def bind_bosch(table: BoschMap, header: Sequence[str], file: str) -> BoschLayout:
    """The layout of a file with this header.

    Raises `ConfigError` for a file without the part's column, and for a column that is of no known
    form and not left out.

    >>> table = BoschMap.model_validate({"format": "bosch", "line": "A",
    ...     "time": {"unit": "10h", "epoch": "2014-01-01T00:00:00Z"}})
    >>> sorted(bind_bosch(table, ["Id", "L0_S1_F24", "L0_S1_F26"], "numeric.csv").features)
    [1, 2]
    """
    refuse_a_bad_header(header, file)
    place = {column: index for index, column in enumerate(header)}
    left_out = [name for name in table.ignore if any(covers(name, column) for column in place)]
    uses = [("part.column", table.part.column), *(("ignore", name) for name in left_out)]
    result = table.result.column if table.result else None
    if result is not None and result in place:
        uses.append(("result.column", result))
    found = dict(claim(uses, place, file))
    taken = {column for columns in found.values() for column in columns}
    said = {column: parse_column(column) for column in header if column not in taken}
    found["columns", ""] = [column for column, parsed in said.items() if parsed is not None]
    refuse_unmapped(table.unmapped, header, found, file)
    names = any(covers(name, PurePath(file).name) for name in table.categorical_files)
    read: Reader = read_category if names else read_number
    parsed = {place[column]: parsed for column, parsed in said.items() if parsed is not None}
    return BoschLayout(
        part=place[table.part.column],
        result=place[result] if result is not None and result in place else None,
        features={at: (column, read) for at, column in parsed.items() if not column.is_date},
        dates={at: column for at, column in parsed.items() if column.is_date},
    )


class Side(NamedTuple):
    """Files that hold the same columns of different parts, one after the other."""

    files: tuple[BoschFile, ...]
    layout: BoschLayout


def sides_of(files: Sequence[BoschFile], table: BoschMap) -> list[Side]:
    """The files put together by what they hold of a part.

    Raises `ConfigError` if two hold the same column beside others, if none has dates, or none the
    outcome that the map names.
    """
    grouped: dict[tuple[str, ...], list[BoschFile]] = {}
    for file in files:
        grouped.setdefault(tuple(file.header), []).append(file)
    sides = [Side(tuple(shards), shards[0].layout) for shards in grouped.values()]
    owner: dict[str, BoschFile] = {}
    for side in sides:
        first = side.files[0]
        for column in side.layout.columns():
            name = first.header[column]
            if name == table.part.column:
                continue
            if name in owner:
                raise ConfigError(
                    f"{first.path}: column {shown(name)} is in {owner[name].path} as well, beside "
                    f"other columns: give each column in one kind of file"
                )
            owner[name] = first
    paths = ", ".join(str(file.path) for file in files)
    if not any(side.layout.dates for side in sides):
        raise ConfigError(
            f"{paths}: no file has dates, columns such as L3_S33_D3856: give the file of dates too"
        )
    if not any(side.layout.features for side in sides):
        raise ConfigError(
            f"{paths}: no file has features, columns such as L3_S33_F3855: give the file of "
            f"numbers or of names too"
        )
    if table.result is not None and all(side.layout.result is None for side in sides):
        raise ConfigError(
            f"{paths}: no file has result.column = {shown(table.result.column)}: give the file "
            f"that has it, or remove [result] from the map"
        )
    return sides
