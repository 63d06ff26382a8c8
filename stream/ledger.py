"""The ledger: predictions waiting for their results, and the results that may still be corrected.

Every part that has been measured is here until its result comes or it expires; then its figures
stay for as long as a corrected result may come. What a result is to the ledger:

- *result*: the first deciding outcome of a part that was measured;
- *corrected*: later evidence changed the outcome (a higher revision; without revisions a later
  ``at``; several tests: fail if any test says fail, or the configured test alone);
- *repeated*: it says nothing new; *superseded*: newer evidence of the same test has come before, or
  the part has results of 256 tests already;
- *orphan*: no part of that serial number was measured; kept, so that measurements that come after
  it are known to be late;
- *undecided*: another test than the configured one, or a part that was not tested.

A serial number that is measured again more than 24 hours after its result opens a new generation;
sooner the measurement is *late*. A part without a result *expires* a week after its last event.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum

from stream.events import Measurement, Result
from stream.journey import Journey
from stream.watermark import JUMP_SECONDS

JOURNEYS_KEPT = 2_000
# Names of tests that one part's results may bring, whatever is sent.
TESTS_KEPT = 256
Evidence = tuple[tuple[int, float], str]


@dataclass(frozen=True)
class LedgerSettings:
    """Bounds and rules; times in hours.

    ``label_test`` names the test whose outcome counts, "" for any test. Beyond ``open_parts`` the
    part that was touched longest ago is evicted; outcomes beyond ``kept_outcomes`` are forgotten.
    """

    expire_hours: float = 168.0
    late_hours: float = 24.0
    open_parts: int = 200_000
    kept_outcomes: int = 200_000
    label_test: str = ""


class Joining(StrEnum):
    """What a result is to the ledger."""

    RESULT = "result"
    CORRECTED = "corrected"
    REPEATED = "repeated"
    SUPERSEDED = "superseded"
    ORPHAN = "orphan"
    UNDECIDED = "undecided"


@dataclass(slots=True)
class Outcome:
    """What is known of a part after its first result.

    ``fail`` is None while the part is untested, ``measured`` False for an orphan; ``journey`` stays
    for the most recent outcomes, so that a corrected one can be learnt.
    """

    part: str
    generation: int
    fail: bool | None
    result_at: float
    tests: dict[str, Evidence]
    measured: bool
    journey: Journey | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Joined:
    """A result and what it met.

    ``fail`` is the part's outcome now, None if there is none; ``closed`` says that the part's
    journey has ended with this result.
    """

    kind: Joining
    fail: bool | None
    outcome: Outcome | None
    closed: bool = False


class Ledger:
    """Open journeys by serial number, then outcomes.

    ``open`` holds journeys in the order in which they were touched, ``decided`` outcomes in the
    order in which they came, ``with_journey`` the most recent of these, with their journeys.
    ``evicted`` and ``forgotten`` count what the bounds have cost: parts and outcomes. Before the
    watermark has come to ``next_look``, `expire` finds nothing.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 1, 5, 8, tzinfo=UTC)
    >>> ledger = Ledger(LedgerSettings())
    >>> reading = Measurement(line="A", part="P-1", station="press", at=at, values={"torque": 1.5})
    >>> ledger.journey(reading, watermark=at.timestamp()).part
    'P-1'
    >>> ledger.join(Result(line="A", part="P-1", at=at, outcome="fail")).kind.value
    'result'
    >>> ledger.journey(reading, watermark=at.timestamp()) is None      # late
    True
    """

    def __init__(self, settings: LedgerSettings) -> None:
        self.settings = settings
        self.opened = 0
        self.evicted = 0
        self.forgotten = 0
        self.open: OrderedDict[str, Journey] = OrderedDict()
        self.decided: OrderedDict[str, Outcome] = OrderedDict()
        self.with_journey: deque[Outcome] = deque()
        # Until then the first of the open ones, as long as it is the first, stays.
        self.next_look = -math.inf
        self._first: Journey | None = None

    @property
    def open_parts(self) -> int:
        """How many parts wait for their result."""
        return len(self.open)

    @property
    def decided_parts(self) -> int:
        """How many outcomes are kept for corrections."""
        return len(self.decided)

    def journey(
        self, event: Measurement, watermark: float, at: float | None = None
    ) -> Journey | None:
        """The journey that a measurement belongs to, opened if need be; None if it is late.

        ``at`` is the event's time, if it is known already.
        """
        if at is None:
            at = event.at.timestamp()
        part = event.part
        journey = self.open.get(part)
        if journey is None:
            before = self.decided.get(part)
            if before is not None and at <= before.result_at + self.settings.late_hours * 3600.0:
                return None
            generation = 0 if before is None else before.generation + 1
            journey = Journey(part, generation, self.opened, at, watermark)
            self.open[part] = journey
            self.opened += 1
            if len(self.open) > self.settings.open_parts:
                self.next_look = -math.inf
        journey.touched_at, journey.last_at = watermark, at
        self.open.move_to_end(part)
        if journey is self._first:
            self.next_look = -math.inf
        return journey

    def find(self, part: str) -> Journey | None:
        """The open journey of a part."""
        return self.open.get(part)

    def open_journeys(self) -> list[Journey]:
        """All parts that wait for their result, the longest untouched first."""
        return list(self.open.values())

    def join(self, result: Result) -> Joined:
        """Lay a result beside its part."""
        at = result.at.timestamp()
        evidence = ((-1 if result.revision is None else result.revision, at), result.outcome)
        test = result.test or ""
        before = self.decided.get(result.part)
        journey = self.open.get(result.part)
        if journey is not None and before is not None and at < journey.opened_at:
            journey = None  # the result speaks of the generation before
        if journey is None:
            if before is not None:
                return self._correct(before, test, evidence)
            return self._orphan(result.part, at, test, evidence)
        if self._passed_over(journey.tests, test, evidence):
            return Joined(Joining.SUPERSEDED, None, None)
        journey.tests[test] = evidence
        if self.settings.label_test not in ("", test):
            return Joined(Joining.UNDECIDED, None, None)
        outcome = Outcome(
            result.part,
            journey.generation,
            self._label(journey.tests),
            at,
            journey.tests,
            measured=True,
            journey=journey,
        )
        del self.open[result.part]
        if journey is self._first:
            self.next_look = -math.inf
        self._keep(outcome)
        kind = Joining.UNDECIDED if outcome.fail is None else Joining.RESULT
        return Joined(kind, outcome.fail, outcome, closed=True)

    def expire(self, watermark: float) -> list[Journey]:
        """Take out the parts whose last event is too long ago, and those beyond the bound."""
        gone: list[Journey] = []
        if watermark < self.next_look:
            return gone
        self._first, self.next_look = None, -math.inf
        oldest = watermark - self.settings.expire_hours * 3600.0
        while self.open:
            part, journey = next(iter(self.open.items()))
            over = len(self.open) > self.settings.open_parts
            heard = _heard_of(journey, watermark)
            alive = heard >= oldest
            if alive and not over:
                # Less a second: the sum may be rounded otherwise than the difference.
                self._first, self.next_look = journey, heard + watermark - oldest - 1.0
                break
            self.evicted += over and alive
            del self.open[part]
            gone.append(journey)
        return gone

    def _correct(self, outcome: Outcome, test: str, evidence: Evidence) -> Joined:
        if self._passed_over(outcome.tests, test, evidence):
            return Joined(Joining.SUPERSEDED, None, outcome)
        outcome.tests[test] = evidence
        label = self._label(outcome.tests)
        if label == outcome.fail:
            return Joined(Joining.REPEATED, None, outcome)
        first = outcome.fail is None
        outcome.fail = label
        if not outcome.measured:
            return Joined(Joining.ORPHAN, label, outcome)
        return Joined(Joining.RESULT if first else Joining.CORRECTED, label, outcome)

    def _orphan(self, part: str, at: float, test: str, evidence: Evidence) -> Joined:
        tests = {test: evidence}
        outcome = Outcome(part, 0, self._label(tests), at, tests, measured=False)
        self._keep(outcome)
        return Joined(Joining.ORPHAN, outcome.fail, outcome)

    def _passed_over(self, tests: dict[str, Evidence], test: str, evidence: Evidence) -> bool:
        """Whether newer evidence of the test is there, or more tests than a part can have."""
        known = tests.get(test)
        if known is not None:
            return known[0] > evidence[0]
        return len(tests) >= TESTS_KEPT and test != self.settings.label_test

    def _label(self, tests: dict[str, Evidence]) -> bool | None:
        wanted = self.settings.label_test
        said = [outcome for test, (_, outcome) in tests.items() if wanted in ("", test)]
        if "fail" in said:
            return True
        return False if "pass" in said else None

    def _keep(self, outcome: Outcome) -> None:
        self.decided.pop(outcome.part, None)
        self.decided[outcome.part] = outcome
        while len(self.decided) > self.settings.kept_outcomes:
            self.decided.popitem(last=False)
            self.forgotten += 1
        if outcome.journey is not None:
            self.with_journey.append(outcome)
            if len(self.with_journey) > JOURNEYS_KEPT:
                self.with_journey.popleft().journey = None


def _heard_of(journey: Journey, watermark: float) -> float:
    """When a part was last heard of: by the line's clock then, or its own if it is believed now.

    The line's clock may have stood still while the part was among the first after a standstill.
    """
    # Before the line had a clock, a wild one may have stood in for it.
    journey.touched_at = min(journey.touched_at, watermark)
    if journey.last_at > watermark + JUMP_SECONDS:
        return journey.touched_at
    return max(journey.touched_at, journey.last_at)
