"""Whoever stalls loses its partitions to others, learns of it, and can do no harm."""

from __future__ import annotations

import pytest
from group_reader import Reader, poll_until
from local_logs import AT, HOUR, TOPIC, ShiftedClock, append_all
from structlog.testing import capture_logs

from stream.errors import LeaseLost, LogError
from stream.local import LocalLog
from stream.log import TopicSpec


@pytest.fixture
def log(local_log: LocalLog) -> LocalLog:
    return local_log


def test_a_member_that_stalled_past_its_lease_has_lost_what_another_took(
    log: LocalLog, clock: ShiftedClock
) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    stalled = Reader(log, [TOPIC], "g")
    poll_until([stalled], lambda: stalled.held == {AT})
    heir = Reader(log, [TOPIC], "g")
    clock.shift += 5
    heir.poll()
    assert heir.held == set()
    clock.shift += 6
    heir.poll()
    assert heir.held == {AT}
    with pytest.raises(LeaseLost, match=r"group 'g' no longer holds andon\.events\[0\]"):
        stalled.consumer.commit({AT: 5})
    assert heir.consumer.committed(AT) is None
    append_all(log, [b"v"])
    batch = stalled.poll()
    assert (batch.lost, batch.assigned, batch.records) == ((AT,), (), ())
    with pytest.raises(LeaseLost):
        stalled.consumer.start(AT, 0)


def test_a_late_member_that_nobody_has_replaced_keeps_its_place(
    log: LocalLog, clock: ShiftedClock
) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    late = Reader(log, [TOPIC], "g")
    poll_until([late], lambda: late.held == {AT})
    clock.shift += 600
    late.consumer.commit({AT: 0})
    batch = late.poll()
    assert (batch.lost, batch.assigned, late.held) == ((), (), {AT})


def test_what_was_lost_and_is_free_again_is_assigned_anew(
    log: LocalLog, clock: ShiftedClock
) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    stalled = Reader(log, [TOPIC], "g")
    poll_until([stalled], lambda: stalled.held == {AT})
    clock.shift += 11
    guest = Reader(log, [TOPIC], "g")
    guest.poll()
    assert guest.held == {AT}
    guest.consumer.close()
    batch = stalled.poll()
    assert (batch.lost, batch.assigned) == ((AT,), (AT,))
    assert stalled.held == {AT}


def test_a_revoked_partition_may_be_committed_until_the_next_poll_and_not_after(
    log: LocalLog,
) -> None:
    log.create_topics([TopicSpec(TOPIC, 2)])
    append_all(log, [b"v"] * 9)
    first = Reader(log, [TOPIC], "g")
    poll_until([first], lambda: len(first.held) == 2)
    second = Reader(log, [TOPIC], "g")
    poll_until([first], lambda: bool(first.revoked))
    (given_up,) = first.revoked
    second.poll()
    assert second.held == set()
    first.consumer.commit({given_up: 0})
    poll_until([first, second], lambda: second.held == {given_up})
    with pytest.raises(LeaseLost):
        first.consumer.commit({given_up: 0})


def test_a_name_used_twice_moves_to_the_newcomer_and_the_other_is_told_why(
    log: LocalLog,
) -> None:
    log.create_topics([TopicSpec(TOPIC, 2)])
    older = Reader(log, [TOPIC], "g", member="notifier")
    poll_until([older], lambda: len(older.held) == 2)
    newer = Reader(log, [TOPIC], "g", member="notifier")
    newer.poll()
    assert len(newer.held) == 2
    with pytest.raises(LeaseLost):
        older.consumer.commit({AT: 1})
    with capture_logs() as logged:
        poll_until([older], lambda: len(older.lost) == 2)
    assert [entry["event"] for entry in logged] == ["andon.member_replaced"]
    with pytest.raises(LogError, match="joined group 'g' as member 'notifier': give every process"):
        older.poll()
    newer.poll()
    assert len(newer.held) == 2


def test_whoever_was_replaced_by_its_namesake_is_given_no_further_record(
    log: LocalLog,
) -> None:
    """Not even between two heartbeats: the clock of this log stands still."""
    log.create_topics([TopicSpec(TOPIC)])
    older = Reader(log, [TOPIC], "g", member="andon-1")
    poll_until([older], lambda: older.held == {AT})
    Reader(log, [TOPIC], "g", member="andon-1")
    append_all(log, [b"v"] * 3)
    batch = older.poll()
    assert (batch.lost, batch.records) == ((AT,), ())


def test_a_clock_set_back_does_not_stop_the_heartbeat(log: LocalLog, clock: ShiftedClock) -> None:
    log.create_topics([TopicSpec(TOPIC, 2)])
    reader = Reader(log, [TOPIC], "g")
    poll_until([reader], lambda: len(reader.held) == 2)
    clock.shift -= HOUR
    newcomer = Reader(log, [TOPIC], "g")
    poll_until([reader, newcomer], lambda: len(newcomer.held) == 1)
