"""Which dead letters are meant, in which order they come, and how they are counted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from andon.dead_letters import Letters, Wanted, as_letter, by_reason
from producers.source_place import Place
from stream.events import DeadLetter
from stream.log import Record, TopicSpec
from stream.memory import MemoryLog

T = "andon.dead-letters"


def put(
    log: MemoryLog, partition: int, offset: int, error: str = "bad", topic: str = "shots",
    put_aside: int = 0, arrived: int | None = None,
) -> None:  # fmt: skip
    said = DeadLetter(
        topic=topic,
        partition=partition,
        offset=offset,
        stage="validate",
        error=error,
        message="no",
        timestamp=arrived,
    )
    headers = said.to_headers()
    log.append(T, b"k", b"{", partition=partition, headers=headers, timestamp=put_aside)


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog()
    log.create_topics([TopicSpec(T, 2)])
    return log


def offsets(letters: Letters) -> list[int]:
    return [letter.said.offset for letter in letters]


def test_letters_come_in_the_order_in_which_their_records_arrived(log: MemoryLog) -> None:
    put(log, 0, 1, put_aside=50, arrived=10)
    put(log, 0, 2, put_aside=51, arrived=30)
    put(log, 1, 3, put_aside=40, arrived=20)
    assert offsets(Letters(log, T, Wanted())) == [1, 3, 2]


def test_of_one_moment_the_topics_come_as_the_map_has_them(log: MemoryLog) -> None:
    put(log, 0, 1, topic="results", arrived=10)
    put(log, 1, 2, topic="shots", arrived=10)
    assert offsets(Letters(log, T, Wanted(), ["shots", "results"])) == [2, 1]
    assert offsets(Letters(log, T, Wanted(), ["results", "shots"])) == [1, 2]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [0, 1, 2, 3]),
        (Wanted(reasons=frozenset({"worse"})), [1, 3]),
        (Wanted(topics=frozenset({"results"})), [2, 3]),
        (Wanted(reasons=frozenset({"worse"}), topics=frozenset({"results"})), [3]),
        (Wanted(since=1), [1, 2, 3]),
        (Wanted(until=1), [0]),
        (Wanted(since=datetime.fromtimestamp(2, UTC)), [2, 3]),
        (Wanted(until=datetime.fromtimestamp(2, UTC)), [0, 1]),
        (Wanted(limit=2), [0, 1]),
        (Wanted(reasons=frozenset({"worse"}), limit=1), [1]),
    ],
)
def test_filters_bound_them(log: MemoryLog, wanted: Wanted, found: list[int]) -> None:
    for number in range(4):
        error, topic = ("bad", "worse")[number % 2], ("shots", "results")[number // 2]
        put(log, 0, number, error, topic, put_aside=1000 * number)
    assert offsets(Letters(log, T, wanted)) == found


def test_records_that_are_no_letters_are_counted_and_left_out(log: MemoryLog) -> None:
    log.append(T, b"k", b"somebody else's", partition=0)
    log.append(T, b"k", b"", partition=1, headers=[("andon.errors.topic", b"\xff")])
    put(log, 0, 7)
    letters = Letters(log, T, Wanted())
    assert offsets(letters) == [7]
    assert letters.foreign == 2


def test_reasons_are_counted_with_their_times_and_a_few_places(log: MemoryLog) -> None:
    for number in range(5):
        put(log, number % 2, number, put_aside=1000 * number)
    put(log, 0, 9, "worse", put_aside=9000)
    [bad, worse] = by_reason(Letters(log, T, Wanted()), {Place(T, 1, 0)})
    assert (bad.count, bad.first, bad.last, bad.replayed) == (5, 0, 4000, 1)
    assert bad.examples == ["0:0", "1:0", "0:1"]
    assert (worse.error, worse.count, worse.replayed) == ("worse", 1, 0)


def test_a_letter_about_a_record_that_was_a_letter_says_the_later_reason() -> None:
    first = DeadLetter(
        topic="shots", partition=0, offset=1, stage="limit", error="too_long", message="no",
        length=9, sha256="0", timestamp=5,
    )  # fmt: skip
    second = DeadLetter(
        topic="andon.events", partition=1, offset=2, stage="decode", error="not_json", message="x"
    )
    headers = (("own", b"1"), *first.to_headers(), *second.to_headers())
    letter = as_letter(Record(T, 0, 0, None, b"", headers))
    assert letter is not None
    assert letter.said == second
    assert letter.original().headers == (("own", b"1"),)
