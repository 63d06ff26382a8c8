"""The laws of a detector: plain functions that raise AssertionError where one is broken.

Each takes a factory of fresh detectors and a stream of part journeys that is long enough for the
detector to be trained on half of it. Whatever learns inside a detector, these must hold.
"""

from __future__ import annotations

import gc
import math
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

from models.detector import Detector, Verdict
from models.kinds import Value
from models.part_journeys import PartJourney, Reading, Risks, follow
from models.part_row import PartRow
from models.plain_state import NoPlainState, State

Make = Callable[[], Detector]
Journeys = Sequence[PartJourney]

HOSTILE: tuple[Value, ...] = (1e308, -1e308, 5e-324, -0.0, 1e12, True, "text", None)


def check_scoring_changes_nothing(make: Make, journeys: Journeys) -> None:
    """A detector that is asked all the time gives, bit for bit, the verdicts of one asked seldom.

    The one that is asked seldom is asked of every third part, and of it once.
    """
    seldom, often = make(), make()
    for number, (readings, fail) in enumerate(journeys):
        quiet, row, verdict = PartRow(), PartRow(), Verdict(None, None, False)
        for left, (station, at, values) in zip(_countdown(readings), readings, strict=True):
            quiet, _ = seldom.encode(quiet, station, at, values)
            row, _ = often.encode(row, station, at, values)
            before = [cells.tobytes() for cells in (row.x, row.state, row.visited_at)]
            for _ in range(2):
                verdict = often.score(row)
                often.explain(row, 3)
                often.counts(row)
            after = [cells.tobytes() for cells in (row.x, row.state, row.visited_at)]
            _must(before == after, f"scoring part {number} at {station!r} changed its cells")
            if not left and number % 3 == 0:
                once = seldom.score(quiet)
                _must(once == verdict, f"part {number}: {verdict}; asked but once a part: {once}")
            seldom.observe(quiet, station, values)
            often.observe(row, station, values)
        if fail is not None:
            seldom.learn(quiet, fail, verdict.margin)
            often.learn(row, fail, verdict.margin)
        seldom.close(quiet)
        often.close(row)
    _must(often.trained, "the detector stayed untrained: give a longer stream")


def check_reading_at_once_is_the_same(make: Make, journeys: Journeys) -> None:
    """A reading that is written and scored in one go gives, bit for bit, what two steps give."""
    apart, at_once = make(), make()
    for number, (readings, fail) in enumerate(journeys):
        one, other = PartRow(), PartRow()
        verdict = Verdict(None, None, False)
        for station, at, values in readings:
            one, wrong = apart.encode(one, station, at, values)
            verdict = apart.score(one)
            reading, found = at_once.read(other, station, at, values)
            other, also_wrong = reading.row, reading.wrong
            _must(wrong == also_wrong, f"part {number} at {station!r}: {wrong}, {also_wrong}")
            _must(verdict == found, f"part {number} at {station!r}: {verdict}, at once {found}")
            apart.observe(one, station, values)
            at_once.observe(other, station, values)
        for detector, row in ((apart, one), (at_once, other)):
            if fail is not None:
                detector.learn(row, fail, verdict.margin)
            detector.close(row)
    _must(at_once.trained, "the detector stayed untrained: give a longer stream")


def check_a_state_read_back_goes_on_alike(
    make: Make, journeys: Journeys, through: Callable[[State], State] = deepcopy
) -> None:
    """A detector made again from its state gives, bit for bit, the verdicts of the one that goes
    on, of parts that are half way through the line as well.

    ``through`` writes a state and reads it back. A model that has no plain state must say so.
    """
    half, detector, again = len(journeys) // 2, make(), make()
    follow(detector, journeys[:half])
    try:
        state = detector.state()
    except NoPlainState:
        return
    readings = max((it.readings for it in journeys[half:]), key=len)
    row = PartRow()
    for reading in readings[:-1]:
        row, _ = detector.encode(row, *reading)
        detector.score(row)
    again.restore(through(state))
    moved = PartRow(row.x.copy(), row.state.copy(), row.visited_at.copy())
    row, _ = detector.encode(row, *readings[-1])
    moved, _ = again.encode(moved, *readings[-1])
    one, other = detector.score(row), again.score(moved)
    _must(one == other, f"a part under way: {one}, of a detector read back {other}")
    rest = journeys[half:]
    _same(follow(detector, rest), follow(again, rest), "a state that was read back")


