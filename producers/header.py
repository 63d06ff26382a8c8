"""The header of a file and the map: every column found, claimed once, and none left over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from producers.map import is_pattern, matches
from producers.mistakes import did_you_mean, shown
from stream.errors import ConfigError

_SHOWN = 8

Claims = Mapping[tuple[str, str], list[str]]


def refuse_a_bad_header(header: Sequence[str], file: str) -> None:
    """Raises `ConfigError` for a name that stands twice or is not UTF-8 text."""
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


def claim(uses: Iterable[tuple[str, str]], place: Mapping[str, int], file: str) -> Claims:
    """(key, name in the map) -> the columns it stands for; exact names go before patterns.

    ``uses`` are pairs of a key and a column or, for ``ignore`` and features, a pattern; ``place``
    says where each column of the file stands. Raises `ConfigError` for a column that is missing or
    named twice.
    """
    claimed: dict[str, str] = {}
    found: dict[tuple[str, str], list[str]] = {}
    uses = list(uses)
    patterned = ("ignore", "features")
    for use, name in uses:
        if name in place:
            claimed[name] = use
            found[use, name] = [name]
        elif not (use.endswith(patterned) and is_pattern(name)):
            hint = did_you_mean(name, place) or f": its columns are {some(list(place))}"
            raise ConfigError(f"{file}: {use} names column {shown(name)}, which is missing{hint}")
    exact = set(claimed)
    for use, name in uses:
        if (use, name) in found:
            continue
        columns = [c for c in place if c not in exact and matches(name, c)]
        if not columns:
            raise ConfigError(
                f"{file}: {use} names {shown(name)}, which matches no column that is left: "
                f"its columns are {some(list(place))}"
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


def refuse_unmapped(unmapped: str, header: Sequence[str], found: Claims, file: str) -> None:
    """Raises `ConfigError` if a column is left over and ``unmapped`` says "error"."""
    used = {column for columns in found.values() for column in columns}
    left = [column for column in header if column not in used]
    if left and unmapped == "error":
        raise ConfigError(
            f"{file}: the map does not name {some(left)}: give each to a station, name it in "
            f'ignore, or set unmapped = "ignore"'
        )


def some(columns: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    text = ", ".join(shown(column) for column in columns[:_SHOWN])
    more = len(columns) - _SHOWN
    return f"{text} and {more} more" if more > 0 else text
