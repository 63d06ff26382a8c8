from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.cells import (
    BadCell,
    Clock,
    NaiveTime,
    Outcomes,
    read_boolean,
    read_category,
    read_delay,
    read_name,
    read_number,
)
from producers.map import ResultMap, TimeMap


@settings(max_examples=100)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_exactly_the_float_it_was_written_from(number: float) -> None:
    assert repr(read_number(str(number))) == repr(number)


@pytest.mark.parametrize("text", ["inf", "-Infinity", "nan", "1e400", "9" * 5000])
def test_a_number_that_is_not_finite_is_refused(text: str) -> None:
    with pytest.raises(BadCell, match="not a finite number"):
        read_number(text)


@pytest.mark.parametrize("text", ["7,3", "1_000", "0x10", "true", "--", "1 2", "\udcff"])
def test_a_text_is_no_number(text: str) -> None:
    with pytest.raises(BadCell, match="not a number"):
        read_number(text)


def test_truths_are_few_and_their_capitals_do_not_matter() -> None:
    assert [read_boolean(text) for text in ("True", "YES", "1")] == [True] * 3
    assert [read_boolean(text) for text in ("false", "No", "0")] == [False] * 3
    with pytest.raises(BadCell, match="neither true, yes, 1 nor false, no, 0"):
        read_boolean("2")


def test_a_category_keeps_its_text_within_the_limits_of_the_wire() -> None:
    assert read_category("08722") == "08722"
    assert read_category("금형") == "금형"
    with pytest.raises(BadCell, match="longer than 1,024 characters"):
        read_category("x" * 1025)
    with pytest.raises(BadCell, match="not UTF-8 text"):
        read_category("mou\udce9")


@pytest.mark.parametrize("text", ["", "x" * 257, "a\x00b", "tab\there", "\udcff"])
def test_what_the_wire_takes_for_no_name_is_refused(text: str) -> None:
    with pytest.raises(BadCell, match="no name"):
        read_name(text)


def test_a_delay_is_a_duration_or_a_number_of_seconds() -> None:
    assert read_delay("90min") == read_delay("5400") == timedelta(minutes=90)
    with pytest.raises(BadCell, match="unknown unit 'x'"):
        read_delay("3x")
    with pytest.raises(BadCell, match="between 0 and a hundred years"):
        read_delay("-1")


def outcomes(**changes: object) -> Outcomes:
    table = {"column": "verdict", "fail": [1, "NOK"], "pass": ["OK", 0], "delay": "0s"}
    return Outcomes(ResultMap.model_validate({**table, **changes}))


def test_an_outcome_is_found_by_its_text_or_by_its_number() -> None:
    found = {text: outcomes().read(text) for text in ("1", "1.0", "01", "NOK", "OK", "-0")}
    assert found == {
        "1": "fail",
        "1.0": "fail",
        "01": "fail",
        "NOK": "fail",
        "OK": "pass",
        "-0": "pass",
    }


def test_an_outcome_that_the_map_does_not_list_is_rejected_unless_it_means_untested() -> None:
    with pytest.raises(BadCell, match="listed neither in fail nor in pass"):
        outcomes().read("ok")
    assert outcomes(other="untested").read("ok") == "untested"


def clock(zone: str | None = "America/New_York", pattern: str | None = None) -> Clock:
    return Clock(TimeMap(column="at", zone=zone, format=pattern))


def test_a_naive_time_is_local_time_in_the_zone_of_the_map() -> None:
    summer, doubtful = clock().read("2026-07-01 08:00:00.250")
    assert summer == datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    assert not doubtful


def test_a_time_keeps_the_zone_that_it_carries() -> None:
    assert clock().read("2026-07-01T08:00+09:00").at == datetime(2026, 6, 30, 23, tzinfo=UTC)
    assert clock(None).read("2026-07-01T08:00Z").at == datetime(2026, 7, 1, 8, tzinfo=UTC)


def test_a_naive_time_without_a_zone_in_the_map_is_refused() -> None:
    with pytest.raises(NaiveTime):
        clock(None).read("2026-07-01T08:00")


def test_an_hour_that_happens_twice_is_the_earlier_one() -> None:
    at, doubtful = clock().read("2026-11-01T01:30")
    assert at == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert doubtful


def test_an_hour_that_the_clock_leaves_out_is_read_as_if_it_had_not_been_changed() -> None:
    at, doubtful = clock().read("2026-03-08T02:30")
    assert at == datetime(2026, 3, 8, 7, 30, tzinfo=UTC) == clock().read("2026-03-08T03:30").at
    assert doubtful


def test_a_format_replaces_iso_8601() -> None:
    german = clock("Europe/Berlin", "%d.%m.%Y %H:%M")
    assert german.read("05.01.2026 09:00").at == datetime(2026, 1, 5, 8, tzinfo=UTC)
    with pytest.raises(BadCell, match=r"not a time of the form '%d\.%m\.%Y %H:%M'"):
        german.read("2026-01-05T09:00")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "1767600000", "\udcff"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadCell, match="not a time of ISO 8601"):
        clock().read(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31T23:59"])
def test_a_time_beyond_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(BadCell, match="outside the years 1 to 9999"):
        clock().read(text)
