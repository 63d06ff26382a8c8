"""What fills gaps beside andon: the mean, the last value, and scikit-learn's iterative imputer.

Every filler fills a row's gaps before it learns the row.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from imputation_rows import Block

from models.imputation import OnlineImputer

Matrix = npt.NDArray[np.float64]
LEVEL = 0.90
_REACH = 1.6449  # of a normal's 90 % interval, in spreads


@dataclass
class Filled:
    """For each gap of a block: the filling, and the ends of its interval (NaN for none)."""

    value: Matrix
    low: Matrix
    high: Matrix


@dataclass
class Times:
    """Seconds of the processor, over so many rows: those of others on the machine do not count."""

    learn: float = 0.0
    impute: float = 0.0
    rows: int = 0


class Filler(Protocol):
    """Whatever fills gaps."""

    times: Times

    def step(self, block: Block) -> Filled:
        """Fill a block's gaps, each row before it is learnt."""
        ...


@dataclass
class Andon:
    """`models.imputation.OnlineImputer`, as River's pipelines use it: a dictionary a row."""

    rank: int
    selection: bool
    times: Times = field(default_factory=Times)

    def __post_init__(self) -> None:
        self._imputer = OnlineImputer(".", rank=self.rank, selection=self.selection, seed=1)

    def step(self, block: Block) -> Filled:
        """Row by row: impute, then learn."""
        imputer, names = self._imputer, block.names
        filled = _nothing(block)
        for at, x in enumerate(block.dictionaries()):
            begin = time.process_time()
            done = imputer.transform_one(x)
            imputed = time.process_time()
            reach = imputer.interval(x, LEVEL)
            between = time.process_time()
            imputer.learn_one(x)
            self.times.learn += time.process_time() - between
            self.times.impute += imputed - begin
            for gap in np.flatnonzero(block.gap_row == at).tolist():
                name = names[block.gap_column[gap]]
                filled.value[gap] = done.get(name, np.nan)
                filled.low[gap], filled.high[gap] = reach.get(name, (np.nan, np.nan))
        self.times.rows += len(block.cells)
        return filled


class Simple:
    """The running mean with the running spread, or the last value."""

    def __init__(self, columns: int, last: bool) -> None:
        self._last = last
        self._count = np.zeros(columns)
        self._mean = np.zeros(columns)
        self._square = np.zeros(columns)
        self._value = np.zeros(columns)
        self.times = Times()

    def step(self, block: Block) -> Filled:
        """Row by row: impute, then learn."""
        filled = _nothing(block)
        for at, cells in enumerate(block.cells):
            begin = time.process_time()
            gaps = block.gap_row == at
            columns = block.gap_column[gaps]
            filled.value[gaps] = (self._value if self._last else self._mean)[columns]
            if not self._last:
                reach = _REACH * np.sqrt(self._square / np.maximum(self._count, 1.0))[columns]
                filled.low[gaps] = filled.value[gaps] - reach
                filled.high[gaps] = filled.value[gaps] + reach
            imputed = time.process_time()
            seen = np.flatnonzero(~np.isnan(cells))
            self._value[seen] = cells[seen]
            self._count[seen] += 1.0
            off = cells[seen] - self._mean[seen]
            self._mean[seen] += off / self._count[seen]
            self._square[seen] += off * (cells[seen] - self._mean[seen])
            self.times.learn += time.process_time() - imputed
            self.times.impute += imputed - begin
        self.times.rows += len(block.cells)
        return filled


class Iterative:
    """scikit-learn's IterativeImputer on the nearest 30 features, refitted to each ``window`` rows.

    It stands still between two fits, so that the rows between them are imputed together.
    """

    def __init__(self, window: int, nearest: int = 30) -> None:
        self._window = window
        self._nearest = nearest
        self._rows: list[Matrix] = []
        self._since = 0
        self._model: Any = None
        self.times = Times()

    def step(self, block: Block) -> Filled:
        """Impute the block, then fit to the last rows, this block's included, if it is time."""
        filled = _nothing(block)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            begin = time.process_time()
            if self._model is not None:
                done = self._model.transform(block.cells)
                filled.value[:] = done[block.gap_row, block.gap_column]
            imputed = time.process_time()
            self._rows = [*self._rows, *block.cells][-self._window :]
            self._since += len(block.cells)
            if self._since >= self._window:
                self._since = 0
                self._model = self._made().fit(np.array(self._rows))
            self.times.learn += time.process_time() - imputed
            self.times.impute += imputed - begin
        self.times.rows += len(block.cells)
        return filled

    def _made(self) -> Any:
        from sklearn.experimental import enable_iterative_imputer  # noqa: F401
        from sklearn.impute import IterativeImputer

        return IterativeImputer(
            n_nearest_features=self._nearest, max_iter=5, random_state=1, keep_empty_features=True
        )


def _nothing(block: Block) -> Filled:
    count = len(block.gap_row)
    return Filled(*(np.full(count, np.nan) for _ in range(3)))
