"""What a result is to the ledger: the design's words, one by one."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.ledger import JOURNEYS_KEPT, Joining, Ledger, LedgerSettings
from stream.testing import at, measurement, result

DAY = 24 * 60


def opened(ledger: Ledger, part: str, minutes: float = 0.0) -> bool:
    event = measurement(part, "press", minutes, {"torque": 1.0})
    return ledger.journey(event, at(minutes).timestamp()) is not None


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(LedgerSettings())


def test_a_measured_part_waits_and_its_result_meets_it(ledger: Ledger) -> None:
    opened(ledger, "P-1")
    joined = ledger.join(result("P-1", "fail", 120))
    assert (joined.kind, joined.fail) == (Joining.RESULT, True)
    assert joined.outcome is not None
    assert joined.outcome.journey is not None
    assert ledger.open_parts == 0


def test_a_result_of_an_unknown_part_is_an_orphan_and_what_comes_after_it_is_late(
    ledger: Ledger,
) -> None:
    assert ledger.join(result("P-1", "pass", 0)).kind is Joining.ORPHAN
    assert not opened(ledger, "P-1", 5)


def test_the_same_result_again_says_nothing_new(ledger: Ledger) -> None:
    opened(ledger, "P-1")
    ledger.join(result("P-1", "fail", 120))
    assert ledger.join(result("P-1", "fail", 120)).kind is Joining.REPEATED


def test_a_higher_revision_corrects_and_a_lower_one_is_superseded(ledger: Ledger) -> None:
    opened(ledger, "P-1")
    ledger.join(result("P-1", "fail", 120, revision=1))
    up = ledger.join(result("P-1", "pass", 110, revision=2))
    assert (up.kind, up.fail) == (Joining.CORRECTED, False)
    assert ledger.join(result("P-1", "fail", 500, revision=1)).kind is Joining.SUPERSEDED


def test_without_revisions_the_later_time_counts(ledger: Ledger) -> None:
    opened(ledger, "P-1")
    ledger.join(result("P-1", "fail", 120))
    assert ledger.join(result("P-1", "pass", 119)).kind is Joining.SUPERSEDED
    assert ledger.join(result("P-1", "pass", 121)).kind is Joining.CORRECTED


def test_a_result_flipped_twice_ends_where_the_last_word_is(ledger: Ledger) -> None:
    opened(ledger, "P-1")
    said = [ledger.join(result("P-1", what, m)).fail for m, what in ((1, "fail"), (2, "pass"))]
    last = ledger.join(result("P-1", "fail", 3))
    assert [*said, last.fail] == [True, False, True]
    assert last.kind is Joining.CORRECTED


def test_any_test_that_fails_fails_the_part(ledger: Ledger) -> None:
    opened(ledger, "P-1")
    assert ledger.join(result("P-1", "pass", 1, test="EOL-1")).fail is False
    later = ledger.join(result("P-1", "fail", 2, test="EOL-2"))
    assert (later.kind, later.fail) == (Joining.CORRECTED, True)
    assert ledger.join(result("P-1", "pass", 3, test="EOL-1")).kind is Joining.REPEATED


def test_a_configured_test_alone_decides() -> None:
    ledger = Ledger(LedgerSettings(label_test="EOL-2"))
    opened(ledger, "P-1")
    assert ledger.join(result("P-1", "fail", 1, test="EOL-1")).kind is Joining.UNDECIDED
    assert ledger.open_parts == 1
    assert ledger.join(result("P-1", "pass", 2, test="EOL-2")).fail is False


def test_an_untested_part_may_be_tested_later(ledger: Ledger) -> None:
    opened(ledger, "P-1")
    assert ledger.join(result("P-1", "untested", 1)).kind is Joining.UNDECIDED
    later = ledger.join(result("P-1", "fail", 2))
    assert (later.kind, later.fail) == (Joining.RESULT, True)


def test_a_measurement_within_a_day_of_the_result_is_late_and_after_it_opens_a_new_generation(
    ledger: Ledger,
) -> None:
    opened(ledger, "P-1")
    ledger.join(result("P-1", "pass", 60))
    assert not opened(ledger, "P-1", 60 + DAY)
    assert opened(ledger, "P-1", 60 + DAY + 1)
    journey = ledger.find("P-1")
    assert journey is not None
    assert journey.generation == 1


def test_an_old_result_speaks_of_the_generation_before(ledger: Ledger) -> None:
    opened(ledger, "P-1")
    ledger.join(result("P-1", "pass", 60))
    opened(ledger, "P-1", 30 * DAY)
    joined = ledger.join(result("P-1", "fail", 61))
    assert joined.kind is Joining.CORRECTED
    assert joined.outcome is not None
    assert joined.outcome.generation == 0
    assert ledger.open_parts == 1


def test_a_part_whose_result_never_comes_expires_after_a_week(ledger: Ledger) -> None:
    opened(ledger, "P-1")
    week = at(0).timestamp() + timedelta(days=7).total_seconds()
    assert ledger.expire(week) == []
    assert [journey.part for journey in ledger.expire(week + 1)] == ["P-1"]
    assert ledger.join(result("P-1", "fail", 8 * DAY)).kind is Joining.ORPHAN


def test_the_longest_untouched_part_is_evicted_when_there_are_too_many() -> None:
    ledger = Ledger(LedgerSettings(open_parts=2))
    for minute, part in enumerate(("P-1", "P-2", "P-1", "P-3")):
        opened(ledger, part, minute)
    assert [journey.part for journey in ledger.expire(at(9).timestamp())] == ["P-2"]
    assert ledger.evicted == 1


def test_outcomes_and_their_journeys_are_bounded() -> None:
    ledger = Ledger(LedgerSettings(kept_outcomes=JOURNEYS_KEPT + 100))
    for number in range(JOURNEYS_KEPT + 200):
        opened(ledger, f"P-{number}", number)
        ledger.join(result(f"P-{number}", "pass", number + 1))
    assert ledger.decided_parts == JOURNEYS_KEPT + 100
    old = ledger.join(result("P-150", "fail", 10**5))
    assert old.kind is Joining.CORRECTED
    assert old.outcome is not None
    assert old.outcome.journey is None
    assert ledger.forgotten == ledger.opened - ledger.decided_parts > 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["measured", "tested", "quiet"]),
        st.sampled_from(["P-1", "P-2", "P-3"]),
        st.sampled_from([0, 1, 20, 40]),
        st.sampled_from([-50, 0, 50]),
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from([1, 2, 9]))
def test_a_ledger_that_looks_only_when_there_is_something_to_find_misses_nothing(
    steps: list[tuple[str, str, int, int]], open_parts: int
) -> None:
    rules = LedgerSettings(expire_hours=1.0, late_hours=1.0, open_parts=open_parts)
    sparing, eager = Ledger(rules), Ledger(rules)
    now = 0.0
    for what, part, later, skew in steps:
        now += later
        gone = []
        for ledger in (sparing, eager):
            if what == "measured":
                told = measurement(part, "press", now + skew, {"torque": 1.0})
                ledger.journey(told, at(now).timestamp())
            elif what == "tested":
                ledger.join(result(part, "pass", now + skew))
            if ledger is eager:
                ledger.next_look = -math.inf
            gone.append([each.part for each in ledger.expire(at(now).timestamp())])
        assert gone[0] == gone[1]
        assert list(sparing.open) == list(eager.open)
        assert sparing.evicted == eager.evicted


@pytest.mark.parametrize("leaves", ["tested", "measured"])
def test_a_part_expires_in_time_though_the_one_before_it_would_have_stayed_longer(
    leaves: str,
) -> None:
    ledger = Ledger(LedgerSettings(expire_hours=1.0))
    ledger.journey(measurement("ahead", "press", 50, {}), at(0).timestamp())
    ledger.journey(measurement("P-1", "press", 0, {}), at(0).timestamp())
    assert ledger.expire(at(0).timestamp()) == []
    if leaves == "tested":
        ledger.join(result("ahead", "pass", 60))
    else:
        ledger.journey(measurement("ahead", "oven", 50, {}), at(0).timestamp())
    assert [gone.part for gone in ledger.expire(at(61).timestamp())] == ["P-1"]
