"""The worker with checkpoints: what a restart reads again, what it refuses, and that no crash
between any two steps is seen in what is published or learnt.

The history is two small lines over four partitions. The log outlives the workers, as a real one
does; the checkpoints are in a real folder.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from faulty_log import FaultyLog, at_calls
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_line import QUICK, small_line, with_line
from structlog.testing import capture_logs
from workers import (
    TOPICS,
    alerts_on,
    create_topics,
    lines_of,
    new_worker,
    outputs,
    put,
    states_of,
)

from stream.checkpoint_directory import CheckpointDirectory
from stream.checkpoint_store import Checkpoint, Saved
from stream.checkpointing import CheckpointRules, Told
from stream.effects import Effect
from stream.errors import (
    CheckpointNotWritten,
    SendFailed,
    StaleEpoch,
    StateOffsetOutOfRange,
    TopicRecreated,
    TopicRepartitioned,
)
from stream.fingerprint import SettingsChanged
from stream.local import LocalLog
from stream.log import Log, Record, TopicPartition
from stream.memory import MemoryLog
from stream.partitioner import partition_for
from stream.task import TaskSettings
from stream.worker import Worker

LINES = ("A", "B")
PARTS = 260
POISON = b"{not json"
Undisturbed = tuple[dict[str, object], dict[str, object]]


class Crash(BaseException):
    """The process is gone; nothing catches it."""


def fill(log: Log, parts: int = PARTS, partitions: int = 4) -> None:
    create_topics(log, partitions)
    for events in itertools.islice(
        zip(*(small_line(PARTS, line) for line in LINES), strict=True), 3 * parts
    ):
        put(log, events)
    log.append(TOPICS.events, b"A", POISON)
    log.flush()


def filled() -> MemoryLog:
    log = MemoryLog()
    fill(log)
    return log


@pytest.fixture(scope="module")
def undisturbed() -> Undisturbed:
    log = filled()
    worker = new_worker(log, QUICK)
    worker.run(lambda: False, until_end=True)
    assert len(alerts_on(log)) > 10
    return outputs(log), dict(states_of(worker))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def rules(folder: Path, **changes: Any) -> CheckpointRules:
    """A checkpoint after every poll of a hundred records."""
    step = changes.get("step", lambda name: None)
    store = changes.pop("store", None)
    store = store or CheckpointDirectory(folder, QUICK.group, TOPICS.events, step=step)
    return CheckpointRules(
        store, **{"every_records": 100, "every_seconds": 3600.0, "share": float("inf"), **changes}
    )


class Reader:
    """Counts what a worker reads."""

    def __init__(self) -> None:
        self.read: Counter[TopicPartition] = Counter()

    def __call__(self, record: Record, effects: list[Effect]) -> None:
        self.read[TopicPartition(record.topic, record.partition)] += 1


def worker_on(
    log: Log, checkpoints: CheckpointRules, wanted: TaskSettings = QUICK, **options: Any
) -> Worker:
    return new_worker(
        log,
        wanted,
        checkpoints=checkpoints,
        **{"poll_records": 100, **options},
    )


def run(log: Log, checkpoints: CheckpointRules, **options: Any) -> tuple[Worker, int]:
    """A worker that has read all there is, and how many records those were."""
    reader = Reader()
    worker = worker_on(log, checkpoints, observe=reader, **options)
    worker.run(lambda: False, until_end=True)
    return worker, reader.read.total()


def ends(log: Log) -> int:
    return sum(log.end(TopicPartition(TOPICS.events, at)) for at in range(4))


# A restart


def test_a_restart_reads_nothing_again_and_knows_the_same(
    folder: Path, undisturbed: Undisturbed
) -> None:
    log = filled()
    _, read = run(log, rules(folder))
    assert read == ends(log)
    worker, again = run(log, rules(folder))
    assert again == 0
    assert (outputs(log), states_of(worker)) == undisturbed
    for told in worker.progress.values():
        assert (told.checkpoint is not None) == (told.next_offset > 0)


def test_a_worker_stopped_halfway_is_continued_where_it_was(
    folder: Path, undisturbed: Undisturbed
) -> None:
    log = filled()
    polls = itertools.count()
    reader = Reader()
    worker_on(log, rules(folder), observe=reader).run(lambda: next(polls) > 5)
    assert 0 < reader.read.total() < ends(log)
    worker, read = run(log, rules(folder))
    assert read == ends(log) - reader.read.total()
    assert (outputs(log), states_of(worker)) == undisturbed


def test_it_checkpoints_by_records_or_by_seconds(folder: Path) -> None:
    log = filled()
    written: list[Told] = []
    run(log, rules(folder, observe=written.append))
    assert Counter(told.outcome for told in written).keys() == {"written"}
    assert len(written) >= 8
    by_seconds: list[Told] = []
    hurried = rules(
        folder / "more", every_records=10**9, every_seconds=0.0, observe=by_seconds.append
    )
    run(log, hurried)
    assert len(by_seconds) >= 8


def test_a_partition_that_moves_to_another_worker_takes_its_state_along(
    tmp_path: Path, folder: Path, undisturbed: Undisturbed
) -> None:
    first, second = LocalLog(tmp_path / "log.db"), LocalLog(tmp_path / "log.db")
    fill(first)
    readers = [Reader(), Reader()]
    workers = [
        worker_on(log, rules(folder), observe=reader, poll_records=40)
        for log, reader in zip((first, second), readers, strict=True)
    ]
    turns = itertools.count()

    def second_joins() -> bool:
        # The first worker's loop carries the second one: no thread, no chance.
        if next(turns) == 4:
            joining.append(second.consumer([TOPICS.events], QUICK.group))
        for consumer in joining:
            consumer.poll(0.0)
        return len(workers[0].tasks) == 2 and bool(joining)

    joining: list[Any] = []
    workers[0].run(second_joins)
    for consumer in joining:
        consumer.close()
    workers[1].run(lambda: False, until_end=True)
    assert readers[0].read.total() > 0
    assert readers[0].read.total() + readers[1].read.total() == ends(first)
    assert (outputs(first), states_of(workers[1])) == undisturbed
    first.close()
    second.close()


# Crashes


STEPS = (
    "records processed",
    "output acknowledged",
    "temporary file written",
    "chunks written",
    "chunks durable",
    "manifest written",
    "manifest renamed",
    "folder durable",
    "old checkpoints removed",
    "checkpoint written",
    "offsets stored",
)


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_after_any_step_is_not_seen(
    step: str, folder: Path, undisturbed: Undisturbed
) -> None:
    log = filled()
    crashes = 0
    for hit in (3, 2, 2):
        fault = at_calls([hit], Crash)

        def crash(name: str, fault: Callable[[], BaseException | None] = fault) -> None:
            if name == step and (error := fault()) is not None:
                raise error

        with suppress(Crash):
            run(log, rules(folder, step=crash), member="m")
            continue
        crashes += 1
    assert crashes >= 2
    worker, _ = run(log, rules(folder), member="m")
    assert (outputs(log), states_of(worker)) == undisturbed


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    flushes=st.lists(st.integers(1, 12), min_size=2, max_size=4),
    arrives=st.integers(0, 60),
    every=st.sampled_from([30, 100, 170]),
)
def test_crashes_one_soon_after_another_say_and_learn_nothing_twice(
    tmp_path_factory: pytest.TempPathFactory,
    undisturbed: Undisturbed,
    flushes: list[int],
    arrives: int,
    every: int,
) -> None:
    log, folder = filled(), tmp_path_factory.mktemp("checkpoints")
    for flush in flushes:
        doomed = FaultyLog(log, on_flush=at_calls([flush], Crash), arrives=arrives)
        with suppress(Crash):
            run(doomed, rules(folder, every_records=every), poll_records=37, member="m")
    worker, _ = run(log, rules(folder), member="m")
    assert (outputs(log), states_of(worker)) == undisturbed


def test_output_behind_the_checkpoint_is_known_after_a_crash_in_its_replay(
    folder: Path, undisturbed: Undisturbed
) -> None:
    """Published, not checkpointed; replayed and checkpointed halfway; crashed again."""
    log = filled()
    with suppress(Crash):
        run(
            log, rules(folder, every_records=150, step=_crash_at("manifest written", 3)), member="m"
        )
    with suppress(Crash):
        run(
            log,
            rules(folder, every_records=10, step=_crash_at("offsets stored", 3)),
            poll_records=10,
            member="m",
        )
    worker, _ = run(log, rules(folder), member="m")
    assert (outputs(log), states_of(worker)) == undisturbed


def _crash_at(step: str, hit: int) -> Callable[[str], None]:
    count = itertools.count(1)

    def crash(name: str) -> None:
        if name == step and next(count) == hit:
            raise Crash

    return crash


def test_output_that_is_not_acknowledged_is_in_no_checkpoint(
    folder: Path, undisturbed: Undisturbed
) -> None:
    log = filled()
    failing = FaultyLog(
        log, on_flush=at_calls([2, 5, 9], lambda: SendFailed("no acknowledgement")), arrives=3
    )
    with capture_logs() as logged:
        worker, _ = run(failing, rules(folder))
    assert [e["event"] for e in logged].count("andon.tasks_discarded") == 3
    assert (outputs(log), states_of(worker)) == undisturbed


# What is refused


def test_a_checkpoint_behind_retention_is_refused_by_name(folder: Path) -> None:
    log = filled()
    run(log, rules(folder))

    class Shortened(FaultyLog):
        def begin(self, at: TopicPartition) -> int:
            return log.end(at) + 5

        def end(self, at: TopicPartition) -> int:
            return log.end(at) + 9

    with pytest.raises(StateOffsetOutOfRange, match="the checkpoint goes on at") as refusal:
        run(Shortened(log), rules(folder))
    assert "--from-scratch" in str(refusal.value)
    assert refusal.value.exit_code == 3


def test_a_shorter_topic_of_the_same_name_is_refused_by_name(folder: Path) -> None:
    run(filled(), rules(folder))
    log = MemoryLog()
    fill(log, parts=20)
    with pytest.raises(StateOffsetOutOfRange):
        run(log, rules(folder))


def test_a_topic_created_again_with_other_records_is_refused_by_name(folder: Path) -> None:
    run(filled(), rules(folder))
    log = MemoryLog()
    create_topics(log)
    for line in LINES:
        put(log, small_line(2 * PARTS, line, start=7))
    with pytest.raises(TopicRecreated, match="the topic was created again"):
        run(log, rules(folder))


def test_a_topic_with_more_partitions_is_refused_by_name(folder: Path) -> None:
    run(filled(), rules(folder))
    log = MemoryLog()
    fill(log, partitions=8)
    with pytest.raises(TopicRepartitioned, match="has 8 partitions, it had 4"):
        run(log, rules(folder))


def test_from_scratch_passes_over_what_was_there_and_only_that(
    folder: Path, undisturbed: Undisturbed
) -> None:
    log = filled()
    run(log, rules(folder))
    worker, read = run(log, rules(folder, from_scratch=True))
    assert read == ends(log)
    assert (outputs(log), states_of(worker)) == undisturbed
    failing = FaultyLog(log, on_flush=at_calls([12], lambda: SendFailed("not acknowledged")))
    worker, read = run(failing, rules(folder, from_scratch=True))
    # What it has stored itself it takes up again.
    assert ends(log) < read < 1.5 * ends(log)
    assert (outputs(log), states_of(worker)) == undisturbed
    assert run(log, rules(folder))[1] == 0


def test_other_settings_are_refused_by_name_unless_what_goes_is_taken_over(folder: Path) -> None:
    log = filled()
    known = states_of(run(log, rules(folder))[0])
    detector = replace(QUICK.line.detector, rank=3)
    wanted = with_line(QUICK, detector=detector)
    with pytest.raises(SettingsChanged, match=r"detector.rank was 0, is 3.*--migrate"):
        run(log, rules(folder), wanted=wanted)
    with capture_logs() as logged:
        worker, read = run(log, rules(folder, migrate=True), wanted=wanted)
    assert read == 0
    migrated = [entry for entry in logged if entry["event"] == "andon.checkpoint_migrated"]
    assert {tuple(entry["begun_anew"]) for entry in migrated} == {
        ("figures", "imputation", "model")
    }
    told = states_of(worker)
    for name, state in known.items():
        assert told[name]["ledger"] == state["ledger"]
        assert told[name]["learnt"] != state["learnt"]
    put(log, small_line(40, "A", start=PARTS))
    assert run(log, rules(folder, migrate=True), wanted=wanted)[1] == log_length(log, "A") - 751
    # From then on it is its own.
    assert run(log, rules(folder), wanted=wanted)[1] == 0


def test_settings_that_may_change_on_a_live_line_are_taken_up_without_a_word(folder: Path) -> None:
    log = filled()
    run(log, rules(folder))
    wanted = with_line(QUICK, alarms=replace(QUICK.line.alarms, budget=0.3, reasons=1))
    worker, read = run(log, rules(folder), wanted=wanted)
    assert read == 0
    assert {line.operating_point.budget for line in lines_of(worker).values()} == {0.3}


def log_length(log: Log, line: str) -> int:
    return log.end(TopicPartition(TOPICS.events, partition_for(line.encode(), 4)))


# Stores that fail


def test_a_damaged_checkpoint_is_refused_loudly_and_the_one_before_taken(
    folder: Path, undisturbed: Undisturbed
) -> None:
    log = filled()
    run(log, rules(folder))
    newest: dict[Path, Path] = {}
    for path in sorted(folder.rglob("*.manifest")):
        newest[path.parent] = path
    for path in newest.values():
        path.write_bytes(path.read_bytes()[:-40])
    told: list[Told] = []
    with capture_logs() as logged:
        worker, read = run(log, rules(folder, observe=told.append))
    assert 0 < read < ends(log)
    refused = [entry for entry in logged if entry["event"] == "andon.checkpoint_refused"]
    assert len(refused) == len(newest)
    assert {entry["log_level"] for entry in refused} == {"error"}
    assert [each.outcome for each in told].count("refused") == len(newest)
    assert (outputs(log), states_of(worker)) == undisturbed


class MoodyStore(CheckpointDirectory):
    """A folder on a disk that is full at times."""

    full = False

    def claim(self, partition: int) -> int:
        self._strike()
        return super().claim(partition)

    def save(self, partition: int, checkpoint: Checkpoint, within: float = 30.0) -> Saved:
        self._strike()
        return super().save(partition, checkpoint, within)

    def _strike(self) -> None:
        if self.full:
            raise CheckpointNotWritten("the disk is full")


def test_a_full_disk_stops_checkpoints_and_nothing_else(
    folder: Path, undisturbed: Undisturbed
) -> None:
    log = filled()
    store = MoodyStore(folder, QUICK.group, TOPICS.events)
    store.full = True
    told: list[Told] = []
    polls = itertools.count()

    def room_again() -> bool:
        store.full = next(polls) < 6
        return False

    worker = worker_on(log, rules(folder, store=store, observe=told.append))
    with capture_logs() as logged:
        worker.run(room_again, until_end=True)
    assert {each.outcome for each in told} == {"failed", "written"}
    assert "andon.checkpoint_failed" in {entry["event"] for entry in logged}
    assert (outputs(log), states_of(worker)) == undisturbed
    assert run(log, rules(folder))[1] == 0


def test_who_is_given_up_in_a_hurry_leaves_slow_checkpoints_to_the_next_owner(
    folder: Path, undisturbed: Undisturbed
) -> None:
    log = filled()
    told: list[Told] = []
    worker = worker_on(log, rules(folder, every_records=10**9, leaving_s=0.0, observe=told.append))
    worker.run(lambda: False, until_end=True)
    assert {each.outcome for each in told} == {"left"}
    worker, read = run(log, rules(folder))
    assert read == ends(log)
    assert (outputs(log), states_of(worker)) == undisturbed


def test_two_groups_that_share_a_store_are_told_so(folder: Path) -> None:
    log = filled()

    def another_claims(name: str) -> None:
        if name == "output acknowledged":
            CheckpointDirectory(folder, QUICK.group, TOPICS.events).claim(0)

    with pytest.raises(StaleEpoch, match="was claimed by another process"):
        run(log, rules(folder, step=another_claims))


def test_a_stale_epoch_ends_no_worker_that_has_yet_to_be_told_of_a_revocation(
    folder: Path, undisturbed: Undisturbed
) -> None:
    log = FaultyLog(filled())
    log.untold = {TopicPartition(TOPICS.events, 0)}

    def another_claims(name: str) -> None:
        if name == "output acknowledged":
            CheckpointDirectory(folder, QUICK.group, TOPICS.events).claim(0)

    with capture_logs() as logged:
        run(log, rules(folder, step=another_claims))
    lost = [entry for entry in logged if entry["event"] == "andon.partition_lost"]
    assert [entry["partition"] for entry in lost] == [0]
    log.untold.clear()
    worker, _ = run(log, rules(folder))
    assert (outputs(log), states_of(worker)) == undisturbed


def test_a_worker_that_has_been_replaced_stores_nothing_and_lets_go(
    tmp_path: Path, folder: Path, undisturbed: Undisturbed
) -> None:
    log, other = LocalLog(tmp_path / "log.db"), LocalLog(tmp_path / "log.db")
    fill(log)
    replaced: list[Worker] = []

    def replace(name: str) -> None:
        if name == "output acknowledged" and not replaced:
            replaced.append(run(other, rules(folder), member="m")[0])

    with capture_logs() as logged:
        worker, _ = run(log, rules(folder, step=replace), member="m")
    assert "andon.partition_lost" in {entry["event"] for entry in logged}
    # Its successor has left meanwhile, so it has its partitions again, and goes on behind it.
    assert {int(path.parent.name) for path in folder.rglob("*.manifest")} == {2}
    assert states_of(worker) == states_of(replaced[0])
    assert (outputs(log), states_of(worker)) == undisturbed
    log.close()
    other.close()
