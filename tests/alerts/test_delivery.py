"""The status table and the retry schedule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.delivery import (
    JITTER,
    RETRY_AFTER_CAP_S,
    SCHEDULE_S,
    SLOW_DOWN_CAP_S,
    Answer,
    is_overload,
    judge,
    retry_after_s,
)

NOW = 1_767_600_000.0  # Mon, 05 Jan 2026 08:00:00 GMT


def verdict(answer: Answer, attempt: int = 1, overloads: int = 0):
    return judge(
        answer, endpoint="mes", alert_id="a1", attempt=attempt, now=NOW, overloads=overloads
    )


@pytest.mark.parametrize(
    ("status", "outcome", "pause"),
    [
        (200, "delivered", 0),
        (204, "delivered", 0),
        (299, "delivered", 0),
        (101, "retry", 0),
        (301, "retry", 0),
        (302, "retry", 0),
        (307, "retry", 0),
        (400, "retry", 0),
        (401, "retry", 0),
        (404, "retry", 0),
        (410, "disabled", 0),
        (429, "retry", 1),
        (500, "retry", 0),
        (502, "retry", 1),
        (503, "retry", 0),
        (504, "retry", 1),
        (999, "retry", 0),
        (None, "retry", 0),
    ],
)
def test_every_row_of_the_status_table(status, outcome, pause):
    found = verdict(Answer(status, "no answer within 15 s" if status is None else ""))
    assert (found.outcome, found.pause) == (outcome, pause)
    assert found.reason.startswith(f"status {status}" if status else "no answer within 15 s")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("text", ["120", "Mon, 05 Jan 2026 08:02:00 GMT"])
def test_retry_after_holds_back_the_alert_and_the_endpoint(status, text):
    found = verdict(Answer(status, retry_after=text))
    assert (found.after, found.pause) == (120, 120)


def test_retry_after_never_hastens_the_schedule():
    assert verdict(Answer(503, retry_after="1"), attempt=2).after > 200


@pytest.mark.parametrize("status", [302, 500, 502, 504])
def test_retry_after_means_nothing_elsewhere(status):
    assert verdict(Answer(status, retry_after="3000")).after < 10


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("1.5", 0),
        ("²", 0),
        ("Mon, 05 Jan 2026 07:00:00 GMT", 0),
        ("Mon, 05 Jan 2026 08:00:30 -0000", 30),
        ("0", 0),
        (" 7 ", 7),
        ("86400", RETRY_AFTER_CAP_S),
        ("9" * 5000, RETRY_AFTER_CAP_S),
        ("Mon, 05 Jan 2099 08:00:00 GMT", RETRY_AFTER_CAP_S),
        ("Mon, 99 Jan 2026 08:00:00 GMT", 0),
    ],
)
def test_retry_after_is_read_and_capped(text, seconds):
    assert retry_after_s(text, NOW) == seconds


def test_the_schedule_runs_from_at_once_to_a_day():
    minute, hour = 60, 3600
    assert list(SCHEDULE_S) == [
        0,
        5,
        5 * minute,
        30 * minute,
        2 * hour,
        5 * hour,
        10 * hour,
        14 * hour,
        20 * hour,
        24 * hour,
    ]


def test_after_the_last_attempt_an_alert_is_exhausted():
    last = len(SCHEDULE_S)
    assert verdict(Answer(500), attempt=last - 1).outcome == "retry"
    assert verdict(Answer(500), attempt=last).outcome == "exhausted"
    assert verdict(Answer(200), attempt=last).outcome == "delivered"
    assert verdict(Answer(410), attempt=last).outcome == "disabled"


def test_overload_in_a_row_slows_the_endpoint_down_ever_more_up_to_a_minute():
    pauses = [verdict(Answer(502), overloads=row).pause for row in range(10_000)]
    assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert max(pauses) == SLOW_DOWN_CAP_S
    assert [s for s in range(600) if is_overload(Answer(s))] == [429, 502, 504]


def test_alerts_that_failed_together_do_not_come_back_together():
    waits = {
        judge(Answer(500), endpoint="mes", alert_id=f"a{n}", attempt=2, now=NOW).after
        for n in range(100)
    }
    assert len(waits) == 100
    assert max(waits) - min(waits) > JITTER * SCHEDULE_S[2]


@given(
    st.one_of(st.none(), st.integers(-10, 2000)),
    st.one_of(st.none(), st.text(max_size=40)),
    st.integers(1, 30),
    st.integers(0, 10**9),
)
def test_any_answer_has_a_bounded_verdict_and_the_same_one_each_time(
    status, text, attempt, overloads
):
    answer = Answer(status, retry_after=text)
    found = verdict(answer, attempt, overloads)
    assert found == verdict(answer, attempt, overloads)
    assert 0 <= found.pause <= RETRY_AFTER_CAP_S
    if found.outcome == "retry":
        base = SCHEDULE_S[attempt]
        assert base * (1 - JITTER) <= found.after <= max(base * (1 + JITTER), RETRY_AFTER_CAP_S)
