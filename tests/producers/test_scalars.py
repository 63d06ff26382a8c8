"""One value, whichever way a plant writes it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.cells import BadCell
from producers.scalars import as_text, from_epoch, to_name, to_value

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@given(number=st.integers(-(2**53) + 1, 2**53 - 1))
def test_a_whole_number_has_one_text_however_it_is_written(number: int) -> None:
    assert as_text(number) == as_text(float(number)) == as_text(f" {number} ")


@given(
    at=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001 - made UTC below
    unit=st.sampled_from(["us", "ns"]),
    as_written=st.sampled_from([int, str]),
)
def test_an_epoch_is_exact_to_the_microsecond(at: datetime, unit: str, as_written: type) -> None:
    moment = at.replace(tzinfo=UTC)
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)).days * 86_400_000_000
    microseconds += moment.hour * 3_600_000_000 + moment.minute * 60_000_000
    microseconds += moment.second * 1_000_000 + moment.microsecond
    assert from_epoch(as_written(microseconds * UNITS[unit] // 10**6), unit) == moment


def test_seconds_may_have_a_fraction() -> None:
    assert from_epoch("1767600000.25", "s") == datetime(2026, 1, 5, 8, 0, 0, 250_000, tzinfo=UTC)
    assert from_epoch(1767600000.25, "s") == from_epoch("1767600000.25", "s")


@pytest.mark.parametrize(
    "value", [None, True, [], {}, "", "soon", "nan", 10**30, "9" * 5000, 1e300, "-1e400"]
)
def test_what_is_no_epoch_is_refused(value: object) -> None:
    with pytest.raises(BadCell):
        from_epoch(value, "ms")


@pytest.mark.parametrize(
    ("value", "cast", "read"),
    [
        (12, "as_is", 12),
        ("12", "as_is", "12"),
        (" 12.5 ", "number", 12.5),
        (7, "number", 7.0),
        (8722, "text", "8722"),
        (True, "text", "true"),
        ("Yes", "boolean", True),
        (0, "boolean", False),
        (None, "number", None),
    ],
)
def test_a_value_is_read_as_its_cast_says(value: object, cast: str, read: object) -> None:
    found = to_value(value, cast)
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    ("value", "cast"),
    [("7,3", "number"), (True, "number"), ({}, "as_is"), ([1], "text"), ("maybe", "boolean")],
)
def test_a_value_that_its_cast_does_not_fit_is_refused(value: object, cast: str) -> None:
    with pytest.raises(BadCell):
        to_value(value, cast)


@pytest.mark.parametrize("value", [1.5, 1e300, None, "", "  ", "a\x00b", "x" * 257, [], {}])
def test_what_is_no_name_is_refused(value: object) -> None:
    with pytest.raises(BadCell):
        to_name(value)


def test_a_whole_number_is_a_name() -> None:
    assert to_name(7.0) == to_name(7) == to_name(" 7 ") == "7"
