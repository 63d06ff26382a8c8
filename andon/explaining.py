"""Telling one part's journey: a witness of its line while history goes by.

History goes through the same tasks as in a replay, up to the part's result. The explanation is made
as the part's events are scored, from what the detector knew then, and of no other part: an
explanation costs as much as ten scores.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from alerts.alert import Alert, Cell, Evidence
from alerts.explanation import AlertNote, Explanation, Missing, MissingCell, Outcome, Step
from andon import part_search
from andon.mistakes import plain
from andon.part_search import Found, Prefix
from andon.snapshots import Snapshots
from models.columns import Input
from models.detector import Verdict
from models.part_row import PartRow
from models.plain_state import State
from stream.codec import decode
from stream.effects import Effect, Raised
from stream.errors import ConfigError
from stream.events import Measurement, Result
from stream.journey import Journey
from stream.ledger import Joined
from stream.line import Line
from stream.log import Record
from stream.part_alert import is_fragile
from stream.reasoning import as_reason
from stream.task import Task, TaskSettings

_NAMES_KEPT = 200_000
_RESTS_ON = 3


@dataclass(frozen=True)
class Asked:
    """Which journey is asked for: ``line`` None takes the first line on which the part is met;
    ``generation`` counts how often the part had come before. ``top`` moves are told of each event.
    """

    part: str
    line: str | None = None
    generation: int = 0
    top: int = 5


@dataclass
class Biography:
    """A `stream.line.Witness` that takes down what happens to one part."""

    asked: Asked
    line: Line | None = None
    steps: list[Step] = field(default_factory=list)
    result: Outcome | None = None
    done: bool = False
    generations: int = 0
    read_from: int = 0
    _known: dict[str, None] = field(default_factory=dict)
    _lines: dict[str, None] = field(default_factory=dict)
    _row: PartRow = field(default_factory=PartRow)
    _visited: set[str] = field(default_factory=set)
    _why: dict[Input, str] = field(default_factory=dict)

    def scored(self, line: Line, event: Measurement, journey: Journey, verdict: Verdict) -> None:
        """Of the part that is asked for: what moved its risk, from what is known now."""
        asked = self.asked
        if event.part != asked.part:
            self.measured(event)
            return
        if not self._is_asked(line, journey.generation) or self.done:
            return
        self.line = line
        row = line.detector.catalogue.grown(journey.row)
        for cell in line.detector.missing(row).dropped:
            if cell.station == event.station:
                self._why[cell] = _why(line, event, cell)
        self.steps.append(self._step(line, event, row, verdict))
        self._visited.add(event.station)
        # A copy, as the journey's own row is written on in place.
        self._row = PartRow(row.x.copy(), row.state.copy(), row.visited_at.copy())

    def measured(self, event: Measurement) -> None:
        """Some part, of which the name and the line may be worth telling."""
        if event.part == self.asked.part:
            self._lines[event.line] = None
        elif len(self._known) < _NAMES_KEPT:
            self._known[event.part] = None

    def tested(self, line: Line, event: Result, joined: Joined) -> None:
        """The part's result ends its story."""
        outcome = joined.outcome
        if event.part != self.asked.part or outcome is None or not joined.closed:
            return
        if self._is_asked(line, outcome.generation) and self.steps:
            self.result = Outcome(
                at=event.at, outcome=event.outcome, test=event.test, reason=event.reason
            )
            self.done = True

    def raised(self, alert: Alert) -> None:
        """An alert; one of the part belongs to its last event."""
        if self.line is None or (alert.line, alert.part) != (self.line.name, self.asked.part):
            return
        note = AlertNote(id=alert.id, type=alert.type, severity=alert.severity, reason=alert.reason)
        last = self.steps[-1]
        self.steps[-1] = last.model_copy(update={"alerts": (*last.alerts, note)})

    def told(self, source: str) -> Explanation:
        """The whole story; raises `ConfigError` if the part was not met."""
        if self.line is None:
            raise ConfigError(self.unknown(source))
        found = self.line.detector.missing(self._row)
        return Explanation(
            line=self.line.name,
            part=self.asked.part,
            generation=self.asked.generation,
            model=self.line.detector.settings.model,
            source=source,
            steps=tuple(self.steps),
            missing=Missing(
                dropped=self._missing_cells(found.dropped),
                saturated=_pinned(found.saturated),
                left_out=_cells(found.left_out),
                skipped=found.passed_by,
                not_reached=found.ahead,
            ),
            result=self.result,
            read_from=self.read_from,
        )

    def _is_asked(self, line: Line, generation: int) -> bool:
        self._lines[line.name] = None
        if (self.asked.line or line.name) != line.name:
            return False
        if self.line is not None and self.line is not line:
            return False
        self.generations = max(self.generations, generation + 1)
        return generation == self.asked.generation

    def _step(self, line: Line, event: Measurement, row: PartRow, verdict: Verdict) -> Step:
        detector, threshold = line.detector, line.operating_point.threshold
        fragile = is_fragile(verdict, threshold) if verdict.trained else None
        missing = detector.missing(row)
        here = [cell for cell in missing.dropped if cell.station == event.station]
        pinned = [cell for cell in missing.saturated if cell.station == event.station]
        step = Step(
            at=event.at,
            station=event.station,
            again=event.station in self._visited,
            risk=verdict.risk,
            interval=verdict.interval,
            trained=verdict.trained,
            threshold=threshold if verdict.trained else None,
            fragile=fragile,
            rests_on=_cells(detector.rests_on(row, _RESTS_ON)) if fragile else (),
            dropped=self._missing_cells(here),
            saturated=_pinned(pinned),
            evidence=Evidence(imputed=detector.imputed(row), **detector.counts(row)._asdict()),
        )
        now = detector.attribute(row)
        # The part as it was, in the eyes of the detector as it is now: what differs is the reading.
        before = detector.attribute(self._row)
        if now is None or before is None or not verdict.trained:
            return step
        moves = now.minus(before)
        moved = detector.describe(row, moves, self.asked.top)
        known = self.steps[-1].log_odds if self.steps else None
        whole = now.log_odds - before.log_odds
        return step.model_copy(
            update={
                "log_odds": now.log_odds,
                "learnt": 0.0 if known is None else before.log_odds - known,
                "moved": tuple(as_reason(each) for each in moved),
                "others": whole - math.fsum(each.amount for each in moved),
            }
        )

    def _missing_cells(self, cells: Iterable[Input]) -> tuple[MissingCell, ...]:
        return tuple(
            MissingCell.model_validate(
                {"station": c.station, "feature": c.feature, "why": self._why.get(c, "null")}
            )
            for c in cells
        )

    def unknown(self, source: str) -> str:
        """Why there is nothing to tell, and what could be asked for instead."""
        asked = self.asked
        part, where = plain(asked.part), plain(source)
        if self.generations:
            last = self.generations - 1
            known = f"0 to {last}" if last else "0 alone"
            return (
                f"part {part} has no generation {asked.generation} in {where}: --generation takes "
                f"{known}"
            )
        if self._lines:
            lines = ", ".join(map(plain, self._lines))
            return f"part {part} was not on line {plain(asked.line or '')}: --line takes {lines}"
        near = _near(asked.part, self._known)
        remedy = f"did you mean {', '.join(map(plain, near))}?" if near else "give another one"
        if self.read_from:
            where += f", of which the events before offset {self.read_from} were not read"
        return f"part {part} was measured nowhere in {where}: {remedy}"


