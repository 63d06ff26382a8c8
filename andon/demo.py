"""The demo: a simulated line watched from its stations to a webhook, in one process.

Everything is the real thing on a small scale: the line's events go onto a local log, a worker
learns and raises alerts, a notifier delivers them over HTTP to a receiver that checks signatures.
Because the line is simulated, the causes of its failures are known, and the closing account can
say what was caught and what was missed.
"""

from __future__ import annotations

import base64
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from alerts.receiver import Received, Receiver
from andon.build import build_worker, built_notifier, opened_log, topic_specs
from andon.settings import Settings, load_settings
from producers.families import family
from producers.pace import Pace
from producers.publish import publish
from producers.simulator import SimulatedLine
from stream.effects import Effect, Raised, Scored
from stream.errors import AndonError
from stream.events import Event
from stream.line import Line, LineSettings
from stream.log import Record

_SECRET = "ANDON_DEMO_SECRET"  # noqa: S105 - the name of a variable
_RESULTS_S = 2.5 * 3600.0  # the last results come about so long after the last part
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class CauseAccount:
    """Of the fails that one cause explains best, how many had an alarm before their result."""

    cause: str
    station: str
    fails: int
    caught: int


@dataclass(frozen=True)
class DemoAccount:
    """What came of it; parts are counted from the first risk on."""

    parts: int
    fails: int
    untrained_parts: int
    alarmed_parts: int
    true_alarms: int
    random_would_catch: float
    alerts: int
    delivered: int
    refused_signatures: int
    minutes_early: float | None
    stations_early: float | None
    causes: tuple[CauseAccount, ...]
    events: int
    seconds: float

    def to_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return asdict(self)


