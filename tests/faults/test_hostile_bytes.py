"""Poison and mutated messages among good ones: dead letters exact, no poll hangs, memory bounded.

No broker: a real worker on a log in memory. Which mutated messages are events is told by the codec
on its own and, beneath it, by the wire contract's classes without the quick way of reading.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
from poison import POISON, TEN_MEGABYTES
from pydantic import Field, TypeAdapter, ValidationError
from small_line import QUICK, small_line
from workers import TOPICS, create_topics, new_worker, on_topic, states_of

from stream.codec import Rejected, decode, encode
from stream.events import DeadLetter, Event
from stream.log import Record
from stream.memory import MemoryLog
from stream.task import Task
from stream.worker import Worker

pytestmark = pytest.mark.timeout(7200)

Say = Callable[[str, object], None]
Message = tuple[bytes | None, bytes | None]
LETTER = tuple[int, str, str]
CPU_S = 0.050
SILENCE_S = 2.0
MOST_MIB = 96.0  # the log in memory and the first working of the detector are part of it
BATCH = 20_000
HOSTILE = [*POISON.values(), TEN_MEGABYTES]
CONTRACT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
TOKENS = (b"NaN", b"1e400", b"null", b"[", b"{}", b'"', b"\\u0000", b"\xff", b"\x00", b"-0.0", b",")


class Run:
    """What a worker made of messages, and what each of them cost."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.log = MemoryLog()
        create_topics(self.log, 1)
        for key, value in messages:
            self.log.append(TOPICS.events, key, value, partition=0)
        self.cpu = [0.0] * len(messages)
        self.silence = 0.0
        """Seconds from one message to the next at most, but for those when others were at work."""
        self._cpu, self._wall = time.process_time(), time.monotonic() - kept_waiting()
        self.worker: Worker = new_worker(self.log, QUICK, observe=self._observe)
        Path("/proc/self/clear_refs").write_text("5")
        before = peak_mib()
        self.worker.run(lambda: False, until_end=True)
        self.grown_mib = peak_mib() - before

    def _observe(self, record: Record, effects: object) -> None:
        cpu, wall = time.process_time(), time.monotonic() - kept_waiting()
        self.cpu[record.offset] = cpu - self._cpu
        self.silence = max(self.silence, wall - self._wall)
        self._cpu, self._wall = cpu, wall

    @property
    def letters(self) -> list[LETTER]:
        """Offset, stage and reason of each dead letter."""
        said = [
            DeadLetter.from_headers(r.headers) for r in on_topic(self.log, TOPICS.dead_letters)[0]
        ]
        return [(letter.offset, letter.stage, letter.error) for letter in said]

    @property
    def taken(self) -> int:
        """How many messages the lines have taken in, whatever they were to them."""
        counts = [
            count for line in self.worker.tasks[0].lines.values() for count in line.counts.items()
        ]
        kinds = ("measurement.", "result.", "feedback.", "control.", "tick")
        return sum(number for name, number in counts if name.startswith(kinds))

    def worst_cpu(self) -> float:
        """Of the message that costs the most; one above the limit is measured again, and again."""
        worst = max(self.cpu)
        for _ in range(2):
            if worst <= CPU_S:
                break
            self.cpu = [min(each) for each in zip(self.cpu, self._again(), strict=True)]
            worst = max(self.cpu)
        return worst

    def _again(self) -> list[float]:
        task, found = Task(0, QUICK), []
        for record in on_topic(self.log, TOPICS.events)[0]:
            began = time.process_time()
            task.process(record)
            found.append(time.process_time() - began)
        return found


