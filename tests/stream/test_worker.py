"""The worker on real logs: what it publishes, and that no crash or fault changes it.

The history is three small lines over four partitions, with records among it that are no events.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from faulty_log import FaultyLog, at_calls
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_line import QUICK, small_line
from structlog.testing import capture_logs
from workers import (
    ALL,
    TOPICS,
    alerts_on,
    create_topics,
    is_at_end,
    new_worker,
    on_topic,
    outputs,
    put,
    run_to_end,
    state_of,
    states_of,
)

from stream.codec import encode
from stream.effects import Effect, Raised, Scored
from stream.errors import LogError, LogUnavailable, SendFailed, TopicMismatch, TopicMissing
from stream.events import DeadLetter, Event
from stream.local import LocalLog
from stream.log import Log, Record, TopicPartition, TopicSpec
from stream.memory import MemoryLog
from stream.partitioner import partition_for
from stream.task import Task
from stream.testing import tick
from stream.worker import Outputs, Worker

OpenLog = Callable[[], Log]
LINES = ("A", "B", "C")
PARTS = 260
NOT_JSON = b"{not json"


def history() -> Iterator[Event]:
    """The three lines' events, taking turns."""
    told = (small_line(PARTS, line) for line in LINES)
    for events in zip(*told, strict=True):
        yield from events


def fill(log: Log) -> None:
    """The history onto the log, with a record that is no event before every 100th event."""
    create_topics(log)
    for number, event in enumerate(history()):
        if number % 100 == 0:
            log.append(TOPICS.events, event.line.encode(), NOT_JSON, headers=[("from", b"test")])
        log.append(TOPICS.events, event.line.encode(), encode(event))
    log.flush()


def filled() -> MemoryLog:
    log = MemoryLog()
    fill(log)
    return log


@pytest.fixture(params=["memory", "local"])
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenLog]:
    """Opens the same log once more, as another process would."""
    in_memory = MemoryLog()
    with ExitStack() as closing:

        def opened() -> Log:
            log: Log = in_memory if request.param == "memory" else LocalLog(tmp_path / "andon.db")
            closing.callback(log.close)
            return log

        yield opened


@pytest.fixture
def log(open_log: OpenLog) -> Log:
    return open_log()


@pytest.fixture(scope="module")
def undisturbed() -> tuple[dict[str, object], dict[str, object]]:
    """What a run without any trouble writes, and the states that it ends in."""
    log = filled()
    worker = run_to_end(log, QUICK)
    return outputs(log), dict(states_of(worker))


class Crash(BaseException):
    """The process is gone; nothing catches it."""


# What is published


def test_everything_lies_on_the_partition_of_its_event(log: Log) -> None:
    fill(log)
    run_to_end(log, QUICK)
    events = on_topic(log, TOPICS.events)
    alerts = on_topic(log, TOPICS.alerts)
    assert len(alerts_on(log)) >= 2 * len(LINES)
    for line in LINES:
        at = partition_for(line.encode(), 4)
        assert any(record.key == line.encode() for record in alerts[at])
    for partition, records in enumerate(alerts):
        for record, alert in zip(
            records, [a for a in alerts_on(log) if partition_for(a.line.encode(), 4) == partition],
            strict=True,
        ):  # fmt: skip
            cause = events[partition][int(dict(record.headers)["andon.offset"])]
            assert record.key == alert.line.encode() == cause.key
            assert alert.part is not None
            assert alert.part.encode() in (cause.value or b"")
    for partition, records in enumerate(on_topic(log, TOPICS.risks)):
        offsets = [int(dict(record.headers)["andon.offset"]) for record in records]
        assert offsets == sorted(set(offsets))
        assert all(b'"risk"' in (record.value or b"") for record in records)
        assert all(b"measurement" in (events[partition][at].value or b"") for at in offsets)


