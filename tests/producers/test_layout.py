from __future__ import annotations

from typing import Any

import pytest

from producers.cells import read_boolean, read_category, read_number
from producers.layout import Layout, bind
from producers.map import TableMap
from stream.errors import ConfigError


def layout(header: str, *, press: dict[str, Any] | None = None, **changes: Any) -> Layout:
    table: dict[str, Any] = {
        "line": "A",
        "part": {"column": "serial"},
        "time": {"column": "at"},
        "station": [{"name": "press", "features": ["force", "die"], **(press or {})}],
        **changes,
    }
    return bind(TableMap.model_validate(table), header.split(","), "shots.csv")


def complaint(header: str, **changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        layout(header, **changes)
    return str(caught.value)


def test_columns_are_found_wherever_they_stand_in_the_header() -> None:
    found = layout("die,force,at,serial")
    assert (found.width, found.part, found.time) == (4, 3, 2)
    assert [(name, at) for name, at, _ in found.stations[0].features] == [("force", 1), ("die", 0)]


def test_a_feature_is_a_number_unless_the_map_says_otherwise() -> None:
    press = {"features": ["f*"], "categorical": ["f1"], "boolean": ["f2?"]}
    found = layout("serial,at,f1,f20,f21,f3", press=press)
    readers = {name: read for name, _, read in found.stations[0].features}
    assert readers == {
        "f1": read_category,
        "f20": read_boolean,
        "f21": read_boolean,
        "f3": read_number,
    }


def test_an_exact_name_goes_before_a_pattern() -> None:
    found = layout("serial,at,f1,f2,f3", press={"features": ["f*"]}, ignore=["f2"])
    assert [name for name, _, _ in found.stations[0].features] == ["f1", "f3"]


def test_a_column_whose_name_looks_like_a_pattern_can_be_named() -> None:
    found = layout("serial,at,ok?,oks", press={"features": ["ok?"]}, ignore=["oks"])
    assert [name for name, _, _ in found.stations[0].features] == ["ok?"]


def test_an_unmapped_column_may_be_ignored_as_a_whole() -> None:
    assert layout("serial,at,force,die,note", unmapped="ignore").width == 5


def test_a_missing_column_is_named_with_the_closest_one() -> None:
    assert complaint("serial,at,Force,die") == (
        "shots.csv: station[press].features names column 'force', which is missing: "
        "did you mean 'Force'?"
    )
    assert complaint("a;b") == (
        "shots.csv: part.column names column 'serial', which is missing: its columns are 'a;b'"
    )


def test_an_ignored_column_must_exist() -> None:
    assert complaint("serial,at,force,die", ignore=["note"]) == (
        "shots.csv: ignore names column 'note', which is missing: "
        "its columns are 'serial', 'at', 'force', 'die'"
    )


def test_unmapped_columns_are_named() -> None:
    assert complaint("serial,at,force,die,note,") == (
        "shots.csv: the map does not name 'note', '': give each to a station, name it in ignore, "
        'or set unmapped = "ignore"'
    )


def test_many_unmapped_columns_are_counted() -> None:
    assert "'x7' and 92 more: give" in complaint(
        "serial,at,force,die," + ",".join(f"x{number}" for number in range(100))
    )


def test_a_column_that_stands_twice_in_the_header_is_named() -> None:
    assert complaint("serial,at,force,die,force") == (
        "shots.csv: column 'force' stands twice in the header, as number 3 and 5: rename one"
    )


def test_a_header_that_is_not_utf8_is_named() -> None:
    assert complaint("serial,at,for\udce9e,die") == (
        "shots.csv: column 3 of the header, 'for\\udce9e', is not UTF-8 text: "
        "save the file as UTF-8"
    )


def test_a_pattern_must_match_something() -> None:
    assert complaint("serial,at", press={"features": ["f*"]}) == (
        "shots.csv: station[press].features names 'f*', which matches no column that is left: "
        "its columns are 'serial', 'at'"
    )


def test_two_patterns_must_not_share_a_column() -> None:
    stations = [{"name": "one", "features": ["f*"]}, {"name": "two", "features": ["?1"]}]
    assert complaint("serial,at,f1", station=stations) == (
        "shots.csv: column 'f1' is named twice, in station[one].features and, by '?1', in "
        "station[two].features: name it exactly where it belongs"
    )


def test_a_kind_must_match_a_feature_and_only_one_kind_may() -> None:
    assert complaint("serial,at,force,die", press={"categorical": ["x*"]}) == (
        "shots.csv: station[press].categorical names 'x*', which matches no feature of it: "
        "its features are 'force', 'die'"
    )
    assert complaint("serial,at,force,die", press={"categorical": ["d*"], "boolean": ["*e"]}) == (
        "shots.csv: station[press] has 'die' as categorical and boolean: keep one"
    )


def test_a_column_without_a_name_or_with_an_endless_one_is_no_feature() -> None:
    wide = {"features": ["*"]}
    assert "has column '': a feature's name has 1 to 256" in complaint("serial,at,", press=wide)
    assert "a feature's name has 1 to 256" in complaint("serial,at," + "x" * 257, press=wide)