def check_order_of_keys_changes_no_risk(make: Make, journeys: Journeys) -> None:
    """A message's values are a set: their order says nothing."""
    turned = [
        PartJourney(tuple(r._replace(values=_turned(r.values)) for r in readings), fail)
        for readings, fail in journeys
    ]
    _same(follow(make(), journeys), follow(make(), turned), "another order of keys")


def check_same_stream_gives_same_risks(make: Make, journeys: Journeys) -> None:
    """Bit for bit: two detectors that see the same say the same."""
    _same(follow(make(), journeys), follow(make(), journeys), "a second run")


def check_new_station_needs_no_restart(make: Make, journeys: Journeys) -> None:
    """A station that opens mid-stream is measured like any other, and disturbs nobody."""
    half, station = len(journeys) // 2, _unused_station(journeys)
    detector = make()
    follow(detector, journeys[:half])
    opened = [
        PartJourney((*readings, Reading(station, _ends(readings), {"gap": float(i % 7)})), fail)
        for i, (readings, fail) in enumerate(journeys[half:])
    ]
    _sound(follow(detector, opened), "after a station opened")
    row, _ = detector.encode(PartRow(), station, 0.0, {"gap": 3.0})
    measured = detector.counts(row).measured
    _must(measured == 1, f"the new station's reading has {measured} measured cells, not 1")


def check_vanished_station_costs_nothing(make: Make, journeys: Journeys) -> None:
    """A station that reports no more raises no error, silences no risk, leaves nothing growing."""
    half, detector = len(journeys) // 2, make()
    follow(detector, journeys[:half])
    columns = len(detector.catalogue)
    gone = journeys[0].readings[0].station
    rest = [
        PartJourney(tuple(r for r in readings if r.station != gone), fail)
        for readings, fail in journeys[half:]
    ]
    _sound(follow(detector, rest), f"after station {gone!r} vanished")
    grown = len(detector.catalogue) - columns
    _must(grown == 0, f"{grown} columns were added while a station was gone")


def check_failing_parts_stand_out(make: Make, journeys: Journeys) -> None:
    """It learns: once trained, failing parts get higher last risks than passing ones."""
    half, detector = len(journeys) // 2, make()
    follow(detector, journeys[:half])
    last: dict[bool, list[float]] = {True: [], False: []}
    for journey in journeys[half:]:
        risks = follow(detector, [journey])
        if journey.fail is not None and risks and risks[-1] is not None:
            last[journey.fail].append(risks[-1])
    _must(bool(last[True]), "no risk was given of a part that failed: give a longer stream")
    _must(bool(last[False]), "no risk was given of a part that passed: give a longer stream")
    pairs = [(fail > ok) + 0.5 * (fail == ok) for fail in last[True] for ok in last[False]]
    ranked = sum(pairs) / len(pairs)
    _must(ranked > 0.6, f"a fail outranks a pass in {ranked:.2f} of all pairs; guessing: 0.50")


def check_hostile_values_do_no_harm(make: Make, journeys: Journeys) -> None:
    """Extreme numbers, changed kinds and 5,000 new features leave all later figures finite."""
    half, detector = len(journeys) // 2, make()
    _finite(follow(detector, [_spoilt(i, it) for i, it in enumerate(journeys[:half])]))
    flood: dict[str, Value] = {f"new{i}": float(i) for i in range(5_000)}
    station = journeys[0].readings[0].station
    _finite(follow(detector, [PartJourney((Reading(station, 0.0, flood),), True)]))
    _sound(follow(detector, journeys[half:]), "after hostile values")
    row = PartRow()
    for reading in journeys[-1].readings:
        row, _ = detector.encode(row, *reading)
    for reason in detector.explain(row, 100):
        for figure in (reason.expected, reason.sigma, reason.share):
            _must(figure is None or math.isfinite(figure), f"not finite: {reason}")


def check_memory_stays_bounded(make: Make, journeys: Journeys) -> None:
    """Six times the stream weighs no more than three times, though names never repeat.

    What a detector reserves counts as its weight, so a quarter of what it was told bounds its
    growth as well.
    """
    detector, weights = make(), []
    for turn in range(6):
        follow(detector, [_named(turn, i, journey) for i, journey in enumerate(journeys)])
        weights.append(_weight(detector))
    early, late = max(weights[:3]), max(weights[3:])
    told = f"the detector grew from {early} to {late} bytes over the same stream"
    _must(late - early <= 0.25 * min(early, 3 * _weight(journeys)), told)


