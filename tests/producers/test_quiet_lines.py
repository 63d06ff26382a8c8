"""Ticks for lines that have fallen silent, of as many lines as any plant has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from producers.quiet_lines import LINES_KEPT, QuietLines

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_line_that_goes_on_gets_no_ticks() -> None:
    lines = QuietLines(MINUTE)
    for second in range(0, 600, 30):
        lines.heard("A", AT, float(second))
        assert list(lines.ticks(second + 29.0)) == []


def test_without_ticks_nobody_gets_one() -> None:
    lines = QuietLines(timedelta(0))
    lines.heard("A", AT, 0.0)
    assert list(lines.ticks(1e9)) == []


def test_beyond_the_bound_the_lines_heard_longest_ago_get_no_ticks() -> None:
    lines = QuietLines(MINUTE)
    for number in range(LINES_KEPT):
        lines.heard(f"L-{number}", AT, 0.0)
    lines.heard("L-0", AT, 1.0)
    for number in range(LINES_KEPT, LINES_KEPT + 10):
        lines.heard(f"L-{number}", AT, 2.0)
    ticked = {tick.line for tick in lines.ticks(100.0)}
    gone = {f"L-{number}" for number in range(1, 11)}
    assert ticked == {f"L-{number}" for number in range(LINES_KEPT + 10)} - gone
