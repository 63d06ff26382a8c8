"""Why a verdict is what it is: the calibrated log-odds, shared out among a part's cells.

A margin's contributions (weight times input for the linear member, Shapley values for trees, see
`models.explanation` for River's models) times the calibration's slope are log-odds: with a rest,
which is the intercepts, they add up to the calibrated log-odds of failing, whose logistic function
is the risk before it is drawn to the middle for what the stations ahead may yet say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from models.columns import Input
from models.features import FeatureCatalogue
from models.kinds import Kind, Value
from models.part_row import DROPPED, EMPTY, SATURATED, PartRow

Subject = tuple[str, int]
Fills = Mapping[int, tuple[float, float]]
Direction = Literal[
    "above", "below", "dropped", "saturated", "category", "passed_by", "ahead", "reached"
]
_COMES = 0.5


class Attribution(NamedTuple):
    """What the cells and stations add to the calibrated log-odds.

    ``amounts`` by ("cell", column) and ("station", number); with ``rest`` they sum to ``log_odds``.
    """

    log_odds: float
    amounts: dict[Subject, float]
    rest: float

    def minus(self, before: Attribution) -> dict[Subject, float]:
        """How much each subject's amount has changed, those that have not left out.

        >>> now = Attribution(1.5, {("cell", 0): 0.5, ("cell", 1): 1.0}, 0.0)
        >>> now.minus(Attribution(-0.5, {("cell", 1): 1.0, ("station", 0): -1.5}, 0.0))
        {('cell', 0): 0.5, ('station', 0): 1.5}
        """
        subjects = sorted({*self.amounts, *before.amounts})
        moves = {s: self.amounts.get(s, 0.0) - before.amounts.get(s, 0.0) for s in subjects}
        return {subject: moved for subject, moved in moves.items() if moved != 0.0}


class CellReason(NamedTuple):
    """One cell, or one station, that moved a verdict.

    ``amount`` is what it adds to the calibrated log-odds, ``share`` its part of all that raises
    them. ``expected`` and ``spread`` are the feature's recent mean and standard deviation,
    ``sigma`` the distance between value and mean in spreads. ``imputed`` says that the value is not
    known and counts as ``filled``. ``direction``: a number above or below its mean; dropped; pinned
    at its sensor's limit; a category; a station that is passed by, lies ahead, or has just been
    reached, so that what was expected of it no longer counts.
    """

    station: str
    feature: str
    value: Value
    expected: float | None
    sigma: float | None
    share: float
    spread: float | None = None
    direction: Direction = "category"
    imputed: bool = False
    filled: float | None = None
    amount: float = 0.0


class Missing(NamedTuple):
    """What is not known of a part: cells without a reading, cells pinned at a sensor's limit, cells
    that a visited station did not speak of, and the stations that were passed by or lie ahead."""

    dropped: tuple[Input, ...]
    saturated: tuple[Input, ...]
    left_out: tuple[Input, ...]
    passed_by: tuple[str, ...]
    ahead: tuple[str, ...]


def strongest_reasons(
    catalogue: FeatureCatalogue,
    row: PartRow,
    amounts: Mapping[Subject, float],
    count: int,
    fills: Fills | None = None,
) -> tuple[CellReason, ...]:
    """The ``count`` cells and stations that raise the log-odds most, strongest first.

    ``fills`` holds what dropped cells count as, by column.
    """
    raising = {subject: amount for subject, amount in amounts.items() if amount > 0.0}
    raised = sum(raising.values())
    strongest: list[tuple[float, str, str, Subject]] = []
    for subject in sorted(raising, key=raising.__getitem__, reverse=True):
        amount = raising[subject]
        # Of equals the first by name, and so all of them must have been looked at.
        if strongest and len(strongest) >= count and amount < -strongest[-1][0]:
            break
        origin = _origin(catalogue, subject)
        if origin is not None:
            strongest.append((-amount, *origin[:2], subject))
    return tuple(
        describe(catalogue, row, subject, raising[subject], raising[subject] / raised, fills or {})
        for *_, subject in sorted(strongest)[:count]
    )


def describe(
    catalogue: FeatureCatalogue,
    row: PartRow,
    subject: Subject,
    amount: float,
    share: float,
    fills: Fills,
) -> CellReason:
    """What a cell or a station shows, beside what adds to the log-odds."""
    kind, number = subject
    if kind == "station":
        station = tuple(catalogue.columns.stations)[number]
        direction: Direction = "passed_by"
        if not np.isnan(row.visited_at[number]):
            direction = "reached"
        elif _is_ahead(catalogue, row, number):
            direction = "ahead"
        return CellReason(
            station, "", None, None, None, share,
            direction=direction, imputed=direction == "ahead", amount=amount,
        )  # fmt: skip
    origin = catalogue.columns.origin[number]
    value, expected, sigma = catalogue.reading(row, number)
    filled = fills.get(number)
    usual, spread = catalogue.usual(number)
    if row.state[number] == DROPPED:
        direction, expected = "dropped", usual
    elif row.state[number] == SATURATED:
        direction = "saturated"
    elif expected is None:
        direction = "category"
    else:
        direction = "below" if (sigma or 0.0) < 0.0 else "above"
    return CellReason(
        origin.station, origin.feature, value, expected, sigma, share,
        spread=spread, direction=direction, imputed=filled is not None,
        filled=None if filled is None else filled[0], amount=amount,
    )  # fmt: skip


def rests_on(
    catalogue: FeatureCatalogue, row: PartRow, fills: Fills, count: int
) -> tuple[Input, ...]:
    """The dropped readings that the verdict rests on most: those that would move it furthest."""
    ranked = sorted(fills, key=lambda column: (-fills[column][1], column))
    return tuple(catalogue.columns.origin[column] for column in ranked[:count])


def missing(catalogue: FeatureCatalogue, row: PartRow) -> Missing:
    """What is not known of a part, and why; cells in the order in which they appeared."""
    row, table = catalogue.grown(row), catalogue.columns

    def cells(which: npt.NDArray[np.bool_]) -> tuple[Input, ...]:
        return tuple(table.origin[column] for column in np.flatnonzero(which).tolist())

    seen = ~np.isnan(row.visited_at)[table.station_of]
    absent = np.flatnonzero(np.isnan(row.visited_at)).tolist()
    ahead = {number for number in absent if _is_ahead(catalogue, row, number)}
    names = tuple(table.stations)
    return Missing(
        cells(row.state == DROPPED),
        cells(row.state == SATURATED),
        cells(seen & (row.state == EMPTY) & (table.kind != Kind.UNSETTLED)),
        tuple(names[number] for number in absent if number not in ahead),
        tuple(names[number] for number in absent if number in ahead),
    )


def _origin(catalogue: FeatureCatalogue, subject: Subject) -> Input | None:
    kind, number = subject
    if kind == "cell":
        return catalogue.columns.origin[number]
    if kind == "station":
        return Input(tuple(catalogue.columns.stations)[number], "", None)
    return None


def _is_ahead(catalogue: FeatureCatalogue, row: PartRow, station: int) -> bool:
    """Whether a part will probably visit a station yet."""
    routes = catalogue.routes
    ahead = routes.odds_ahead(row.visited_at)[station] >= _COMES
    return bool(ahead and not routes.skipped(row.visited_at)[station])