def test_a_bad_record_goes_aside_with_its_origin_and_the_next_good_one_is_processed(
    log: Log,
) -> None:
    create_topics(log)
    log.append(TOPICS.events, b"A", NOT_JSON, headers=[("trace", b"7"), ("trace", b"8")])
    put(log, [tick(0)])
    worker = run_to_end(log, QUICK)
    [letter] = on_topic(log, TOPICS.dead_letters)[partition_for(b"A", 4)]
    assert (letter.key, letter.value) == (b"A", NOT_JSON)
    assert letter.headers[:2] == (("trace", b"7"), ("trace", b"8"))
    said = DeadLetter.from_headers(letter.headers)
    assert (said.topic, said.partition, said.offset) == (TOPICS.events, letter.partition, 0)
    assert (said.stage, said.error) == ("decode", "not_json")
    assert states_of(worker)["A"]["counts"] == {"tick": 1}


@pytest.mark.parametrize("odd", [TOPICS.alerts, TOPICS.dead_letters, TOPICS.risks])
def test_unequal_partition_counts_are_refused_by_name(log: Log, odd: str) -> None:
    log.create_topics([TopicSpec(name, 3 if name == odd else 4) for name in ALL])
    with pytest.raises(TopicMismatch, match=f"{odd!r} has 3 partitions, 4 are wanted"):
        run_to_end(log, QUICK)


def test_a_missing_topic_is_refused_by_name(log: Log) -> None:
    log.create_topics([TopicSpec(name) for name in ALL if name != TOPICS.alerts])
    with pytest.raises(TopicMissing, match=TOPICS.alerts):
        run_to_end(log, QUICK)


def test_risks_are_published_only_to_a_topic_that_is_named(log: Log) -> None:
    fill(log)
    run_to_end(log, QUICK, topics=Outputs())
    assert not any(on_topic(log, TOPICS.risks))
    assert alerts_on(log)


# Where it ends


@pytest.mark.parametrize("events", [[], [tick(0, "A")]], ids=["nothing", "one partition"])
def test_until_end_ends_though_partitions_are_empty(log: Log, events: list[Event]) -> None:
    create_topics(log)
    put(log, events)
    worker = run_to_end(log, QUICK)
    assert [task.partition for task in worker.tasks] == [0, 1, 2, 3]


def test_a_stopped_worker_has_settled_what_it_read_and_the_next_one_finishes(
    log: Log, undisturbed: tuple[dict[str, object], dict[str, object]]
) -> None:
    fill(log)
    worker = new_worker(log, QUICK, poll_records=100)
    polls = itertools.count()
    worker.run(lambda: next(polls) > 8)
    read = sum(task.lines[name].counts.total() for task in worker.tasks for name in task.lines)
    assert 0 < read < 3 * len(LINES) * PARTS
    halfway = outputs(log)
    assert halfway != undisturbed[0]
    again = run_to_end(log, QUICK)
    assert (outputs(log), states_of(again)) == undisturbed


# Restart: the history says again what it has said, and nothing of it is published again


def test_a_restart_publishes_nothing_twice_and_rebuilds_the_same_state(
    open_log: OpenLog, undisturbed: tuple[dict[str, object], dict[str, object]]
) -> None:
    fill(open_log())
    first = run_to_end(open_log(), QUICK)
    assert (outputs(open_log()), states_of(first)) == undisturbed
    second = run_to_end(open_log(), QUICK)
    assert (outputs(open_log()), states_of(second)) == undisturbed


def test_the_observer_hears_of_a_published_effect_once_in_the_log_s_life(log: Log) -> None:
    fill(log)
    heard: list[Effect] = []

    def observe(record: Record, effects: list[Effect]) -> None:
        heard.extend(effects)

    run_to_end(log, QUICK, observe=observe)
    raised = [effect.alert.id for effect in heard if isinstance(effect, Raised)]
    assert sorted(raised) == sorted(alert.id for alert in alerts_on(log))
    assert sum(isinstance(effect, Scored) for effect in heard) == 2 * len(LINES) * PARTS
    heard.clear()
    run_to_end(log, QUICK, observe=observe)
    assert heard == []


