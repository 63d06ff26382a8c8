"""The watch over a line without its detector: readings in, the line's own alarms out, quickly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from alerts.alarms import Alarms
from alerts.alert import Alert
from models.features import FeatureCatalogue
from models.part_row import PartRow
from stream.events import Event, Measurement, Result
from stream.line_watch import LineWatch, WatchSettings


class Told(NamedTuple):
    """An alarm of the line, and how many parts had come onto it by then."""

    parts: int
    alert: Alert


class WatchedLine:
    """One line's watch; `take` answers what it says about an event."""

    def __init__(self, settings: WatchSettings | None = None) -> None:
        self.catalogue = FeatureCatalogue()
        self.alarms = Alarms()
        self.watch = LineWatch("A", settings or WatchSettings(), self.catalogue, self.alarms)
        self.opened = 0
        self._rows: dict[str, tuple[int, PartRow]] = {}
        self._said = 0

    def _identify(self, rule: str, subject: str) -> str:
        self._said += 1
        return f"{rule}/{self._said}"

    def take(self, event: Event) -> list[Told]:
        now = event.at.timestamp()
        alerts: list[Alert] = []
        if isinstance(event, Measurement):
            if event.part not in self._rows:
                self._rows[event.part] = self.opened, PartRow()
                self.opened += 1
            number, row = self._rows[event.part]
            row, _ = self.catalogue.encode(row, event.station, now, event.values)
            self._rows[event.part] = number, row
            settled, _ = self.catalogue.meet(event.station, event.values)
            alerts = self.watch.measured(
                row, event.station, settled, event.at, now, self.opened, self._identify
            )
        elif isinstance(event, Result) and event.part in self._rows:
            number, row = self._rows.pop(event.part)
            fail = event.outcome == "fail"
            alerts = self.watch.tested(
                row, number, fail, [], 0, event.at, now, self.opened, self._identify
            )
        return [Told(self.opened, alert) for alert in alerts]

    def take_all(self, events: Iterable[Event]) -> list[Told]:
        return [told for event in events for told in self.take(event)]