def explained(
    records: Iterable[Record],
    settings: TaskSettings,
    trained: Mapping[str, State] | None,
    asked: Asked,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Biography:
    """What happened to one part, from records up to its result, or to their end."""
    witness = Biography(asked)
    tasks: dict[int, Task] = {}
    first: dict[int, int] = {}
    for number, record in enumerate(records, start=1):
        task = tasks.get(record.partition)
        if task is None:
            task = tasks[record.partition] = Task(record.partition, settings, trained, witness)
            first[record.partition] = record.offset
            if witness.line is None:
                witness.read_from = max(first.values())
        before = witness.line
        _tell(witness, task.process(record))
        if witness.line is not before:
            witness.read_from = first[record.partition]
        if on_progress is not None and number % 1000 == 0:
            on_progress(number)
        if witness.done:
            break
    return witness


def explained_on_its_line(
    records: Iterable[Record],
    settings: TaskSettings,
    trained: Mapping[str, State] | None,
    asked: Asked,
    found: Found,
    snapshots: Snapshots | None = None,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Biography:
    """`explained`, from the records of the part's line alone and the newest snapshot before it.

    Tells the same, to the bit; keeps the snapshots that are missing on the way.
    """
    witness = Biography(asked, read_from=found.read_from)
    task = Task(found.partition, settings, trained, witness)
    known, state = (0, None) if snapshots is None else snapshots.newest(found.marks)
    if state is not None:
        task.restore(state)
    prefix = Prefix()
    for number, record in enumerate(records, start=1):
        if on_progress is not None and number % 1000 == 0:
            on_progress(number)
        if record not in found:
            continue
        prefix.add(record)
        if prefix.count <= known:
            continue
        _tell(witness, task.process(record))
        if witness.done:
            break
        if snapshots is not None and prefix.count % part_search.MARK_EVERY == 0:
            snapshots.keep(prefix.mark(), task)
    return witness


def unknown(
    records: Iterable[Record], settings: TaskSettings, asked: Asked, source: str
) -> ConfigError:
    """Why a part that is not measured (on the line asked for) cannot be explained."""
    witness = Biography(asked)
    first: dict[int, int] = {}
    for record in records:
        first.setdefault(record.partition, record.offset)
        event = decode(record.key, record.value, settings.limits)
        if isinstance(event, Measurement):
            witness.measured(event)
    witness.read_from = max(first.values(), default=0)
    return ConfigError(witness.unknown(source))


def _tell(witness: Biography, effects: Iterable[Effect]) -> None:
    for effect in effects:
        if isinstance(effect, Raised):
            witness.raised(effect.alert)


def _why(line: Line, event: Measurement, cell: Input) -> str:
    """Why a cell of the event's station counts as dropped, as far as was known before the event."""
    if event.values.get(cell.feature) is not None:
        return "kind"
    column = line.detector.catalogue.columns.stations[cell.station].columns[cell.feature]
    return "dead" if line.watch.is_dead(column) else "null"


def _near(part: str, known: Iterable[str]) -> list[str]:
    """Of the serial numbers that look alike, those that begin alike for longest.

    >>> _near("P-012", ["P-0112", "P-0012", "P-0912", "other"])
    ['P-0112', 'P-0912', 'P-0012']
    """
    alike = difflib.get_close_matches(part, known, n=50, cutoff=0.6)
    return sorted(alike, key=lambda each: -_alike(part, each))[:3]


def _alike(one: str, other: str) -> int:
    """How many characters are the same at the beginning of both."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _cells(cells: Iterable[Input]) -> tuple[Cell, ...]:
    return tuple(Cell(station=cell.station, feature=cell.feature) for cell in cells)


def _pinned(cells: Iterable[Input]) -> tuple[MissingCell, ...]:
    return tuple(MissingCell(station=c.station, feature=c.feature, why="limit") for c in cells)