def test_foreign_records_on_the_output_topics_are_nobody_s_to_repeat(
    log: Log, undisturbed: tuple[dict[str, object], dict[str, object]]
) -> None:
    create_topics(log)
    for topic in (TOPICS.alerts, TOPICS.dead_letters):
        for value in (b"not ours", b"[]", None):
            log.append(topic, None, value, partition=0, headers=[("andon.errors.offset", b"x")])
    fill(log)
    with capture_logs() as logged:
        run_to_end(log, QUICK)
    assert [entry["offset"] for entry in logged if entry["event"] == "andon.alert_unreadable"] == [
        0, 1, 2,
    ]  # fmt: skip
    written = outputs(log)
    for topic in (TOPICS.alerts, TOPICS.dead_letters):
        partitions = written[topic]
        assert isinstance(partitions, list)
        del partitions[0][:3]
    assert written == undisturbed[0]


@settings(max_examples=8, deadline=None)
@given(flush=st.integers(1, 20), arrives=st.integers(0, 400), poll=st.sampled_from([37, 120]))
def test_a_crash_between_append_and_flush_leaves_no_trace(
    undisturbed: tuple[dict[str, object], dict[str, object]], flush: int, arrives: int, poll: int
) -> None:
    log = filled()
    doomed = FaultyLog(log, on_flush=at_calls([flush], Crash), arrives=arrives)
    with suppress(Crash):
        run_to_end(doomed, QUICK, poll_records=poll)
    worker = run_to_end(log, QUICK)
    assert (outputs(log), states_of(worker)) == undisturbed


# Faults of the log


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(flush=st.integers(1, 9), arrives=st.integers(0, 400))
def test_a_flush_that_fails_is_as_if_it_had_never_been(
    undisturbed: tuple[dict[str, object], dict[str, object]], flush: int, arrives: int
) -> None:
    log = filled()
    failing = FaultyLog(log, on_flush=at_calls([flush], not_acknowledged), arrives=arrives)
    with capture_logs() as logged:
        worker = run_to_end(failing, QUICK, poll_records=200)
    assert "andon.tasks_discarded" in {entry["event"] for entry in logged}
    assert (outputs(log), states_of(worker)) == undisturbed


@pytest.mark.parametrize("append", [1, 2, 333])
def test_a_log_that_goes_away_in_the_middle_of_a_record_costs_nothing(
    undisturbed: tuple[dict[str, object], dict[str, object]], append: int
) -> None:
    log = filled()
    failing = FaultyLog(log, on_append=at_calls([append], unavailable))
    worker = run_to_end(failing, QUICK, poll_records=200)
    assert (outputs(log), states_of(worker)) == undisturbed


def test_a_log_that_is_away_for_a_while_is_waited_for(
    undisturbed: tuple[dict[str, object], dict[str, object]],
) -> None:
    log = filled()
    away = FaultyLog(
        log, on_poll=at_calls([4, 5], unavailable), on_start=at_calls([6], unavailable)
    )
    worker = run_to_end(away, QUICK, poll_records=200)
    assert (outputs(log), states_of(worker)) == undisturbed


def test_a_log_that_stays_away_is_told_of_again_with_what_keeps_it_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stream.worker._SAY_AWAY_EVERY", 0.0)
    log = filled()
    refused = [LogUnavailable("the certificate has expired") for _ in range(2)]
    away = FaultyLog(log)

    def fails() -> LogUnavailable | None:
        away._on_flush = lambda: refused.pop() if refused else None
        away.on_poll = None
        return unavailable()

    away.on_poll = fails
    with capture_logs() as logged:
        run_to_end(away, QUICK, poll_records=200)
    said = [(e["event"], e["error"]) for e in logged if "error" in e and "log_still" in e["event"]]
    assert said == [("andon.log_still_away", "the certificate has expired")] * 2
    assert outputs(log)


class Slow(FaultyLog):
    """A log that takes what it is given but does not acknowledge it for some polls."""

    def __init__(self, log: Log, polls: int) -> None:
        super().__init__(log, on_poll=self._polled)
        self._polls = polls
        self.left = 0
        self.polled = 0

    def _polled(self) -> None:
        self.polled += 1

    def acknowledged(self, within: float) -> bool:
        if self.left == 0:
            self.left = self._polls + 1
        self.left -= 1
        return self.left == 0 and super().acknowledged(within)


