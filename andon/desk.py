"""What the commands do with history: replay it, train on it, put it on a log.

A history is some files, or a topic of the log from one place or time to another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from alerts.explanation import Explanation
from andon.bad_input import BadInput
from andon.build import input_limits, opened_log, ready_log, task_settings
from andon.explaining import Asked, explained, explained_on_its_line, unknown
from andon.history import History
from andon.log_history import Bound, LogHistory
from andon.monitoring import producer_monitor
from andon.part_search import look_for
from andon.replay import Replay, as_records, fingerprint
from andon.report import RunReport, summary, write_report
from andon.settings import Settings
from andon.snapshots import Snapshots
from andon.terminal import Meter, Stop, metered
from andon.training import load_trained, save_trained
from andon.trials import Trials
from andon.tuned import Tuned
from andon.tuning import Search, tuned
from producers.pace import Pace
from producers.publish import publish
from stream.codec import InputLimits, Rejected, decode
from stream.errors import ConfigError
from stream.events import Event
from stream.log import Record, TopicSpec
from stream.task import TaskSettings

BAD_FILE = "bad.jsonl"


@dataclass(frozen=True)
class Source:
    """Files, with the map of those that are tables; or a topic, from ``start`` to ``stop``.

    Raises `ConfigError` for both or neither.
    """

    paths: Sequence[Path] = ()
    table_map: Path | None = None
    topic: str | None = None
    start: Bound | None = None
    stop: Bound | None = None

    def __post_init__(self) -> None:
        if bool(self.paths) == (self.topic is not None):
            found = "both are given" if self.paths else "neither is given"
            raise ConfigError(
                f"SOURCE and --topic: {found}: name files, or a topic of the log (--help shows "
                f"examples)"
            )
        if self.paths and (self.start is not None or self.stop is not None):
            raise ConfigError("--start and --stop bound a --topic: leave them out for files")

    def __str__(self) -> str:
        return self.topic or ", ".join(path.name for path in self.paths)


def replay(
    settings: Settings,
    source: Source,
    to: Path,
    *,
    warm_up_until: datetime | None = None,
    stop: Stop,
) -> tuple[str, dict[str, Any]]:
    """Run history through the detector; answers the summary and the content of report.json."""
    with BadInput(to / BAD_FILE) as bad:
        _, report = _run(settings, source, to, bad, warm_up_until, stop)
    if stop.cut:
        report = replace(report, source=f"{source} (stopped before its end)")
        write_report(to, report)
    lines = [summary(report), f"risks, alerts and report: {to}"]
    if bad.count:
        lines.append(f"{bad.count:,} cells or rows could not be used: {to / BAD_FILE}")
    return "\n".join(lines), report.to_dict()


def train(
    settings: Settings, source: Source, to: Path, *, stop: Stop
) -> tuple[str, dict[str, Any]]:
    """Learn from history and keep what was learnt; answers a summary and the same for a script.

    A training that was stopped keeps nothing.
    """
    with BadInput(None) as bad:
        desk, report = _run(settings, source, None, bad, None, stop)
    if stop.cut:
        return "nothing was kept", {"file": None}
    size = save_trained(to, desk.lines, desk.settings.line.detector, str(source))
    lines = {
        name: {"fails": line.detector.fails, "passes": line.detector.passes}
        for name, line in desk.lines.items()
    }
    text = (
        f"{summary(report)}\n"
        f"learnt: {to} ({size / 1024:,.0f} KiB)\n"
        f'To start from it: detector.trained = "{to}" in the settings, or andon replay '
        f"--from-checkpoint {to}"
    )
    return text, {"file": str(to), "bytes": size, "lines": lines, "report": report.to_dict()}


def tune(
    settings: Settings, source: Source, trials: Path, search: Search, *, stop: Stop
) -> Tuned | None:
    """Choose settings on the first part of history and judge them on the rest; None if stopped."""
    task = _task_settings(settings, source)
    again = _Opener(settings, source, stop)

    @contextmanager
    def opened(told: str) -> Iterator[Iterable[Record]]:
        with again(told, quiet=told != "reading") as (records, meter):
            yield meter.counted(records)

    count, digest = 0, hashlib.sha256()
    with opened("reading") as records:
        for record in records:
            count += 1
            digest.update(record.value or b"")
    if stop.cut:
        return None
    depends = {
        "source": digest.hexdigest()[:16],
        "settings": fingerprint(task),
        "version": version("andon"),
    }
    kept = Trials(trials, depends)
    return tuned(task, settings.topics.partitions, count, opened, kept, search)


def explain(
    settings: Settings, source: Source, asked: Asked, kept: Path | None = None, *, stop: Stop
) -> Explanation | None:
    """Replay history up to a part's result, and tell its journey; None if that was stopped.

    A topic is looked through for the part first, so that its line alone is replayed; with ``kept``,
    the folder of snapshots, files are too. Raises `ConfigError` for a part of which the history
    holds no journey.
    """
    task = _task_settings(settings, source)
    trained = load_trained(settings.detector.trained, task.line.detector)
    snapshots = None if kept is None else Snapshots(kept, task, trained)
    opened = _Opener(settings, source, stop)
    biography = None
    if source.topic is not None or snapshots is not None:
        with opened("looking for the part", quiet=True) as (records, meter):
            look = look_for(asked.part, asked.line, meter.counted(records), task)
        if look.found is None and look.told and not stop.cut:
            with opened("looking for its like", quiet=True) as (records, meter):
                refusal = unknown(meter.counted(records), task, asked, str(source))
            if not stop.cut:
                raise refusal
        if look.found is not None and not stop.cut:
            with opened("replaying") as (records, meter):
                biography = explained_on_its_line(
                    records, task, trained, asked, look.found, snapshots, on_progress=meter.events
                )
            if not biography.generations:  # measured, and not so that it counted
                biography = None
    if biography is None and not stop.cut:
        with opened("replaying") as (records, meter):
            biography = explained(records, task, trained, asked, on_progress=meter.events)
    return None if stop.cut or biography is None else biography.told(str(source))


def produce(
    settings: Settings, source: Source, to: str | None, speed: float | None, *, stop: Stop
) -> dict[str, Any]:
    """Put history onto the log: onto the events topic, or another, made as that one is."""
    topic = to or settings.topics.events
    if topic == source.topic:
        raise ConfigError(f"--to {topic} is the topic that is read: name another one")
    with ExitStack() as stack:
        monitor = stack.enter_context(producer_monitor(settings, "produce"))
        meter = stack.enter_context(metered("producing"))
        bad = stack.enter_context(BadInput(None, monitor.unusable))
        history: Iterable[Event]
        if source.topic is None:
            # Before the log is opened: a wrong map is then told at once.
            history = _files(settings, source, bad, meter)
            event_log = stack.enter_context(ready_log(settings))
        else:
            event_log = stack.enter_context(ready_log(settings))
            records = LogHistory(event_log, source.topic, source.start, source.stop)
            history = _of_log(records, input_limits(settings), bad)
        if topic != settings.topics.events:
            event_log.create_topics([TopicSpec(topic, settings.topics.partitions)])
        count = publish(
            event_log,
            topic,
            meter.counted(monitor.events(stop.until(history))),
            pace=Pace(speed, sleep=monitor.resting(stop.wait)),
        )
    return {"events": count, "bad": bad.count, "to": topic}


def _run(
    settings: Settings,
    source: Source,
    to: Path | None,
    bad: BadInput,
    warm_up_until: datetime | None,
    stop: Stop,
) -> tuple[Replay, RunReport]:
    task = _task_settings(settings, source)
    desk = Replay(
        task,
        settings.topics.partitions,
        trained=load_trained(settings.detector.trained, task.line.detector),
        warm_up_until=warm_up_until,
    )
    with ExitStack() as stack:
        meter = stack.enter_context(metered("replaying"))
        records = _records(settings, source, bad, meter, stack)
        report = desk.run_records(
            stop.until(records), to, source=str(source), on_progress=meter.events
        )
    return desk, report


def _task_settings(settings: Settings, source: Source) -> TaskSettings:
    """A topic's records keep the ids of their alerts."""
    task = task_settings(settings)
    return task if source.topic is None else replace(task, topic=source.topic)


