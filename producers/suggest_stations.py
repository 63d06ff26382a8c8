"""Columns put together into stations by how their names begin, and the map's tables for them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from producers.column_sample import ColumnSample
from producers.map import matches

_PARTED = re.compile(r"[_\-. /]+|(?<=[a-z])(?=[A-Z])")
_NAMELIKE = (
    "code",
    "mold",
    "mould",
    "die",
    "tool",
    "type",
    "product",
    "variant",
    "recipe",
    "shift",
)
_OTHERS = "line"
# A station of more features than this is written with a pattern, if one says just the same.
_MOST_LISTED = 24
_WIDTH = 100


def group_into_stations(columns: Sequence[ColumnSample]) -> Mapping[str, list[ColumnSample]]:
    """Station's name -> its columns, in the order of the table.

    Columns whose names begin alike, by two words if most do, else by one, are of one station; what
    is alone goes to a station "line".

    >>> found = group_into_stations([ColumnSample(n) for n in ("oil_t", "oil_p", "force")])
    >>> {name: [column.name for column in group] for name, group in found.items()}
    {'oil': ['oil_t', 'oil_p'], 'line': ['force']}
    """
    by_two = _grouped(columns, 2)
    together = sum(len(group) for name, group in by_two.items() if name != _OTHERS)
    if len(by_two) > 2 and together >= 0.8 * len(columns):
        return by_two
    return _grouped(columns, 1)


def _grouped(columns: Sequence[ColumnSample], words: int) -> dict[str, list[ColumnSample]]:
    groups: dict[str, list[ColumnSample]] = {}
    for column in columns:
        groups.setdefault(_beginning(column.name, words), []).append(column)
    alone = {name for name, group in groups.items() if len(group) == 1 or not name}
    others = [column for column in columns if _beginning(column.name, words) in alone]
    told = {name: group for name, group in groups.items() if name not in alone}
    if others:
        told[_OTHERS] = [*told.get(_OTHERS, []), *others]
    return told


def _beginning(name: str, words: int) -> str:
    parts = [part for part in _PARTED.split(name) if part]
    if len(parts) <= words:
        # The last word tells features apart, if only by its number.
        parts = [*parts[:-1], parts[-1].rstrip("0123456789")] if parts else []
    text = "_".join(part for part in parts[:words] if part)
    return "".join(c for c in text if c.isprintable())[:64]


def station_lines(
    name: str, group: Sequence[ColumnSample], stations: Collection[Sequence[ColumnSample]]
) -> list[str]:
    """The lines of one ``[[station]]``."""
    lines = ["[[station]]", f"name = {toml_list([name])[1:-1]}"]
    lines.append(f"features = {toml_list(_features(name, group, stations))}")
    names = [column.name for column in group if not column.numeric and not column.boolean]
    numbers = [column for column in group if column.numeric and _may_name(column)]
    names += [column.name for column in numbers if _namelike(column.name)]
    booleans = [column.name for column in group if column.boolean and not column.numeric]
    if names:
        lines.append(f"categorical = {toml_list(names)}")
    if booleans:
        lines.append(f"boolean = {toml_list(booleans)}")
    candidates = [column for column in numbers if column.name not in names]
    if candidates:
        lines.append("# Whole numbers of few values: name those in categorical that are names.")
        lines += [
            f"#   {toml_list([column.name])[1:-1]}: {_values(column)}" for column in candidates
        ]
    return [*lines, 'offset = "0s"']


def _features(
    name: str, group: Sequence[ColumnSample], stations: Collection[Sequence[ColumnSample]]
) -> list[str]:
    own = [column.name for column in group]
    pattern = f"{name}*"
    if len(own) > _MOST_LISTED and all(matches(pattern, column) for column in own):
        foreign = [c.name for other in stations if other is not group for c in other]
        if not any(matches(pattern, column) for column in foreign):
            return [pattern]
    return own


def _may_name(column: ColumnSample) -> bool:
    return column.few and column.whole == column.numbers and 2 <= len(column.values) <= 10


def _namelike(name: str) -> bool:
    return any(word in name.lower() for word in _NAMELIKE)


def _values(column: ColumnSample) -> str:
    return ", ".join(toml_list([value])[1:-1] for value in sorted(column.values))


def _escaped(character: str) -> str:
    """As TOML writes a character that had better not be seen as it is.

    >>> _escaped("\\u202e"), _escaped("\\U000e0041")
    ('\\\\u202e', '\\\\U000e0041')
    """
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def toml_list(texts: Iterable[str]) -> str:
    """A list of texts as TOML, on more lines than one if it is long.

    >>> toml_list(["NOK", 'a "b"'])
    '["NOK", "a \\\\"b\\\\""]'
    """
    quoted = (json.dumps(text, ensure_ascii=False) for text in texts)
    items = ["".join(c if c.isprintable() else _escaped(c) for c in text) for text in quoted]
    short = f"[{', '.join(items)}]"
    if len(items) == 1 or len(short) <= _WIDTH - 16:
        return short
    return "[\n" + "".join(f"    {item},\n" for item in items) + "]"