def test_while_output_waits_nothing_is_processed_and_polling_goes_on(
    undisturbed: tuple[dict[str, object], dict[str, object]],
) -> None:
    log = filled()
    slow = Slow(log, 3)
    read: list[int] = []

    def observe(record: Record, effects: list[Effect]) -> None:
        read.append(slow.polled)

    with capture_logs() as logged:
        worker = run_to_end(slow, QUICK, poll_records=200, observe=observe)
    assert "andon.output_waits" in {entry["event"] for entry in logged}
    # A poll that brought records, then three that brought none.
    turns = sorted(set(read))
    assert len(turns) > 5
    assert {later - turn for turn, later in itertools.pairwise(turns)} == {4}
    assert (outputs(log), states_of(worker)) == undisturbed


def test_no_offset_is_stored_ahead_of_output_that_is_not_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stream.worker._STORE_EVERY", 0.0)
    log = filled()
    slow = Slow(log, 3)
    stored: list[tuple[int, int]] = []

    def compare(worker: Worker) -> None:
        """Offsets stored, and records whose output lies on the log, since all have some."""
        told = sum(log.stored_offsets(QUICK.group, TOPICS.events).values())
        if not stored or told != stored[-1][0]:
            stored.append((told, written(log)))

    worker = Worker(
        slow,
        TOPICS,
        group=QUICK.group,
        make_task=lambda partition: Task(partition, QUICK),
        poll_records=200,
        on_turn=compare,
    )
    worker.run(lambda: False, until_end=True)
    assert len(stored) > 5
    assert all(told <= there for told, there in stored)


def written(log: Log) -> int:
    """The records up to which, partition by partition, the log has their output."""
    found = 0
    for partition in range(log.partitions(TOPICS.events)):
        offsets = [-1]
        for topic in (TOPICS.risks, TOPICS.dead_letters):
            for record in log.read(TopicPartition(topic, partition)):
                told = dict(record.headers)
                offsets.append(int(told.get("andon.offset") or told["andon.errors.offset"]))
        # Behind the last output there may be results, which ask for none.
        last = max(offsets) + 1
        for record in log.read(TopicPartition(TOPICS.events, partition), last):
            if b'"result"' not in (record.value or b""):
                break
            last += 1
        found += last
    return found


def test_a_stop_while_the_log_is_away_ends_well_and_leaves_the_rest_to_the_next(
    undisturbed: tuple[dict[str, object], dict[str, object]],
) -> None:
    log = filled()

    class Away(Slow):
        def flush(self, timeout: float = 30.0) -> None:
            raise SendFailed("the broker is away")

    polls = itertools.count()
    with capture_logs() as logged:
        new_worker(Away(log, 10**9), QUICK).run(lambda: next(polls) > 5)
    assert "andon.left_to_replay" in {entry["event"] for entry in logged}
    worker = run_to_end(log, QUICK)
    assert (outputs(log), states_of(worker)) == undisturbed


def test_an_error_that_waiting_does_not_mend_ends_the_worker(log: Log) -> None:
    create_topics(log)
    broken = FaultyLog(log, on_poll=at_calls([2], lambda: LogError("the disk is full")))
    with pytest.raises(LogError, match="the disk is full"):
        new_worker(broken, QUICK).run(lambda: False)


def unavailable() -> LogUnavailable:
    return LogUnavailable("the broker is away")


def not_acknowledged() -> SendFailed:
    return SendFailed("no acknowledgement in time")


# Two members of one group


