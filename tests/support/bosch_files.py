"""Files in the form of the Bosch data, of our own making, with what they say written down.

Fifty stations in four segments, 968 numbers of which a part has about a fifth, a date for nearly
each of them, and a few names. Parts take one of some hundred routes; their dates have nothing to do
with their order in the files.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

STATIONS = 50
FEATURES = 968
NAMES_PER_STATION = 1
_SEGMENTS = ((0, 24), (1, 26), (2, 29), (3, STATIONS))
_VISITED = 0.2
_DROPPED = 0.04
_ROUTES = 400
_LAST_DATE = 1718.0


@dataclass
class BoschFiles:
    """The files, and what is in them.

    ``visits`` has (date in hundredths, part, station, values), a value None where the date is given
    and the cell is empty; ``results`` (last date, part, outcome). Both are kept for ``remember``
    parts only; the counts are of all parts.
    """

    numeric: Path
    date: Path
    categorical: Path
    parts: int = 0
    rows: int = 0
    measurements: int = 0
    cells: int = 0
    full: int = 0
    fails: int = 0
    visits: list[tuple[int, str, str, dict[str, float | str | None]]] = field(default_factory=list)
    results: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def paths(self) -> list[Path]:
        """All three, as a command would name them."""
        return [self.numeric, self.date, self.categorical]

    @property
    def empty(self) -> float:
        """The share of empty cells among the numbers."""
        return 1 - self.full / self.cells


@dataclass(frozen=True)
class _Station:
    name: str
    numbers: tuple[str, ...]
    names: tuple[str, ...]
    first_number: int
    first_date: int
    first_name: int


def _stations() -> tuple[list[_Station], list[str], list[str], list[str]]:
    numeric, date, categorical = ["Id"], ["Id"], ["Id"]
    stations = []
    number = 0
    for station in range(STATIONS):
        segment = next(line for line, end in _SEGMENTS if station < end)
        name = f"L{segment}_S{station}"
        share = FEATURES // STATIONS + (station < FEATURES % STATIONS)
        place = (len(numeric), len(date), len(categorical))
        numbers = []
        for index in range(share):
            numbers.append(f"F{number}")
            numeric.append(f"{name}_F{number}")
            # The last feature of a station has no date of its own: its station's is its date.
            if index < share - 1:
                date.append(f"{name}_D{number + 1}")
            number += 2
        names = []
        for _ in range(NAMES_PER_STATION):
            names.append(f"F{number}")
            categorical.append(f"{name}_F{number}")
            number += 2
        stations.append(_Station(name, tuple(numbers), tuple(names), *place))
    return stations, [*numeric, "Response"], date, categorical


def write_bosch_files(
    folder: Path,
    parts: int,
    *,
    seed: int = 1,
    lacking: float = 0.0,
    remember: bool = True,
    ascending: bool = False,
) -> BoschFiles:
    """Write ``parts`` parts; a share ``lacking`` has no row in the file of names."""
    rng = random.Random(seed)
    stations, numeric_header, date_header, categorical_header = _stations()
    routes = [
        sorted(rng.sample(range(STATIONS), max(1, round(rng.gauss(_VISITED * STATIONS, 1.5)))))
        for _ in range(_ROUTES)
    ]
    texts = [f"{rng.gauss(0, 0.1):.3f}" for _ in range(5000)]
    ids = sorted(rng.sample(range(1, 2 * parts + 1), parts))
    if not ascending:
        rng.shuffle(ids)
    made = BoschFiles(
        folder / "train_numeric.csv", folder / "train_date.csv", folder / "train_categorical.csv"
    )
    with (
        made.numeric.open("w") as numeric,
        made.date.open("w") as date,
        made.categorical.open("w") as categorical,
    ):
        for file, header in (
            (numeric, numeric_header),
            (date, date_header),
            (categorical, categorical_header),
        ):
            file.write(",".join(header) + "\n")
        for number in ids:
            part = str(number)
            cells = ([""] * len(numeric_header), [""] * len(date_header))
            names = [""] * len(categorical_header)
            cells[0][0] = cells[1][0] = names[0] = part
            has_names = rng.random() >= lacking
            at = rng.randrange(round(100 * _LAST_DATE))
            for index in rng.choice(routes):
                at += rng.randrange(30)
                visit = _visit(rng, stations[index], texts, at, cells[0], cells[1], names)
                if not has_names:
                    visit = {k: v for k, v in visit.items() if k not in stations[index].names}
                made.measurements += 1
                made.full += sum(visit.get(each) is not None for each in stations[index].numbers)
                if remember:
                    made.visits.append((at, part, stations[index].name, visit))
            failed = rng.random() < 0.03
            cells[0][-1] = str(int(failed))
            if remember:
                made.results.append((at, part, "fail" if failed else "pass"))
            made.fails += failed
            made.cells += FEATURES
            made.parts += 1
            numeric.write(",".join(cells[0]) + "\n")
            date.write(",".join(cells[1]) + "\n")
            made.rows += 2 + has_names
            if has_names:
                categorical.write(",".join(names) + "\n")
    return made


def _visit(
    rng: random.Random,
    station: _Station,
    texts: Sequence[str],
    at: int,
    numbers: list[str],
    dates: list[str],
    names: list[str],
) -> dict[str, float | str | None]:
    visit: dict[str, float | str | None] = {}
    # Most of a station's dates are alike; the last one is when all of it is known.
    early = max(0, at - 1)
    for index, feature in enumerate(station.numbers):
        dated = index < len(station.numbers) - 1
        if dated:
            when = at if index != 1 else early
            dates[station.first_date + index] = f"{when / 100:.2f}".rstrip("0").rstrip(".")
        if rng.random() >= _DROPPED:
            text = rng.choice(texts)
            numbers[station.first_number + index] = text
            visit[feature] = float(text)
        elif dated:
            visit[feature] = None
    for index, feature in enumerate(station.names):
        if rng.random() < 0.5:
            name = f"T{2 ** rng.randrange(6)}"
            names[station.first_name + index] = name
            visit[feature] = name
    return visit
