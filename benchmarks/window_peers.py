"""Batch models refitted every 250 results on the last few thousand: LightGBM and scikit-learn.

Their input is the part's vector: numbers raw, with NaN for what has not been measured, a column per
label of the categorical features. They are fitted on parts as they were after their last
measurement, and score parts as they are. Needs the extra ``bench``.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from columns import Columns

from stream.events import Event, Measurement, Result

EVERY = 250
SEED = 1
Matrix = npt.NDArray[np.float64]
Make = Callable[[], Any]


class WindowScript:
    """A batch classifier as a contestant (`contest.Contestant`).

    Between two fits the model stands still, so the measurements that came between them are scored
    together just before the second: the answers are those that one at a time would have given.
    """

    def __init__(self, make: Make, window: int | None, every: int = EVERY) -> None:
        self._make = make
        self._every = every
        self._columns = Columns()
        self._place: dict[str, int] = {}
        self._open: dict[str, dict[str, dict[str, float]]] = {}
        self._rows: deque[Matrix] = deque(maxlen=window)
        self._fails: deque[bool] = deque(maxlen=window)
        self._since = 0
        self._model: Any = None
        self._unscored: list[Matrix] = []
        self._answers: list[Matrix] = []

    def measured(self, event: Measurement) -> None:
        """Note the part as it is now, to be scored by the model as it is now."""
        stations = self._open.setdefault(event.part, {})
        stations[event.station] = self._columns.of(event.station, event.values)
        self._unscored.append(self._vector(stations))

    def tested(self, event: Result) -> None:
        """Take the part into the window, and fit again if it is time."""
        stations = self._open.pop(event.part, None)
        if stations is None or event.outcome == "untested":
            return
        self._rows.append(self._vector(stations))
        self._fails.append(event.outcome == "fail")
        self._since += 1
        if self._since >= self._every and len(set(self._fails)) == 2:
            self._score()
            self._model = self._make()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._model.fit(self._matrix(list(self._rows)), np.array(self._fails))
            self._width = len(self._place)
            self._since = 0

    def other(self, event: Event) -> None:
        """Nothing else is of interest."""

    def risks(self) -> Matrix:
        """All answers so far, NaN before the first fit."""
        self._score()
        return np.concatenate([np.empty(0), *self._answers])

    def _score(self) -> None:
        if not self._unscored:
            return
        if self._model is None:
            self._answers.append(np.full(len(self._unscored), np.nan))
        else:
            # Columns that have come up since the fit mean nothing to the model.
            cells = self._matrix(self._unscored)[:, : self._width]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._answers.append(self._model.predict_proba(cells)[:, 1])
        self._unscored = []

    def _vector(self, stations: dict[str, dict[str, float]]) -> Matrix:
        """As long as there are columns so far; NaN for what is not known of the part."""
        for columns in stations.values():
            for column in columns:
                self._place.setdefault(column, len(self._place))
        vector = np.full(len(self._place), np.nan)
        for columns in stations.values():
            for column, value in columns.items():
                vector[self._place[column]] = value
        return vector

    def _matrix(self, rows: list[Matrix]) -> Matrix:
        matrix = np.full((len(rows), len(self._place)), np.nan)
        for number, row in enumerate(rows):
            matrix[number, : row.size] = row
        labels = [place for column, place in self._place.items() if column in self._columns.labels]
        matrix[:, labels] = np.nan_to_num(matrix[:, labels])
        return matrix


def lightgbm() -> Any:
    """150 trees of 15 leaves, one thread, the same at every run."""
    from lightgbm import LGBMClassifier

    return LGBMClassifier(
        n_estimators=150, num_leaves=15, learning_rate=0.03, n_jobs=1, random_state=SEED,
        deterministic=True, force_row_wise=True, verbose=-1,
    )  # fmt: skip


def penalised(penalty: str) -> Any:
    """Logistic regression on standardised, mean-imputed columns with missing indicators."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if penalty == "l1":
        logistic = LogisticRegression(
            C=0.03, l1_ratio=1.0, solver="liblinear", random_state=SEED, max_iter=1_000
        )
    else:
        logistic = LogisticRegression(C=0.003, max_iter=1_000)
    filled = SimpleImputer(strategy="mean", add_indicator=True, keep_empty_features=True)
    return make_pipeline(filled, StandardScaler(), logistic)


NAMED: dict[str, Callable[[], WindowScript]] = {
    "lightgbm-window-3000": partial(WindowScript, lightgbm, 3_000),
    "lightgbm-window-6000": partial(WindowScript, lightgbm, 6_000),
    "lightgbm-window-15000": partial(WindowScript, lightgbm, 15_000),
    "lightgbm-window-all": partial(WindowScript, lightgbm, None),
    "l1-window": partial(WindowScript, partial(penalised, "l1"), 3_000),
    "l2-window": partial(WindowScript, partial(penalised, "l2"), 3_000),
}
