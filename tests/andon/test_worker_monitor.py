"""The worker's monitor: what it tells is what the log and the lines say, whatever goes wrong."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

from faulty_log import FaultyLog, at_calls
from hypothesis import given, settings
from hypothesis import strategies as st
from scraped import monitored_worker, samples, small_log, value
from small_line import LEARNT, QUICK, small_line
from structlog.testing import capture_logs
from workers import TOPICS, alerts_on, create_topics, on_topic, put

from andon.line_state import figures_of
from andon.state_file import read_states
from andon.worker_monitor import WorkerMonitor
from stream.effects import Raised
from stream.errors import LogUnavailable, SendFailed
from stream.local import LocalLog
from stream.log import Record, TopicPartition
from stream.memory import MemoryLog


def total(monitor: WorkerMonitor, name: str) -> float:
    return sum(found for (each, _), found in samples(monitor.registry).items() if each == name)


def test_what_is_told_is_what_the_lines_and_the_log_say() -> None:
    log = small_log()
    worker, monitor = monitored_worker(log, None)
    worker.run(lambda: False, until_end=True)
    monitor.take_picture(worker)
    [line] = [line for task in worker.tasks for line in task.lines.values()]
    told = {
        name: value(monitor.registry, f"andon_{name}", line="A")
        for name in (
            "open_journeys", "kept_outcomes", "window_results", "window_fails", "alarm_threshold",
            "alarm_rate", "alarm_budget", "model_age_seconds", "skill_average_precision",
            "skill_brier", "skill_roc_auc", "skill_parts", "detector_trained",
        )
    }  # fmt: skip
    report = line.evaluation.report().last
    assert line.watermark.at is not None
    assert line.learnt_at is not None
    assert told == {
        "open_journeys": line.ledger.open_parts,
        "kept_outcomes": line.ledger.decided_parts,
        "window_results": line.detector.window,
        "window_fails": line.detector.window_fails,
        "alarm_threshold": line.operating_point.threshold,
        "alarm_rate": line.operating_point.flagged_share,
        "alarm_budget": QUICK.line.alarms.budget,
        "model_age_seconds": line.watermark.at - line.learnt_at,
        "skill_average_precision": report.ap,
        "skill_brier": report.brier_skill,
        "skill_roc_auc": report.auc,
        "skill_parts": report.parts,
        "detector_trained": 1,
    }
    assert total(monitor, "andon_events_total") == sum(
        count for key, count in line.counts.items()
        if key.split(".")[0] in ("measurement", "result", "tick")
    )  # fmt: skip
    assert total(monitor, "andon_alerts_total") == len(alerts_on(log)) > 0
    assert value(monitor.registry, "andon_alert_latency_seconds_count") == len(alerts_on(log))
    assert value(
        monitor.registry, "andon_dead_letters_total", stage="decode", reason="not_json"
    ) == sum(len(records) for records in on_topic(log, TOPICS.dead_letters))
    assert total(monitor, "andon_lag_records") == 0


def test_the_lag_is_the_end_less_the_next_offset() -> None:
    log = MemoryLog()
    create_topics(log)
    put(log, small_line(50))
    worker, monitor = monitored_worker(log, None)
    turns = itertools.count()
    worker.run(lambda: next(turns) > 1)
    monitor.take_picture(worker)
    ends = {at: log.end(at) for at in (TopicPartition(TOPICS.events, n) for n in range(4))}
    assert sum(ends.values()) > 100
    for at, progress in worker.progress.items():
        assert (
            value(
                monitor.registry,
                "andon_lag_records",
                group=QUICK.group,
                topic=at.topic,
                partition=str(at.partition),
            )
            == ends[at] - progress.next_offset
        )
    assert total(monitor, "andon_lag_records") > 0


def test_the_latency_is_counted_from_the_append_to_the_acknowledgement() -> None:
    log = small_log()
    worker, _ = monitored_worker(log, None)
    appended = min(r.timestamp for r in log.read(TopicPartition(TOPICS.events, 2)))
    later = WorkerMonitor(
        log, QUICK.group, None, interval_s=0.0, wall=lambda: appended / 1000 + 100.0
    )
    worker._observe, worker._on_turn = later.observe, later.turned
    worker.run(lambda: False, until_end=True)
    count = value(later.registry, "andon_alert_latency_seconds_count")
    assert count
    mean = (value(later.registry, "andon_alert_latency_seconds_sum") or 0) / count
    assert 90 < mean <= 100
    assert value(later.registry, "andon_alert_latency_seconds_bucket", le="60.0") == 0


def test_a_worker_is_ready_once_its_partitions_are_where_they_were() -> None:
    log = small_log()
    worker, monitor = monitored_worker(log, None)
    assert monitor.unready
    said: list[tuple[str, ...]] = []
    ends = worker._on_turn
    assert ends is not None

    def turned(now: object) -> None:
        ends(worker)
        said.append(monitor.unready)

    worker._on_turn = turned
    worker.run(lambda: False, until_end=True)
    assert any("is being rebuilt" in reason for reasons in said for reason in reasons)
    assert said[-1] == ()
    left = [int(r.split()[-4]) for reasons in said for r in reasons if "rebuilt" in r]
    assert left == sorted(left, reverse=True)


def test_new_records_do_not_make_a_worker_unready() -> None:
    log = small_log()
    worker, monitor = monitored_worker(log, None)
    done: list[bool] = []

    def stop() -> bool:
        if not monitor.unready and not done:
            put(log, small_line(400, "A", start=1000))
            done.append(True)
            return False
        if done:
            assert monitor.unready == ()
        return bool(done) and all(
            progress.next_offset == log.end(at) for at, progress in worker.progress.items()
        )

    worker.run(stop)
    assert done


def test_a_worker_without_partitions_is_alive_and_not_ready(tmp_path: Path) -> None:
    log = LocalLog(tmp_path / "andon.db")
    create_topics(log, 1)
    first, _ = monitored_worker(log, None)
    spare, monitor = monitored_worker(log, None)
    stop = threading.Event()
    held = threading.Event()
    first._on_turn = lambda worker: held.set() if worker.tasks else None
    threads = [threading.Thread(target=first.run, args=(stop.is_set,))]
    threads[0].start()
    try:
        assert held.wait(60)
        threads.append(threading.Thread(target=spare.run, args=(stop.is_set,)))
        threads[1].start()
        over = time.monotonic() + 60
        while monitor.unready != ("no partition is assigned to this worker",):
            assert time.monotonic() < over
            time.sleep(0.01)
        assert monitor.alive
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
        log.close()


@settings(max_examples=4, deadline=None)
@given(flush=st.integers(1, 9), arrives=st.integers(0, 200))
def test_what_was_thrown_away_is_not_counted_and_what_comes_after_is_counted_once(
    flush: int, arrives: int
) -> None:
    log = small_log()
    failing = FaultyLog(
        log, on_flush=at_calls([flush], lambda: SendFailed("not acknowledged")), arrives=arrives
    )
    worker, monitor = monitored_worker(failing, None)
    with capture_logs():
        worker.run(lambda: False, until_end=True)
    published = len(alerts_on(log))
    assert published > 0
    # What arrived though its flush failed was published, but nobody can say in whose turn.
    assert published - arrives <= total(monitor, "andon_alerts_total") <= published
    assert total(monitor, "andon_tasks_discarded_total") == worker.discards


def test_nothing_is_counted_that_was_on_the_log_before() -> None:
    log = small_log()
    for expected in (len, lambda alerts: 0):
        worker, monitor = monitored_worker(log, None)
        worker.run(lambda: False, until_end=True)
        assert total(monitor, "andon_alerts_total") == expected(alerts_on(log))
    assert value(
        monitor.registry, "andon_dead_letters_total", stage="decode", reason="not_json"
    ) in (
        None,
        0,
    )


def test_a_log_that_does_not_say_its_end_leaves_the_lag_unknown() -> None:
    log = small_log()
    worker, monitor = monitored_worker(log, None)
    worker.run(lambda: False, until_end=True)

    class Mute(MemoryLog):
        def end(self, at: TopicPartition) -> int:
            raise LogUnavailable("away")

    monitor._log = Mute()
    with capture_logs() as logged:
        monitor.take_picture(worker)
    assert {entry["event"] for entry in logged} == {"andon.lag_unknown"}
    assert not [name for name, _ in samples(monitor.registry) if name == "andon_lag_records"]
    assert total(monitor, "andon_lines") == 1


def test_before_its_first_picture_it_tells_of_no_lines() -> None:
    _, monitor = monitored_worker(MemoryLog(), None)
    names = {name for name, _ in samples(monitor.registry)}
    assert "andon_lines" not in names
    assert "andon_build_info" in names


def test_it_can_be_scraped_at_any_time_while_the_worker_works(tmp_path: Path) -> None:
    log = MemoryLog()
    create_topics(log)
    for line in ("A", "B", "C"):
        put(log, small_line(LEARNT, line))
    worker, monitor = monitored_worker(log, tmp_path)
    scraped: list[float] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def scrape() -> None:
        try:
            while not done.is_set():
                told = samples(monitor.registry)
                scraped.append(sum(v for (n, _), v in told.items() if n == "andon_events_total"))
                for state in read_states(tmp_path, QUICK.group, TOPICS.events):
                    assert state.next_offset <= (state.end or 0)
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=scrape)
    reader.start()
    try:
        worker.run(lambda: False, until_end=True)
    finally:
        done.set()
        reader.join(20)
    assert not failures
    assert scraped == sorted(scraped)


def test_no_label_ever_holds_a_part() -> None:
    worker, monitor = monitored_worker(small_log(), None)
    worker.run(lambda: False, until_end=True)
    for name, labels in samples(monitor.registry):
        assert not any("P-" in held for _, held in labels), name


def test_slow_pictures_are_taken_less_often() -> None:
    now = [0.0]
    log = small_log()
    worker, _ = monitored_worker(log, None)
    monitor = WorkerMonitor(log, QUICK.group, None, interval_s=5.0, clock=lambda: now[0])
    taken: list[float] = []

    def slow(_: object) -> None:
        taken.append(now[0])
        now[0] += 2.0

    monitor.take_picture = slow  # type: ignore[method-assign]
    for second in range(200):
        now[0] = max(now[0], float(second))
        monitor.turned(worker)
    assert taken == [0.0, 40.0, 80.0, 120.0, 160.0]


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    log = small_log()
    worker, monitor = monitored_worker(log, blocked / "state")
    with capture_logs() as logged:
        worker.run(lambda: False, until_end=True)
    assert "andon.state_not_written" in {entry["event"] for entry in logged}
    assert total(monitor, "andon_alerts_total") == len(alerts_on(log))


def test_observing_changes_nothing_that_is_published() -> None:
    watched, unwatched = small_log(), small_log()
    worker, _ = monitored_worker(watched, None)
    worker.run(lambda: False, until_end=True)
    plain, _ = monitored_worker(unwatched, None)
    plain._observe = plain._on_turn = None
    plain.run(lambda: False, until_end=True)
    assert alerts_on(watched) == alerts_on(unwatched)
    [a] = [line for task in worker.tasks for line in task.lines.values()]
    [b] = [line for task in plain.tasks for line in task.lines.values()]
    assert figures_of(a) == figures_of(b)


def test_a_record_without_a_time_of_its_own_has_no_negative_latency() -> None:
    log = small_log()
    monitor = WorkerMonitor(log, QUICK.group, None, wall=lambda: 10.0)
    worker, _ = monitored_worker(log, None)
    alert = None
    worker.run(lambda: False, until_end=True)
    [alert, *_] = alerts_on(log)
    monitor.observe(Record("t", 0, 0, b"A", b"", (), 20_000), [Raised(alert)])
    monitor.turned(worker)
    assert value(monitor.registry, "andon_alert_latency_seconds_sum") == 0
