"""A task is a deterministic function of its records, and no record stops it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from alerts.alert import alert_id
from models.detector import DetectorSettings
from producers.families import family
from producers.simulator import SimulatedLine
from stream.codec import encode
from stream.effects import Effect, PutAside, Raised, Scored
from stream.input_limits import InputLimits
from stream.line import Line, LineSettings
from stream.log import Record
from stream.structural_digest import structural_digest
from stream.task import Task, TaskSettings
from stream.testing import TaskDriver, alert_types, measurement, refusals, risks, tick

QUICK = TaskSettings(line=LineSettings(detector=DetectorSettings(min_fails=5, min_passes=20)))


@pytest.fixture(scope="module")
def history() -> list[Record]:
    events = SimulatedLine(family("demo"), seed=3).events(parts=900)
    return [
        Record("andon.events", 0, offset, event.line.encode(), encode(event))
        for offset, event in enumerate(events)
    ]


@pytest.fixture(scope="module")
def told(history: list[Record]) -> list[Effect]:
    task = Task(0, QUICK)
    return [effect for record in history for effect in task.process(record)]


def test_the_same_records_give_the_same_effects_bit_for_bit(
    history: list[Record], told: list[Effect]
) -> None:
    task = Task(0, QUICK)
    again = [effect for record in history for effect in task.process(record)]
    assert again == told
    assert any(isinstance(effect, Raised) for effect in told)


def test_records_taken_one_by_one_or_all_together_ask_for_the_same(
    history: list[Record],
) -> None:
    """Also where records that are none lie among them, at the borders of what is read ahead."""
    broken = [
        record._replace(value=b"not JSON") if record.offset % 50 in (0, 49) else record
        for record in history[:5000]
    ]
    one_by_one, together = Task(0, QUICK), Task(0, QUICK)
    expected = []
    for record in broken:
        effects = one_by_one.process(record)
        expected.append((record, effects, one_by_one.last))
    found = [
        (record, effects, together.last) for record, effects in together.process_all(iter(broken))
    ]
    assert found == expected
    assert structural_digest(together.state()) == structural_digest(one_by_one.state())


def test_alert_ids_come_from_the_place_in_the_log(
    history: list[Record], told: list[Effect]
) -> None:
    task = Task(0, QUICK)
    for record in history:
        for effect in task.process(record):
            if isinstance(effect, Raised):
                alert = effect.alert
                assert alert.part is not None
                expected = alert_id(
                    "andon", "andon.events", 0, record.offset, alert.type, alert.part
                )
                assert alert.id == expected
    ids = [effect.alert.id for effect in told if isinstance(effect, Raised)]
    assert len(set(ids)) == len(ids)


def test_a_line_keeps_its_risks_on_another_partition_beside_another_line(
    history: list[Record], told: list[Effect]
) -> None:
    task = Task(3, QUICK)
    alone = [effect for effect in told if isinstance(effect, Scored)]
    beside = []
    for offset, record in enumerate(history):
        task.process(Record("andon.events", 3, 2 * offset, b"B", encode(tick(offset, "B"))))
        moved = record._replace(partition=3, offset=2 * offset + 1)
        beside += [effect for effect in task.process(moved) if isinstance(effect, Scored)]
    assert beside == alone


def test_untrained_answers_null_and_raises_nothing() -> None:
    driver = TaskDriver()
    for part in range(300):
        driver.pipe(measurement(f"P-{part}", "press", part, {"x": float(part % 7)}))
    effects = driver.read()
    assert risks(effects) == [None] * 300
    assert alert_types(effects) == []


def test_an_alert_stays_under_twenty_kilobytes_and_names_what_it_rests_on(
    told: list[Effect],
) -> None:
    alerts = [effect.alert for effect in told if isinstance(effect, Raised)]
    for alert in alerts:
        assert len(alert.to_json()) < 20_000
        assert alert.evidence is not None
        assert alert.evidence.measured > 0
        assert alert.model is not None
        if alert.type == "part.at_risk":
            assert alert.risk is not None
            assert alert.threshold is not None
            assert alert.risk >= alert.threshold
            assert 1 <= len(alert.reasons) <= 3
            shares = [reason.contribution for reason in alert.reasons]
            assert shares == sorted(shares, reverse=True)
            assert 0 < sum(shares) <= 1.0001


def test_bad_records_are_put_aside_and_the_next_good_one_is_processed() -> None:
    driver = TaskDriver()
    driver.pipe_bytes(b"A", b"\xff")
    driver.pipe_bytes(None, None)
    driver.pipe(measurement("P-1", "press", 0, {"x": 1.0}))
    effects = driver.read()
    assert refusals(effects) == ["not_json", "tombstone"]
    assert risks(effects) == [None]


def test_a_long_record_leaves_its_first_bytes_its_length_and_its_digest() -> None:
    limits = InputLimits(message_bytes=1000)
    driver = TaskDriver(replace(QUICK, limits=limits, dead_letter_bytes=100))
    driver.pipe_bytes(b"A", b"x" * 5000)
    [aside] = driver.read()
    assert isinstance(aside, PutAside)
    assert aside.value == b"x" * 100
    assert aside.letter.length == 5000
    assert aside.letter.sha256 == hashlib.sha256(b"x" * 5000).hexdigest()
    assert type(aside.letter).from_headers(aside.letter.to_headers()) == aside.letter


def test_too_many_lines_are_refused_and_the_known_ones_go_on() -> None:
    driver = TaskDriver(replace(QUICK, max_lines=2))
    for name in ("A", "B", "C", "A"):
        driver.pipe(tick(0, name))
    assert refusals(driver.read()) == ["too_many_lines"]
    assert sorted(driver.task.lines) == ["A", "B"]


def test_a_fault_in_the_line_puts_the_record_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = TaskDriver()

    def broken(self: Line, *args: object) -> list[Effect]:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(Line, "apply", broken)
    driver.pipe(tick(0))
    [aside] = driver.read()
    assert isinstance(aside, PutAside)
    assert (aside.letter.stage, aside.letter.error) == ("process", "ZeroDivisionError")
