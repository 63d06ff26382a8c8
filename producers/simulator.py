"""A simulated production line whose causes of failure are known.

Parts are launched one takt after the other and travel together, so their measurements interleave;
results arrive hours later. The line is a function of its description and its seed: the same two
give the same events for ever, whoever asks, in whatever portions, and no clock is read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import NamedTuple

import numpy as np

from producers.draws import Draws, FloatArray, IntArray
from producers.line_spec import LineSpec
from producers.parts import LinePlan, PartBatch
from producers.sensors import Readings, Reporter, Sensors
from producers.targets import odds_for, sigmoid
from producers.truth import Memory, PartTruth, Told
from stream.events import SCHEMA_MAJOR, Event, Measurement, Result, Tick

BATCH = 64
"""Parts drawn at once. It is part of every version: another number gives other events."""

SHORTEST_DELAY = 0.25
"""No result comes sooner than this share of the mean delay."""

JITTER = 0.4
"""The longest lateness of a measurement, as a share of the line's shortest travel time."""


class _Due(NamedTuple):
    """An event and the place that its time gives it; the first three fields order a line."""

    ms: int
    launch: int
    visit: int
    event: Measurement | Result
    news: Told | None = None


class SimulatedLine:
    """A line that emits the events described by ``spec``, drawn from ``seed``.

    Parameters
    ----------
    spec
        The description, often from `producers.families.family`.
    seed
        Another seed gives other parts on the same line.
    remember
        Of how many parts, the last ones, the truth is kept; None keeps all.

    Examples
    --------
    >>> from producers.families import family
    >>> line = SimulatedLine(family("demo"), seed=1)
    >>> events = list(line.events(parts=40))
    >>> events[0].part, events[0].station, events[0].at.isoformat()
    ('P-0000001', 'OP10_cast', '2026-01-05T06:00:05.954000+00:00')
    >>> sum(event.type == "result" for event in events)
    40
    >>> line.truth("P-0000001").fail_probability < 0.5
    True
    """

    def __init__(self, spec: LineSpec, seed: int = 0, *, remember: int | None = None) -> None:
        self.spec = spec
        self.seed = seed
        self.odds = odds_for(spec)
        self._plan = LinePlan(spec)
        self._sensors = Sensors(self._plan)
        self._reporters = [Reporter(self._plan, block) for block in self._plan.blocks]
        self._jitter_ms = JITTER * 1000 * min(station.travel for station in spec.stations)
        self._memory = Memory(spec.causes, remember)

    def truth(self, part: str) -> PartTruth:
        """Why ``part`` passes or fails.

        Raises KeyError for a part of which no event was emitted yet, or that is forgotten.
        """
        return self._memory.truth(part)

    @property
    def remembered(self) -> int:
        """Of how many parts the truth is kept now."""
        return len(self._memory)

    def events(self, parts: int | None = None) -> Iterator[Event]:
        """The line from its start, in order of arrival: ``parts`` parts, or without end.

        The last results are waited for. ``at`` never decreases, except by the clock skew of a
        station; a silence longer than the description's ``tick`` is filled with ticks.
        """
        tick_ms = round(self.spec.tick * 1000)
        now = 0
        for due in self._in_order(parts):
            while due.ms - now > tick_ms:
                now += tick_ms
                yield Tick(line=self.spec.name, at=self._at(now))
            now = due.ms
            if due.news is not None:
                self._memory.tell(due.event.part, due.news)
            yield due.event

    def _in_order(self, parts: int | None) -> Iterator[_Due]:
        waiting: list[_Due] = []
        for batch in count():
            first = batch * BATCH
            if parts is not None and first >= parts:
                break
            arrived = self._batch(batch)
            if parts is not None and first + BATCH > parts:
                arrived = [due for due in arrived if due.launch < parts]
            waiting += arrived
            waiting.sort(key=_place)
            # What comes before the next launch can no longer be overtaken.
            ready = bisect_left(waiting, self.spec.launch_ms(first + BATCH), key=_ms)
            yield from waiting[:ready]
            del waiting[:ready]
        yield from waiting

    def _batch(self, batch: int) -> list[_Due]:
        spec = self.spec
        draws = Draws(
            "parts", spec.family, spec.version, spec.features, spec.structure, spec.name,
            self.seed, batch,
        )  # fmt: skip
        index = np.arange(batch * BATCH, (batch + 1) * BATCH)
        drawn = self._plan.draw(draws, index)
        shares = self.odds.gain * self._plan.contributions(drawn)
        chances = sigmoid(self.odds.intercept + shares.sum(axis=1))
        failed = draws.uniform(BATCH) < chances
        visits = self._visits_ms(draws, drawn)
        results = visits.max(axis=1) + self._delays_ms(draws)
        readings = self._sensors.read(draws, drawn)
        told = [
            Told(*one) for one in zip(failed.tolist(), chances.tolist(), list(shares), strict=True)
        ]
        names = [f"P-{i + 1:07d}" for i in index.tolist()]
        due = self._measurements(drawn, readings, visits, names, told)
        for row, (name, ms) in enumerate(zip(names, results.tolist(), strict=True)):
            result = Result.model_construct(
                v=SCHEMA_MAJOR, type="result", line=spec.name, part=name, at=self._at(ms),
                outcome="fail" if told[row].failed else "pass", test=spec.test, reason=None,
                revision=None,
            )  # fmt: skip
            due.append(_Due(ms, int(index[row]), len(self._plan.blocks), result))
        return due

    def _measurements(
        self,
        drawn: PartBatch,
        readings: Readings,
        visits: IntArray,
        names: list[str],
        told: list[Told],
    ) -> list[_Due]:
        first_visit = np.where(visits >= 0, visits, np.iinfo(np.int64).max).argmin(axis=1)
        due = []
        for place, (block, reporter) in enumerate(
            zip(self._plan.blocks, self._reporters, strict=True)
        ):
            rows = np.flatnonzero(visits[:, place] >= 0)
            skew = timedelta(seconds=block.station.clock_skew)
            values = reporter.report(drawn, readings, rows)
            times = visits[rows, place].tolist()
            for row, ms, cells in zip(rows.tolist(), times, values, strict=True):
                # Built without validation, which a simulator of valid events need not pay for.
                event = Measurement.model_construct(
                    v=SCHEMA_MAJOR, type="measurement", line=self.spec.name, part=names[row],
                    station=block.station.name, at=self._at(ms) + skew, values=cells, id=None,
                )  # fmt: skip
                news = told[row] if first_visit[row] == place else None
                due.append(_Due(ms, int(drawn.index[row]), place, event, news))
        return due

    def _visits_ms(self, draws: Draws, drawn: PartBatch) -> IntArray:
        """[n, blocks], milliseconds from the start of the line to each visit, -1 for none."""
        launches = np.array([self.spec.launch_ms(i) for i in drawn.index.tolist()])
        late = (draws.uniform(*drawn.seen.shape) * self._jitter_ms).astype(np.int64)
        visits = launches[:, None] + self._plan.offsets[drawn.route] + late
        return np.where(drawn.seen, visits, -1)

    def _delays_ms(self, draws: Draws) -> IntArray:
        spread = self.spec.delay_spread
        factor: FloatArray = np.exp(spread * draws.normal(BATCH) - spread * spread / 2.0)
        hours = self.spec.delay * np.maximum(factor, SHORTEST_DELAY)
        return np.round(hours * 3_600_000).astype(np.int64)

    def _at(self, ms: int) -> datetime:
        return self.spec.start + timedelta(milliseconds=ms)


def _ms(due: _Due) -> int:
    return due.ms


def _place(due: _Due) -> tuple[int, int, int]:
    return due[:3]