def kept_waiting() -> float:
    """The seconds in which this thread could have worked and had no processor; 0 if untold."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def peak_mib() -> float:
    """The most memory that this process has held since that was last forgotten."""
    [line] = [
        each for each in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in each
    ]
    return int(line.split()[1]) / 1024


def good(events: int) -> list[Message]:
    """So many messages of one line."""
    told = small_line(events)
    return [
        (event.line.encode(), encode(event)) for _, event in zip(range(events), told, strict=False)
    ]


def poisoned(
    messages: Sequence[Message], chance: random.Random
) -> tuple[list[Message], list[LETTER]]:
    """One poisoned record behind each hundredth, and the dead letters that must come of them."""
    mixed: list[Message] = []
    letters: list[LETTER] = []
    for message in messages:
        mixed.append(message)
        if chance.random() < 0.01:
            bad = chance.choice(HOSTILE)
            letters.append((len(mixed), bad.stage, bad.error))
            mixed.append((bad.key, bad.value))
    return mixed, letters


def mutated(value: bytes, other: bytes, chance: random.Random) -> bytes:
    """A message that something has happened to."""
    found = bytearray(value)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(found) + 1)
        until = min(len(found), at + chance.randint(1, 12))
        match chance.randrange(6):
            case 0 if at < len(found):
                found[at] ^= 1 << chance.randrange(8)
            case 1:
                del found[at:until]
            case 2:
                found[at:at] = chance.choice(TOKENS)
            case 3:
                found[at:at] = found[at:until] * chance.randint(1, 50)
            case 4:
                found[at:] = other[chance.randrange(len(other)) :]
            case _:
                found[at:until] = chance.choice(TOKENS)
    return bytes(found)


def known(run: Run) -> dict[str, Any]:
    """What the line knows, but for the ids of its alerts, which tell their events' offsets."""
    [state] = states_of(run.worker).values()
    return {name: value for name, value in state.items() if name != "standing"}


def is_refused_by_the_contract(value: bytes) -> bool:
    try:
        CONTRACT.validate_json(value)
    except ValidationError:
        return True
    return False


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What is compiled, and loaded for the first time, is no message's cost."""
    Run(good(2_000))


def test_poison_becomes_dead_letters_and_nothing_else_changes(
    full: bool, record_property: Say
) -> None:
    worst = grown = 0.0
    for seed in range(5 if full else 1):
        clean = good(BATCH)
        mixed, letters = poisoned(clean, random.Random(seed))
        assert len(letters) > BATCH / 150
        run = Run(mixed)
        assert run.letters == letters
        assert run.taken == len(clean)
        assert known(run) == known(Run(clean))
        assert run.silence < SILENCE_S
        worst, grown = max(worst, run.worst_cpu()), max(grown, run.grown_mib)
    assert worst <= CPU_S
    assert grown < MOST_MIB
    record_property("measured", f"worst {1000 * worst:.1f} ms CPU, peak {grown:.0f} MiB more")


def test_each_mutated_message_is_an_event_or_a_dead_letter(
    full: bool, record_property: Say
) -> None:
    worst = grown = refused = 0.0
    values = [value or b"" for _, value in good(3_000)]
    for seed in range(50 if full else 1):
        chance = random.Random(1_000 + seed)
        messages: list[Message] = [
            (b"A", mutated(chance.choice(values), chance.choice(values), chance))
            for _ in range(BATCH)
        ]
        run = Run(messages)
        letters: list[LETTER] = []
        for offset, (key, value) in enumerate(messages):
            found = decode(key, value)
            against = is_refused_by_the_contract(value or b"")
            if isinstance(found, Rejected):
                letters.append((offset, found.stage, found.error))
                assert against or found.stage == "limit" or found.error == "wrong_key"
            else:
                assert not against
        assert run.letters == letters
        assert run.taken == len(messages) - len(letters)
        assert run.silence < SILENCE_S
        refused += len(letters)
        worst, grown = max(worst, run.worst_cpu()), max(grown, run.grown_mib)
    assert worst <= CPU_S
    assert grown < MOST_MIB
    record_property(
        "measured",
        f"{refused:.0f} refused, worst {1000 * worst:.1f} ms CPU, peak {grown:.0f} MiB more",
    )
