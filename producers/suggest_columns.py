"""Which column of a table is what, by its name and its cells, and the map's lines that say so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from producers.cells import BadCell, read_number
from producers.column_sample import ColumnSample
from producers.mistakes import shown
from producers.suggest_stations import toml_list
from stream.errors import ConfigError

PART = ("serial", "part", "unit", "workpiece", "piece", "barcode", "dmc", "wafer", "shot", "sn")
ID = ("id", "uid", "key", "number", "no", "nr", "index", "row")
_TIME = ("timestamp", "time", "datetime", "date", "stamp", "at", "ts", "finished", "produced")
RESULT = (
    *("result", "verdict", "outcome", "label", "response", "passfail", "passorfail", "pass"),
    *("fail", "failed", "ok", "nok", "quality", "defect", "defective", "judgement", "judgment"),
    *("reject", "rejected", "class", "target"),
)
_FAIL = frozenset(
    ("nok", "ng", "fail", "failed", "failure", "bad", "ko", "reject", "rejected", "defect", "n")
)
_PASS = frozenset(("ok", "pass", "passed", "good", "io", "accept", "accepted", "y"))
STATION = ("station", "machine", "equipment", "workcenter", "operation", "cell", "asset")
FEATURE = ("feature", "tag", "sensor", "parameter", "variable", "signal", "channel", "name")
VALUE = ("value", "reading", "measurement", "val")
_EPOCHS = (("1s", 1e9, 3e9), ("1ms", 1e12, 3e12), ("0.001ms", 1e15, 3e15))


def named(columns: Iterable[ColumnSample], words: Sequence[str]) -> ColumnSample | None:
    """The first column that has the first of ``words`` in its name."""
    return next((c for word in words for c in columns if words_of(c.name) & {word}), None)


def find_time(path: Path, columns: Sequence[ColumnSample]) -> ColumnSample:
    """The column of the row's time; `ConfigError` if nothing can be it."""
    times = [c for c in columns if c.time_format() is not None or _epoch(c) is not None]
    found = best(times, _TIME, lambda c: True) or next(iter(times), None)
    if found is None:
        names = ", ".join(shown(column.name) for column in columns[:8])
        raise ConfigError(
            f"{path}: no column holds times, of ISO 8601 or another known form ({names}, ...): a "
            f"history needs to say when: add a column, or write the map by hand (time.format)"
        )
    return found


def _epoch(column: ColumnSample) -> str | None:
    """What 1 means in a column of times counted since 1970; None if it is no such column."""
    if not column.numeric or not words_of(column.name) & {*_TIME, "epoch", "ms", "unix"}:
        return None
    fitting = (unit for unit, low, high in _EPOCHS if low <= column.low and column.high <= high)
    return next(fitting, None)


def time_lines(time: ColumnSample) -> list[str]:
    """The table ``[time]``."""
    lines = ["[time]", f"column = {toml_text(time.name)}"]
    unit = _epoch(time)
    if unit is not None:
        return [*lines, f'unit = "{unit}"', 'epoch = "1970-01-01T00:00:00Z"']
    form = time.time_format()
    if form:
        lines += [f"format = {json.dumps(form)}"]
    if form or time.naive():
        lines += [
            "# The times carry no zone: name the plant's, such as Europe/Berlin. UTC is a guess.",
            'zone = "UTC"',
        ]
    return lines


def result_lines(result: ColumnSample | None, where: str = "column") -> list[str]:
    """The lines that say where the outcome is: ``where`` is column or feature."""
    if result is None:
        return [f"# [result]: no {where} looks like the outcome of a test."]
    counts = result.values.most_common()
    fails = [value for value, _ in counts if value.lower() in _FAIL]
    passes = [value for value, _ in counts if value.lower() in _PASS]
    why = "by their names"
    if not fails or not passes:
        # Good lines fail seldom.
        fails, passes, why = [counts[-1][0]], [counts[0][0]], "the rarest is taken as fail"
    others = [value for value, _ in counts if value not in fails + passes]
    lines = [
        "[result]",
        f"{where} = {toml_text(result.name)}",
        f"# Seen: {', '.join(f'{toml_text(v)} {n:,} times' for v, n in counts)}; {why}.",
        f"fail = {_outcomes(fails)}",
        f"pass = {_outcomes(passes)}",
    ]
    return [*lines, 'other = "untested"'] if others else lines


def _outcomes(values: Sequence[str]) -> str:
    """A list for ``fail`` or ``pass``: of numbers if they are, so that 1 covers 1.0."""
    try:
        numbers = [read_number(value) for value in values]
    except BadCell:
        return toml_list(values)
    return f"[{', '.join(f'{number:.15g}' for number in numbers)}]"


def sorted_out(
    columns: Sequence[ColumnSample],
) -> tuple[list[ColumnSample], list[tuple[ColumnSample, str]]]:
    """The columns that can be features, and the others with the reason."""
    features, ignored = [], []
    for column in columns:
        why = _why_no_feature(column)
        if why is None:
            features.append(column)
        else:
            ignored.append((column, why))
    return features, ignored


def _why_no_feature(column: ColumnSample) -> str | None:
    if not 1 <= len(column.name) <= 256:
        return "its name can be no feature's"
    if column.constant:
        return "always the same" if column.full else "always empty"
    if column.time_format() is not None or _epoch(column) is not None:
        return "a time"
    if column.numeric and not (column.unique and words_of(column.name) & set(ID)):
        return None
    if column.unique:
        return "another text in every row"
    return None if column.boolean or column.few else "texts of many kinds"


def ignore_lines(ignored: Sequence[tuple[ColumnSample, str]]) -> list[str]:
    """The list of what is left out, each with its reason; nothing if that is nothing."""
    if not ignored:
        return []
    lines = ["ignore = ["]
    lines += [f"    {toml_text(column.name)},  # {why}" for column, why in ignored]
    return [*lines, "]"]


def missing_lines(columns: Iterable[ColumnSample]) -> list[str]:
    """The texts that look as if they meant an empty cell."""
    seen = sorted({text for column in columns for text in column.empties})
    return [f"missing = {toml_list(seen)}  # texts that seem to mean an empty cell"] if seen else []


def best(
    columns: Iterable[ColumnSample], words: Sequence[str], fits: Callable[[ColumnSample], bool]
) -> ColumnSample | None:
    """The column that fits and has the first of ``words`` in its name."""
    fitting = [column for column in columns if fits(column)]
    ranked = [
        (min(words.index(word) for word in found), place)
        for place, column in enumerate(fitting)
        if (found := words_of(column.name) & set(words))
    ]
    return fitting[min(ranked)[1]] if ranked else None


def can_name(column: ColumnSample) -> bool:
    """Whether the column can hold serial numbers."""
    return column.is_full and column.whole == column.numbers and column.time_format() is None


def words_of(name: str) -> set[str]:
    """The words in a name: split at marks, digits and capitals, in small letters.

    >>> sorted(words_of("SerialNo_2"))
    ['no', 'serial']
    """
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {word.lower() for word in words}


def toml_text(text: str) -> str:
    """``text`` as TOML."""
    return toml_list([text])[1:-1]