def test_a_second_worker_takes_over_half_of_the_partitions_and_nothing_is_said_twice(
    open_log: OpenLog, undisturbed: tuple[dict[str, object], dict[str, object]]
) -> None:
    fill(open_log())
    done = threading.Event()
    members = [Member(open_log()), Member(open_log())]
    threads = [threading.Thread(target=m.worker.run, args=(done.is_set,)) for m in members]
    threads[0].start()
    wait_until(lambda: len(members[0].worker.tasks) == 4)
    threads[1].start()
    wait_until(lambda: [len(m.worker.tasks) for m in members] == [2, 2])
    ends = {at: open_log().end(TopicPartition(TOPICS.events, at)) for at in range(4)}
    wait_until(lambda: all(m.is_at(ends) for m in members))
    done.set()
    for thread in threads:
        thread.join(20)
    held = [states_of(m.worker) for m in members]
    assert held[0].keys().isdisjoint(held[1])
    assert (outputs(open_log()), {**held[0], **held[1]}) == undisturbed


class Member:
    """A worker, and how far it has come with each partition."""

    def __init__(self, log: Log) -> None:
        self.worker = new_worker(log, QUICK, poll_records=50, observe=self.note)
        self._next: dict[int, int] = {}

    def note(self, record: Record, effects: list[Effect]) -> None:
        self._next[record.partition] = record.offset + 1

    def is_at(self, ends: dict[int, int]) -> bool:
        held = [task.partition for task in self.worker.tasks]
        return len(held) == 2 and all(self._next.get(at, 0) == ends[at] for at in held)


def test_a_worker_that_has_lost_its_partitions_writes_nothing_for_them(
    open_log: OpenLog, undisturbed: tuple[dict[str, object], dict[str, object]]
) -> None:
    fill(open_log())
    reached, go_on = threading.Event(), threading.Event()
    polls = itertools.count(1)

    def stand_still() -> None:
        if next(polls) == 5:
            reached.set()
            go_on.wait(30)

    sleepy = FaultyLog(open_log(), on_poll=stand_still)
    done = threading.Event()
    successor = new_worker(open_log(), QUICK, member="m")
    refusal: list[BaseException] = []

    def work() -> None:
        try:
            new_worker(sleepy, QUICK, poll_records=100, member="m").run(done.is_set)
        except LogError as error:
            refusal.append(error)

    threads = [threading.Thread(target=work)]
    threads[0].start()
    assert reached.wait(30)
    threads.append(threading.Thread(target=successor.run, args=(done.is_set,)))
    threads[1].start()
    wait_until(lambda: outputs(open_log()) == undisturbed[0])
    wait_until(lambda: len(successor.tasks) == 4 and is_at_end(successor, open_log()))
    # Records that it holds already, it takes only after a look at who owns them, once a second.
    time.sleep(1.1)
    go_on.set()
    threads[0].join(30)
    assert "another process has joined" in str(refusal)
    done.set()
    threads[1].join(30)
    assert (outputs(open_log()), states_of(successor)) == undisturbed


def wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if holds():
            return
        pause.wait(0.02)
    raise AssertionError("what was waited for did not happen")


# How the history is cut into polls changes nothing


@pytest.mark.parametrize("poll", [1, 7, 500])
def test_the_size_of_a_poll_changes_no_byte(
    open_log: OpenLog, poll: int, undisturbed: tuple[dict[str, object], dict[str, object]]
) -> None:
    fill(open_log())
    # Durable flushes one by one are slow and not what is tested here.
    worker = run_to_end(FaultyLog(open_log()), QUICK, poll_records=poll)
    assert (outputs(open_log()), states_of(worker)) == undisturbed


@settings(max_examples=6, deadline=None)
@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_uneven_polls_change_no_byte(
    undisturbed: tuple[dict[str, object], dict[str, object]], sizes: list[int]
) -> None:
    log = filled()
    worker = run_to_end(FaultyLog(log, sizes=itertools.cycle(sizes)), QUICK)
    assert (outputs(log), states_of(worker)) == undisturbed


def test_states_that_are_compared_can_differ(log: Log) -> None:
    fill(log)
    before = run_to_end(log, QUICK)
    known = states_of(before)
    put(log, small_line(40, "A", start=PARTS))
    after = run_to_end(log, QUICK)
    assert states_of(after)["B"] == known["B"]
    changed = states_of(after)["A"]
    assert [name for name in changed if changed[name] == known["A"][name]] == []
    [line] = [task.lines["A"] for task in after.tasks if "A" in task.lines]
    assert state_of(line) == changed