class _Opener:
    """Opens the records again and again, told what for; ``quiet`` logs nothing of bad input."""

    def __init__(self, settings: Settings, source: Source, stop: Stop) -> None:
        self._settings, self._source, self._stop = settings, source, stop

    @contextmanager
    def __call__(
        self, told: str, *, quiet: bool = False
    ) -> Iterator[tuple[Iterator[Record], Meter]]:
        with BadInput(None, quiet=quiet) as bad, ExitStack() as stack:
            meter = stack.enter_context(metered(told))
            records = _records(self._settings, self._source, bad, meter, stack)
            yield self._stop.until(records), meter


def _records(
    settings: Settings, source: Source, bad: BadInput, meter: Meter, stack: ExitStack
) -> Iterator[Record]:
    """The source's records, of which there is one at least; ``stack`` closes their log."""
    topics = settings.topics
    if source.topic is None:
        records = as_records(_files(settings, source, bad, meter), topics.events, topics.partitions)
    else:
        event_log = stack.enter_context(opened_log(settings))
        history = LogHistory(event_log, source.topic, source.start, source.stop)
        records = meter.of(history, history.records)
    first = next(records, None)
    if first is None:
        raise ConfigError(f"{source}: no event could be read{bad.where()}: give another history")
    return chain([first], records)


def _files(settings: Settings, source: Source, bad: BadInput, meter: Meter) -> Iterable[Event]:
    return History(
        source.paths,
        source.table_map,
        on_bad=bad.add,
        on_bytes=meter.bytes,
        limits=input_limits(settings),
    )


def _of_log(records: Iterable[Record], limits: InputLimits, bad: BadInput) -> Iterator[Event]:
    for record in records:
        event = decode(record.key, record.value, limits)
        if isinstance(event, Rejected):
            bad.add(f"{record.topic}[{record.partition}] offset {record.offset}", event.message)
        else:
            yield event
