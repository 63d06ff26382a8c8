"""Poison among good records: each is put aside, and no good part's risk knows of it."""

from __future__ import annotations

import random

import pytest
from poison import POISON, TEN_MEGABYTES, Poison
from small_line import LEARNT, QUICK, oven, part_events, press, small_line, trained_driver
from workers import state_of

from stream.effects import PutAside
from stream.testing import TaskDriver, alert_types, refusals, risks


@pytest.mark.parametrize("poison", [*POISON.values(), TEN_MEGABYTES], ids=[*POISON, "10 MB"])
def test_each_is_put_aside_with_its_reason_and_the_next_good_record_is_processed(
    poison: Poison,
) -> None:
    driver = TaskDriver(QUICK)
    driver.pipe(press("P-0", 0, 1.0))
    driver.pipe_bytes(poison.key, poison.value)
    driver.pipe(oven("P-0", 1))
    before, aside, after = driver.read()
    assert isinstance(aside, PutAside)
    assert (aside.letter.error, aside.letter.stage) == (poison.error, poison.stage)
    assert (aside.letter.partition, aside.letter.offset) == (0, 1)
    assert len(aside.value or b"") <= 64 * 1024
    assert len(risks([before, after])) == 2


def test_one_poisoned_record_in_a_hundred_changes_no_risk_of_the_good_ones() -> None:
    clean, poisoned = TaskDriver(QUICK), TaskDriver(QUICK)
    chance = random.Random(7)
    mixed = 0
    for event in small_line(400):
        clean.pipe(event)
        if chance.random() < 0.01 or mixed == 0:
            bad = chance.choice(list(POISON.values()))
            poisoned.pipe_bytes(bad.key, bad.value)
            mixed += 1
        poisoned.pipe(event)
    good, told = clean.read(), poisoned.read()
    assert len(refusals(told)) == mixed > 5
    assert risks(told) == risks(good)
    assert alert_types(told) == alert_types(good) != []
    assert state_of(poisoned.line("A"))["figures"] == state_of(clean.line("A"))["figures"]


def test_ten_thousand_values_in_one_message_are_refused_and_four_thousand_taken_in() -> None:
    driver = trained_driver()
    many = {f"sensor {number}": float(number) for number in range(10_000)}
    driver.pipe(press("P-many", LEARNT, 1.0).model_copy(update={"values": many}))
    assert refusals(driver.read()) == ["too_many_values"]
    wide = dict(list(many.items())[:4_000])
    for number in range(3):
        driver.pipe(press(f"P-wide-{number}", LEARNT, 1.0).model_copy(update={"values": wide}))
    driver.pipe(*part_events(LEARNT + 9))
    effects = driver.read()
    assert refusals(effects) == []
    assert all(risk is not None and 0 < risk < 1 for risk in risks(effects))


def test_more_lines_than_a_partition_may_hold_are_put_aside_and_the_known_ones_go_on() -> None:
    driver = TaskDriver()
    for number in range(1_001):
        driver.pipe(press("P-0", 0, 1.0, line=f"L-{number}"))
    driver.pipe(oven("P-0", 1, line="L-0"))
    effects = driver.read()
    assert refusals(effects) == ["too_many_lines"]
    assert len(risks(effects)) == 1_001
