"""A first map of a table, from the names of its columns and what they hold.

What is written loads, and replays the file. It is a draft: every guess says that it is one, and
what decides the figures of a replay (which outcome is a fail, when it is known, where a station
ends, when it reports) is for somebody who knows the line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from producers.bosch_layout import parse_column
from producers.column_sample import ColumnSample, sample_by, sample_columns
from producers.suggest_columns import (
    FEATURE,
    ID,
    PART,
    RESULT,
    STATION,
    VALUE,
    best,
    can_name,
    find_time,
    ignore_lines,
    missing_lines,
    named,
    result_lines,
    sorted_out,
    time_lines,
    toml_text,
    words_of,
)
from producers.suggest_stations import group_into_stations, station_lines, toml_list
from stream.errors import ConfigError


def suggest_map(path: Path) -> str:
    """The TOML text of a first map of the table ``path``, with comments.

    Raises `ConfigError` if the file cannot be read or nothing in it can be a time.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "press.csv")
    ...     _ = path.write_text("serial,at,oil_t,oil_p\\n1,2026-01-05T08:00Z,40.5,7\\n"
    ...                         "2,2026-01-05T08:01Z,40.9,8\\n")
    ...     print(suggest_map(path).split("[part]")[1])
    <BLANKLINE>
    column = "serial"
    <BLANKLINE>
    [time]
    column = "at"
    <BLANKLINE>
    # [result]: no column looks like the outcome of a test.
    <BLANKLINE>
    # Stations were guessed from how names begin; offset is how long after the row's time a station
    # reports. Without offsets, lead times in minutes mean nothing.
    <BLANKLINE>
    [[station]]
    name = "oil"
    features = ["oil_t", "oil_p"]
    offset = "0s"
    <BLANKLINE>
    """
    columns = sample_columns(path)
    line = re.sub(r"[^A-Za-z0-9_.-]+", "-", path.name.split(".")[0]).strip("-") or "line"
    rows = columns[0].rows
    head = [
        f"# A first map of {_safe(path.name)}, from its first {rows:,} rows: a draft. Check it.",
        "",
    ]
    parsed = [parse_column(column.name) for column in columns]
    if sum(found is not None for found in parsed) > len(columns) / 2:
        return "\n".join([*head, *_bosch(line, columns)]) + "\n"
    long = _long_columns(columns)
    if long is not None:
        return "\n".join([*head, *_long(path, line, columns, long)]) + "\n"
    return "\n".join([*head, *_wide(path, line, columns)]) + "\n"


def _wide(path: Path, line: str, columns: Sequence[ColumnSample]) -> list[str]:
    left = list(columns)
    time = find_time(path, left)
    left.remove(time)
    result = best(left, RESULT, lambda c: not c.many and 2 <= len(c.values) <= 5)
    if result is not None:
        left.remove(result)
    part = best(left, (*PART, *ID), lambda c: c.unique and can_name(c))
    if part is not None:
        left.remove(part)
    features, ignored = sorted_out(left)
    if not features:
        raise ConfigError(f"{path}: no column can be a feature: all are empty, constant or texts")
    lines = [f"line = {json.dumps(line)}", *ignore_lines(ignored)]
    lines += missing_lines(c for c in columns if c not in [one for one, _ in ignored])
    lines += ["", "[part]"]
    if part is not None:
        lines += [f"column = {toml_text(part.name)}"]
    else:
        lines += ["# No column has another text in every row.", "row_number = true"]
    lines += ["", *time_lines(time), "", *result_lines(result)]
    if result is not None:
        lines += [
            "# When the result is known, from the row's time on: the time that an alarm can win.",
            'delay = "1h"',
        ]
    lines += [
        "",
        "# Stations were guessed from how names begin; offset is how long after the row's time a "
        "station",
        "# reports. Without offsets, lead times in minutes mean nothing.",
    ]
    stations = group_into_stations(features)
    for name, group in stations.items():
        lines += ["", *station_lines(name, group, stations.values())]
    return lines


def _long(
    path: Path, line: str, columns: Sequence[ColumnSample], long: tuple[ColumnSample, ...]
) -> list[str]:
    station, feature, value = long
    left = [column for column in columns if column not in long]
    time = find_time(path, left)
    left.remove(time)
    part = best(left, (*PART, *ID), can_name)
    if part is None:
        raise ConfigError(
            f"{path}: a table of single readings, in which no column names the part: add one"
        )
    left.remove(part)
    kinds = sample_by(path, feature.name, value.name)
    outcomes = (one for one in kinds if words_of(one.name) & set(RESULT))
    result = next((one for one in outcomes if 2 <= len(one.values) <= 5), None)
    lines = ['format = "long"', f"line = {json.dumps(line)}"]
    lines += ignore_lines([(column, "no part of a reading") for column in left])
    lines += missing_lines([value])
    lines += ["", "[part]", f"column = {toml_text(part.name)}", "", *time_lines(time)]
    lines += ["", "[reading]", f"station = {toml_text(station.name)}"]
    lines += [f"feature = {toml_text(feature.name)}", f"value = {toml_text(value.name)}", ""]
    lines += [*result_lines(result, "feature"), ""]
    texts = [one.name for one in kinds if not one.numeric and not one.boolean and one is not result]
    booleans = [one.name for one in kinds if one.boolean and one is not result]
    lines += [
        f"# Seen: {_seen(station.values)}. A table for each gives them an order and offsets.",
        "[[station]]",
        'name = "*"',
        'features = ["*"]',
    ]
    if texts:
        lines.append(f"categorical = {toml_list(texts)}")
    if booleans:
        lines.append(f"boolean = {toml_list(booleans)}")
    return lines


def _bosch(line: str, columns: Sequence[ColumnSample]) -> list[str]:
    names = {column.name for column in columns}
    lines = [
        "# Columns such as L3_S33_F3855 and L3_S33_D3856 are features and their dates. Replay the",
        "# files of both together.",
        'format = "bosch"',
        f"line = {json.dumps(line)}",
    ]
    others = [
        column
        for column in columns
        if parse_column(column.name) is None and column.name not in ("Id", "Response")
    ]
    found = None
    if "Id" not in names:
        found = best(others, (*PART, *ID), can_name) or others[0]
        others.remove(found)
    if others:
        lines += [f"ignore = {toml_list([column.name for column in others])}"]
    if found is not None:
        lines += ["", "[part]", f"column = {toml_text(found.name)}"]
    lines += [
        "",
        "[time]",
        "# What the numbers 1 and 0 mean as dates is not in the file: these are those of the data",
        "# set that the form is named after.",
        'unit = "10h"',
        'epoch = "2014-01-01T00:00:00Z"',
        "",
        "[result]",
        '# column = "Response", fail = [1] and pass = [0] are the defaults.',
        'delay = "1d"',
    ]
    return lines


def _long_columns(
    columns: Sequence[ColumnSample],
) -> tuple[ColumnSample, ColumnSample, ColumnSample] | None:
    station = named(columns, STATION)
    feature = named([c for c in columns if c is not station], FEATURE)
    value = named([c for c in columns if c not in (station, feature)], VALUE)
    if station is None or feature is None or value is None or feature.many:
        return None
    return station, feature, value


def _seen(values: Iterable[str]) -> str:
    names = sorted(values)
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(toml_text(name) for name in names[:12]) + more


def _safe(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
