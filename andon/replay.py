"""The replay desk: history through the detector, without a broker.

A replay behaves as a fresh events topic with the configured partitions would: every event gets the
partition of its line and the next offset there, is encoded and decoded, and goes through the same
tasks. So its alerts, ids included, are those of the same events on the local log or on Kafka. A
replay of records that lie on a log already keeps their topic, partitions and offsets.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from andon.report import RunReport, write_report
from models.evaluation import Prequential, report_together
from models.label_free import Waiting, expected
from models.plain_state import State
from stream.codec import encode
from stream.effects import Effect, PutAside, Raised, Scored
from stream.events import Event
from stream.line import Line
from stream.log import Record
from stream.partitioner import partition_for
from stream.task import Task, TaskSettings

RISKS_FILE = "risks.jsonl"
ALERTS_FILE = "alerts.jsonl"

_JOURNEYS = {
    "measurement.duplicate": "duplicate",
    "measurement.rework": "rework",
    "measurement.stale": "stale",
    "measurement.late": "late",
    "result.corrected": "corrected",
    "result.orphan": "orphan",
    "result.repeated": "repeated",
    "part.expired": "expired",
}


def as_records(events: Iterable[Event], topic: str, partitions: int) -> Iterator[Record]:
    """The records that a fresh topic would hold after these events.

    >>> from datetime import UTC
    >>> from stream.events import Tick
    >>> tick = Tick(line="body-A", at=datetime(2026, 1, 5, tzinfo=UTC))
    >>> [(record.partition, record.offset) for record in as_records([tick, tick], "t", 4)]
    [(2, 0), (2, 1)]
    """
    offsets = [0] * partitions
    places: dict[str, tuple[bytes, int]] = {}
    for event in events:
        place = places.get(event.line)
        if place is None:
            key = event.line.encode()
            place = places[event.line] = (key, partition_for(key, partitions))
        key, at = place
        yield Record(topic, at, offsets[at], key, encode(event))
        offsets[at] += 1


@dataclass
class _Counts:
    events: Counter[str] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)


class Replay:
    """One run over history.

    Parameters
    ----------
    task
        What the detector is made of.
    partitions
        Of the topic that a replay of events behaves as.
    draws
        Bootstrap draws for the intervals of the figures, 0 for none.
    trained
        What lines have learnt before (`andon.training`), by name.
    warm_up_until
        Events before this time are learnt from and not reported; None reports all.
    """

    def __init__(
        self,
        task: TaskSettings,
        partitions: int = 4,
        draws: int = 200,
        *,
        trained: Mapping[str, State] | None = None,
        warm_up_until: datetime | None = None,
    ) -> None:
        # A replay's figures speak of its whole history.
        self.settings = replace(task, line=replace(task.line, evaluated_parts=None))
        self.partitions = partitions
        self.draws = draws
        self.tasks: dict[int, Task] = {}
        self._trained = trained or {}
        self._warm_up_until = warm_up_until

    @property
    def lines(self) -> dict[str, Line]:
        """The lines met so far, by name."""
        found = {name: line for task in self.tasks.values() for name, line in task.lines.items()}
        return dict(sorted(found.items()))

    def run(
        self,
        events: Iterable[Event],
        out: Path | None,
        *,
        source: str = "",
        on_progress: Callable[[int], None] | None = None,
    ) -> RunReport:
        """Replay ``events`` and write ``risks.jsonl``, ``alerts.jsonl`` and ``report.json``.

        ``out`` None writes nothing. ``on_progress`` is told the number of events, now and then.
        """
        records = as_records(events, self.settings.topic, self.partitions)
        return self.run_records(records, out, source=source, on_progress=on_progress)

    def run_records(
        self,
        records: Iterable[Record],
        out: Path | None,
        *,
        source: str = "",
        on_progress: Callable[[int], None] | None = None,
    ) -> RunReport:
        """`run` over records that lie on a log already; they keep their places."""
        counts = _Counts()
        began = time.perf_counter()
        with ExitStack() as files:
            write = _writer(out, files)
            reporting = self._warm_up_until is None
            for number, (task, effects) in enumerate(self._processed(records), start=1):
                event = task.last
                if not reporting:
                    reporting = self._warmed_up(None if event is None else event.at)
                    if reporting:
                        self._forget_figures()
                if event is not None:
                    counts.events[event.type] += 1
                for effect in effects:
                    if isinstance(effect, PutAside):
                        counts.letters[effect.letter.error] += 1
                    elif reporting:
                        write(effect)
                        if isinstance(effect, Raised):
                            counts.alerts[effect.alert.type] += 1
                if on_progress is not None and number % 1000 == 0:
                    on_progress(number)
        report = self._report(counts, time.perf_counter() - began, source)
        if out is not None:
            write_report(out, report)
        return report

    def _processed(self, records: Iterable[Record]) -> Iterator[tuple[Task, list[Effect]]]:
        for partition, some in groupby(records, key=attrgetter("partition")):
            task = self.tasks.get(partition)
            if task is None:
                task = self.tasks[partition] = Task(partition, self.settings, self._trained)
            for _, effects in task.process_all(some):
                yield task, effects

    def _warmed_up(self, at: datetime | None) -> bool:
        return at is not None and self._warm_up_until is not None and at >= self._warm_up_until

    def _forget_figures(self) -> None:
        budget = self.settings.line.alarms.budget
        for line in self.lines.values():
            line.evaluation = Prequential(budget=budget)

    def _report(self, counts: _Counts, seconds: float, source: str) -> RunReport:
        lines = self.lines
        budget = self.settings.line.alarms.budget
        evaluations = {name: line.evaluation for name, line in lines.items()}
        # Of no line at all there are figures too: empty ones.
        pooled = evaluations or {"": Prequential(budget=budget)}
        of_lines: Counter[str] = Counter()
        for line in lines.values():
            of_lines.update(line.counts)
        return RunReport(
            overall=report_together(pooled, draws=self.draws),
            lines={name: evaluation.report() for name, evaluation in evaluations.items()},
            waiting=expected(Waiting.joined([line.waiting() for line in lines.values()]), budget),
            lines_waiting={name: expected(line.waiting(), budget) for name, line in lines.items()},
            members={
                name: found for name, line in lines.items() if (found := line.detector.members())
            },
            seconds=seconds,
            source=source,
            model=self.settings.line.detector.model,
            settings=fingerprint(self.settings),
            events=dict(sorted(counts.events.items())),
            alerts=dict(sorted(counts.alerts.items())),
            dead_letters=dict(sorted(counts.letters.items())),
            journeys={_JOURNEYS[key]: of_lines[key] for key in sorted(_JOURNEYS)},
        )


def _writer(out: Path | None, files: ExitStack) -> Callable[[Scored | Raised], None]:
    if out is None:
        return lambda effect: None
    out.mkdir(parents=True, exist_ok=True)
    risks = files.enter_context((out / RISKS_FILE).open("wb"))
    alerts = files.enter_context((out / ALERTS_FILE).open("wb"))

    def write(effect: Scored | Raised) -> None:
        if isinstance(effect, Scored):
            risks.write(effect.to_json() + b"\n")
        else:
            alerts.write(effect.alert.to_json() + b"\n")

    return write


def fingerprint(settings: TaskSettings) -> str:
    """A short name for everything that the task's behaviour depends on besides its events.

    >>> fingerprint(TaskSettings()) == fingerprint(TaskSettings())
    True
    """
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:12]
