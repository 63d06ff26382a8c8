"""When Python looks for garbage that reference counting left: when the log is quiet.

A full collection looks through all that is alive, so it takes as long as the ledger is full: 40 ms
at 4,000 parts of 500 features, all in one event's time. It finds next to nothing, for what andon
makes of events holds no cycles. So none begins by itself in a worker. The collections of what is
young, a millisecond or two, go on, but seldom: nearly all of what they would look through after
Python's usual 700 objects, decoded messages above all, is gone by itself a moment later.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

NEVER = 1 << 30
YOUNG = 10_000  # objects, between two collections of what is young
QUIET_S, LATEST_S = 600.0, 3600.0


class FullCollections:
    """Makes Python's full collections between two turns of a worker, and nowhere else.

    A context: while it is open none begins by itself, and what was alive when it was opened is left
    out of all.

    Parameters
    ----------
    quiet_s
        Seconds from one to the next, if the log is quiet then.
    latest_s
        Seconds from one to the next, if it never is.
    clock
        Answers monotonic seconds.
    collect
        Collects.

    Examples
    --------
    >>> now, made = [0.0], []
    >>> rounds = FullCollections(10.0, 60.0, lambda: now[0], lambda: made.append(now[0]))
    >>> for now[0], quiet in ((5.0, True), (12.0, False), (15.0, True), (80.0, False)):
    ...     rounds.turned(quiet)
    >>> made
    [15.0, 80.0]
    """

    def __init__(
        self,
        quiet_s: float = QUIET_S,
        latest_s: float = LATEST_S,
        clock: Callable[[], float] = time.monotonic,
        collect: Callable[[], object] = gc.collect,
    ) -> None:
        self._quiet_s, self._latest_s = quiet_s, latest_s
        self._clock, self._collect = clock, collect
        self._made_at = clock()
        self._before = gc.get_threshold()

    def __enter__(self) -> FullCollections:
        gc.collect()
        gc.freeze()
        _, middle, _ = self._before = gc.get_threshold()
        gc.set_threshold(YOUNG, middle, NEVER)
        return self

    def __exit__(self, *_: object) -> None:
        gc.set_threshold(*self._before)
        gc.unfreeze()

    def turned(self, quiet: bool) -> None:
        """The worker's loop has turned; ``quiet``: it found nothing to do."""
        since = self._clock() - self._made_at
        if since >= (self._quiet_s if quiet else self._latest_s):
            self._collect()
            self._made_at = self._clock()
