"""Results are overdue when far more parts wait for one than ever did."""

from __future__ import annotations

from models.overdue import Overdue


def test_a_laboratory_that_sends_results_in_shifts_is_not_overdue() -> None:
    overdue = Overdue()
    changes = 0
    for part in range(1, 6_000):
        changes += overdue.part(part)
        if part % 400 == 0:
            changes += sum(overdue.result(part, number) for number in range(part - 400, part))
    assert changes == 0


def test_a_line_whose_parts_are_tested_late_is_not_overdue_after_a_standstill() -> None:
    overdue = Overdue()
    for part in range(1, 3_000):
        overdue.part(part)
        if part > 500:
            assert not overdue.result(part, part - 500)
    # All waiting parts are tested while the line stands; then the first new ones take their time.
    for number in range(2_500, 3_000):
        overdue.result(2_999, number)
    assert not any(overdue.part(part) for part in range(3_000, 3_500))


def test_nothing_is_overdue_where_nothing_ever_came() -> None:
    overdue = Overdue()
    assert not any(overdue.part(part) for part in range(5_000))
