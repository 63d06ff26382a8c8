from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.duration import parse_duration

MILLISECOND = timedelta(milliseconds=1)


@settings(max_examples=100)
@given(st.integers(0, 10**12))
def test_a_length_written_in_its_units_is_read_back(milliseconds: int) -> None:
    rest, written = milliseconds, ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        written += f"{rest // size}{unit}"
        rest %= size
    assert parse_duration(f"{written}{rest}ms") == milliseconds * MILLISECOND


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("36s", timedelta(seconds=36)),
        ("90min", timedelta(minutes=90)),
        (" 1d 12 h ", timedelta(hours=36)),
        ("0s", timedelta(0)),
        ("0.1s", timedelta(milliseconds=100)),
        ("36525d", timedelta(days=36_525)),
    ],
)
def test_a_duration_is_exact(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "an empty text is no duration"),
        ("-1s", "a duration cannot be negative"),
        ("7", "'7' is no number with a unit"),
        ("1h 7", "'7' is no number with a unit"),
        ("5m", "unknown unit 'm': the units are d, h, min, s, ms"),
        ("1s2h", "'h' must stand once and after the longer units"),
        ("1h1h", "'h' must stand once"),
        ("1e3s", "unknown unit 'e'"),
        ("36526d", "longer than a hundred years"),
        ("9" * 5000 + "s", "is no number with a unit"),
    ],
)
def test_what_is_no_duration_says_why(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_duration(text)