class Demo:
    """One run of the demo.

    ``parts`` None runs until ``stop``; ``seconds`` is the wall time that the parts are spread
    over. ``on_alert`` hears of every delivered alert from the receiver's thread, ``on_progress``
    of the number of processed events.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        parts: int | None = 6000,
        seconds: float = 50.0,
        stop: threading.Event | None = None,
        on_start: Callable[[str], None] = lambda text: None,
        on_alert: Callable[[Received], None] = lambda received: None,
        on_progress: Callable[[int], None] = lambda events: None,
    ) -> None:
        self.line = SimulatedLine(family("demo"), seed=seed)
        self.parts = parts
        self.seconds = seconds
        self.stop = stop or threading.Event()
        self._on_start = on_start
        self._on_alert = on_alert
        self._on_progress = on_progress
        self._processed = 0
        self._alerts = 0
        self._alarmed: set[str] = set()
        self._scored: set[str] = set()
        self._failures: list[BaseException] = []

    def run(self) -> DemoAccount:
        """Run it all; raises what any of its threads raised."""
        began = time.monotonic()
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="andon-demo-")))
            secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
            receiver = stack.enter_context(Receiver([secret], on_alert=self._on_alert))
            settings = _settings(folder, receiver)
            event_log = stack.enter_context(opened_log(settings))
            event_log.create_topics(topic_specs(settings))
            worker = build_worker(settings, event_log, self._observe)
            # A notifier is a process of its own in a plant, and has its own hold on the log here.
            alert_log = stack.enter_context(opened_log(settings))
            notifier = stack.enter_context(built_notifier(settings, alert_log, {_SECRET: secret}))
            self._on_start(receiver.url)
            working, delivering = threading.Event(), threading.Event()
            threads = [
                self._thread("worker", lambda: worker.run(working.is_set)),
                self._thread("notifier", lambda: notifier.run(delivering)),
            ]
            try:
                pace = Pace(self.speed, sleep=self.stop.wait)
                published = publish(
                    event_log,
                    settings.topics.events,
                    self._until_stopped(),
                    pace=pace,
                )
                self._wait(lambda: self._processed >= published)
                self._wait(lambda: len(receiver.received) >= self._alerts)
            finally:
                working.set()
                delivering.set()
                for thread in threads:
                    thread.join(timeout=30.0)
            if self._failures:
                raise self._failures[0]
            lines = [line for task in worker.tasks for line in task.lines.values()]
            # A demo that is stopped at once has met no line.
            line = lines[0] if lines else Line(self.line.spec.name, LineSettings())
            return self._account(line, receiver, time.monotonic() - began)

    @property
    def speed(self) -> float:
        """How many times real speed the line runs at."""
        parts = self.parts or 6000
        return (parts * self.line.spec.takt + _RESULTS_S) / self.seconds

    def _until_stopped(self) -> Iterator[Event]:
        for event in self.line.events(self.parts):
            if self.stop.is_set():
                return
            yield event

    def _observe(self, record: Record, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Raised(alert):
                    self._alerts += 1
                    if alert.part is not None and alert.type == "part.at_risk":
                        self._alarmed.add(alert.part)
                case Scored() if effect.risk is not None:
                    self._scored.add(effect.part)
        # Last: whoever waits for this number counts the alerts then.
        self._processed += 1
        if self._processed % 100 == 0:
            self._on_progress(self._processed)

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # shown by run(), which is where the user looks
                self._failures.append(error)
                self.stop.set()

        thread = threading.Thread(target=guarded, name=f"andon-{name}", daemon=True)
        thread.start()
        return thread

    def _wait(self, done: Callable[[], bool]) -> None:
        over = time.monotonic() + _PATIENCE_S
        while not done() and not self._failures:
            if time.monotonic() > over:
                raise AndonError(
                    f"the demo did not finish: {self._processed} events processed, "
                    f"{self._alerts} alerts raised; is the machine very busy?"
                )
            time.sleep(0.05)

    def _account(self, line: Line, receiver: Receiver, seconds: float) -> DemoAccount:
        figures = line.evaluation.report()
        # Only parts that had a risk and have their result by now.
        parts = [part for part in sorted(self._scored) if f"{part}#0" in line.evaluation]
        failed = [part for part in parts if self.line.truth(part).outcome == "fail"]
        caught = [part for part in failed if part in self._alarmed]
        alarmed = sum(part in self._alarmed for part in parts)
        by_cause: Counter[tuple[str, str]] = Counter()
        caught_by_cause: Counter[tuple[str, str]] = Counter()
        for part in failed:
            cause = self.line.truth(part).main_cause
            key = ("bad luck", "") if cause is None else (cause.name, cause.station)
            by_cause[key] += 1
            caught_by_cause[key] += part in self._alarmed
        lead = figures.lead
        return DemoAccount(
            parts=len(parts),
            fails=len(failed),
            untrained_parts=figures.without_risk,
            alarmed_parts=alarmed,
            true_alarms=len(caught),
            random_would_catch=alarmed * len(failed) / len(parts) if parts else 0.0,
            alerts=self._alerts,
            delivered=len(receiver.received),
            refused_signatures=receiver.refused,
            minutes_early=None if lead.minutes is None else lead.minutes.median,
            stations_early=None if lead.stations is None else lead.stations.median,
            causes=tuple(
                CauseAccount(cause, station, fails, caught_by_cause[cause, station])
                for (cause, station), fails in by_cause.most_common()
            ),
            events=self._processed,
            seconds=seconds,
        )


def _settings(folder: Path, receiver: Receiver) -> Settings:
    return load_settings(
        None,
        {},
        {
            "log.path": str(folder / "andon.sqlite"),
            "notifier.outbox": str(folder / "outbox.sqlite"),
            "topics.partitions": 1,
            "endpoints": [
                {
                    "name": "demo-receiver",
                    "url": receiver.url,
                    "secrets_env": [_SECRET],
                    "allow_http": True,
                    "allow_networks": ["127.0.0.1=127.0.0.1/32"],
                }
            ],
        },
    )
