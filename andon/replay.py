"""The replay desk: history through the detector, without a broker.

A replay behaves as a fresh events topic with the configured partitions would: every event gets the
partition of its line and the next offset there, is encoded and decoded, and goes through the same
tasks. So its alerts, ids included, are those of the same events on the local log or on Kafka.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from andon.report import RunReport, write_report
from models.evaluation import report_together
from stream.codec import encode
from stream.effects import PutAside, Raised, Scored
from stream.events import Event
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


@dataclass(frozen=True)
class Replay:
    """What a replay is run with.

    ``draws`` is the number of bootstrap draws for the intervals of the figures, 0 for none.
    """

    task: TaskSettings
    partitions: int = 4
    draws: int = 200

    def run(
        self,
        events: Iterable[Event],
        out: Path,
        *,
        source: str = "",
        on_progress: Callable[[int], None] | None = None,
    ) -> RunReport:
        """Replay ``events`` and write ``risks.jsonl``, ``alerts.jsonl`` and ``report.json``.

        ``on_progress`` is told the number of events so far, now and then.
        """
        out.mkdir(parents=True, exist_ok=True)
        # A replay's figures speak of its whole history.
        settings = replace(self.task, line=replace(self.task.line, evaluated_parts=None))
        tasks = [Task(number, settings) for number in range(self.partitions)]
        kinds: Counter[str] = Counter()
        alerts: Counter[str] = Counter()
        letters: Counter[str] = Counter()
        offsets = [0] * self.partitions
        partition_of: dict[str, int] = {}
        began = time.perf_counter()
        with ExitStack() as files:
            risks: BinaryIO = files.enter_context((out / RISKS_FILE).open("wb"))
            said: BinaryIO = files.enter_context((out / ALERTS_FILE).open("wb"))
            for number, event in enumerate(events, start=1):
                kinds[event.type] += 1
                at = partition_of.get(event.line)
                if at is None:
                    at = partition_for(event.line.encode(), self.partitions)
                    partition_of[event.line] = at
                record = Record(settings.topic, at, offsets[at], event.line.encode(), encode(event))
                offsets[at] += 1
                for effect in tasks[at].process(record):
                    match effect:
                        case Scored():
                            risks.write(effect.to_json() + b"\n")
                        case Raised(alert):
                            alerts[alert.type] += 1
                            said.write(alert.to_json() + b"\n")
                        case PutAside(letter):
                            letters[letter.error] += 1
                if on_progress is not None and number % 1000 == 0:
                    on_progress(number)
        seconds = time.perf_counter() - began
        lines = {name: line for task in tasks for name, line in sorted(task.lines.items())}
        counts: Counter[str] = Counter()
        for line in lines.values():
            counts.update(line.counts)
        report = RunReport(
            overall=report_together(
                {name: line.evaluation for name, line in lines.items()}, draws=self.draws
            ),
            lines={name: line.evaluation.report() for name, line in sorted(lines.items())},
            seconds=seconds,
            source=source,
            model=settings.line.detector.model,
            settings=fingerprint(settings),
            events=dict(sorted(kinds.items())),
            alerts=dict(sorted(alerts.items())),
            dead_letters=dict(sorted(letters.items())),
            journeys={
                name: counts[key] for key, name in sorted(_JOURNEYS.items(), key=lambda kv: kv[1])
            },
        )
        write_report(out, report)
        return report


def fingerprint(settings: TaskSettings) -> str:
    """A short name for everything that the task's behaviour depends on besides its events.

    >>> fingerprint(TaskSettings()) == fingerprint(TaskSettings())
    True
    """
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:12]