def check_untrained_answers_none(make: Make, journeys: Journeys) -> None:
    """Without results, and without a single fail, there is no risk: None, never 0."""
    for fail, told in ((None, "no result"), (False, "no fail")):
        risks = follow(make(), [journey._replace(fail=fail) for journey in journeys])
        given = [risk for risk in risks if risk is not None]
        _must(not given, f"risks {given[:1]} from a detector that has seen {told}")


def check_results_change_no_earlier_risk(make: Make, journeys: Journeys) -> None:
    """Risks given before a result are the same whatever the result will be."""
    half = len(journeys) // 2
    turned = [*journeys[:half], *(it._replace(fail=not it.fail) for it in journeys[half:])]
    scored = sum(len(it.readings) for it in journeys[: half + 1])
    told = "other results later"
    _same(follow(make(), journeys)[:scored], follow(make(), turned)[:scored], told)


LAWS: tuple[Callable[[Make, Journeys], None], ...] = (
    check_scoring_changes_nothing,
    check_a_state_read_back_goes_on_alike,
    check_order_of_keys_changes_no_risk,
    check_same_stream_gives_same_risks,
    check_new_station_needs_no_restart,
    check_vanished_station_costs_nothing,
    check_failing_parts_stand_out,
    check_hostile_values_do_no_harm,
    check_memory_stays_bounded,
    check_untrained_answers_none,
    check_results_change_no_earlier_risk,
)
"""All laws, for a test's parameters."""


def _must(hold: bool, told: str) -> None:
    # Not an assert statement, which vanishes under python -O.
    if not hold:
        raise AssertionError(told)


def _same(risks: Risks, others: Risks, told: str) -> None:
    for event, (risk, other) in enumerate(zip(risks, others, strict=True)):
        _must(risk == other, f"event {event}: risk {risk}, with {told} {other}")
    _sound(risks, "over the stream")


def _finite(risks: Risks) -> None:
    for event, risk in enumerate(risks):
        within = risk is None or 0.0 <= risk <= 1.0
        _must(within, f"event {event}: a risk of {risk} is no probability")


def _sound(risks: Risks, told: str) -> None:
    _finite(risks)
    _must(bool(risks), "no reading was scored: give a longer stream")
    _must(risks[-1] is not None, f"no risk {told}: the stream is too short, or it fell silent")


def _countdown(readings: Sequence[Reading]) -> range:
    return range(len(readings) - 1, -1, -1)


def _turned(values: Mapping[str, Value]) -> dict[str, Value]:
    return dict(reversed(list(values.items())))


def _unused_station(journeys: Journeys) -> str:
    return "+".join(sorted({reading.station for it in journeys for reading in it.readings}))


def _ends(readings: Sequence[Reading]) -> float:
    return max((reading.at for reading in readings), default=0.0) + 1.0


def _spoilt(number: int, journey: PartJourney) -> PartJourney:
    """Every third part has all its values replaced by one hostile value after the other."""
    if number % 3:
        return journey
    readings = tuple(
        reading._replace(
            values={
                name: HOSTILE[(number // 3 + place) % len(HOSTILE)]
                for place, name in enumerate(reading.values)
            }
        )
        for reading in journey.readings
    )
    return journey._replace(readings=readings)


def _named(turn: int, number: int, journey: PartJourney) -> PartJourney:
    """With a name that never comes again, and one that comes five times."""
    names: dict[str, Value] = {
        "serial": f"{turn}-{number}",
        "lot": f"{turn}-{number // 5}",
    }
    first, *rest = journey.readings
    return journey._replace(readings=(first._replace(values={**first.values, **names}), *rest))


_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)


def _weight(root: object) -> int:
    """Bytes of everything that ``root`` refers to, code apart."""
    seen = {id(root)}
    found = [root]
    for thing in found:
        for other in gc.get_referents(thing):
            if id(other) not in seen and not isinstance(other, _SHARED):
                seen.add(id(other))
                found.append(other)
    return sum(sys.getsizeof(thing) for thing in found)
