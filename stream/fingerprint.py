"""What a task's state depends on besides its events, and what becomes of it when that changes.

Most settings may change on a live line: the alarm budget and deadband, what the line is watched
for, window sizes, bounds and limits act from the next event on. A few have shaped what was learnt.
A checkpoint made under another value of one of these is refused by name; ``--from-scratch`` makes
all anew from the records that the log still has, ``--migrate`` keeps what does not depend on it.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from models.baselines import NATIVE, factory
from models.plain_state import NoPlainState, plain_state
from stream.errors import AndonError
from stream.line_state import FIGURES, IMPUTATION, MODEL

if TYPE_CHECKING:
    from stream.task import TaskSettings

FORMAT = 4
"""Of the state; another one cannot be read."""

PICKLED = "versions of a pickled model"

MIGRATED: dict[str, tuple[str, ...]] = {
    "detector.model": (FIGURES, MODEL),
    "detector.members": (FIGURES, MODEL),
    "detector.backend": (FIGURES, IMPUTATION, MODEL),
    "detector.seed": (FIGURES, IMPUTATION, MODEL),
    "detector.replicates": (FIGURES, IMPUTATION, MODEL),
    "detector.rank": (FIGURES, IMPUTATION, MODEL),
    PICKLED: (FIGURES, MODEL),
    "evaluated_parts": (FIGURES,),
    "parts.label_test": (),
}
"""Settings that shape a state, and what ``--migrate`` begins anew for each: the *model* (journeys,
results and what is known of features stay), the *imputation*, the *figures* (those of another model
would pass for this one's), or nothing.
"""

SCRATCH_ONLY = ("format", "topics.events", "worker.group")
VERSIONS = ("andon", "numba", "numpy", "river")


class SettingsChanged(AndonError):
    """A checkpoint was made under settings that its state cannot go on with."""

    exit_code = 2

    def __init__(self, changes: Mapping[str, tuple[Any, Any]], partition: int) -> None:
        said = "; ".join(
            f"{key} was {stored!r}, is {wanted!r}" for key, (stored, wanted) in changes.items()
        )
        remedy = "'andon watch --from-scratch' once to rebuild all from the records that are kept"
        if can_migrate(changes):
            *others, last = [f"the {what}" for what in sorted(begun_anew(changes))] or [""]
            kept = (
                f"all but {', '.join(others)}{' and ' if others else ''}{last}" if last else "all"
            )
            remedy = f"'andon watch --migrate' once to keep {kept}, or {remedy}"
        super().__init__(
            f"the checkpoint of partition {partition} was made under other settings: {said}; "
            f"change them back, or start {remedy}"
        )
        self.changes = dict(changes)


def fingerprint(settings: TaskSettings) -> dict[str, Any]:
    """What a state made under these settings depends on, as plain values.

    >>> from stream.task import TaskSettings
    >>> fingerprint(TaskSettings())["detector.model"]
    'linear'
    """
    detector = settings.line.detector
    versions = {name: version(name) for name in VERSIONS}
    pickled = _only_pickle_keeps(detector.model)
    return {
        "format": FORMAT,
        "topics.events": settings.topic,
        "worker.group": settings.group,
        "detector.model": detector.model,
        "detector.members": list(detector.members) if detector.model == "stack" else [],
        "detector.backend": detector.backend,
        "detector.seed": detector.seed,
        "detector.replicates": detector.replicates,
        "detector.rank": detector.rank,
        PICKLED: f"river {versions['river']}, numpy {versions['numpy']}" if pickled else None,
        "parts.label_test": settings.line.ledger.label_test,
        "evaluated_parts": settings.line.evaluated_parts,
        "versions": versions,
        "machine": platform.machine(),
    }


@cache
def _only_pickle_keeps(model: str) -> bool:
    if model in NATIVE:
        return False
    try:
        plain_state(factory(model, 0)(0))
    except NoPlainState:
        return True
    return False


def changed(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The settings that shape a state and differ: stored and wanted, by name.

    Versions and machines are no settings: see `other_versions`. Members, and the versions of what
    a model was pickled with, say nothing beside another model.

    >>> changed({"format": 1, "detector.rank": 10}, {"format": 1, "detector.rank": 20})
    {'detector.rank': (10, 20)}
    """
    found = {
        key: (stored.get(key), wanted.get(key))
        for key in (*SCRATCH_ONLY, *MIGRATED)
        if stored.get(key) != wanted.get(key)
    }
    if "detector.model" in found:
        found.pop("detector.members", None)
        found.pop(PICKLED, None)
    return found


def other_versions(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, str]:
    """Libraries that have changed since, as "old -> new": risks may differ in their last digits."""
    before = {**stored.get("versions", {}), "machine": stored.get("machine")}
    now = {**wanted.get("versions", {}), "machine": wanted.get("machine")}
    return {
        name: f"{before.get(name)} -> {value}"
        for name, value in now.items()
        if before.get(name) != value
    }


def can_migrate(changes: Mapping[str, tuple[Any, Any]]) -> bool:
    """Whether ``--migrate`` bridges these changes.

    >>> can_migrate({"detector.rank": (10, 20)}), can_migrate({"format": (1, 2)})
    (True, False)
    """
    return not any(key in SCRATCH_ONLY for key in changes)


def begun_anew(changes: Mapping[str, tuple[Any, Any]]) -> frozenset[str]:
    """What ``--migrate`` begins anew; raises KeyError for changes that it cannot bridge.

    >>> sorted(begun_anew({"detector.rank": (10, 20)}))
    ['figures', 'imputation', 'model']
    """
    return frozenset(what for key in changes for what in MIGRATED[key])
