"""What the tests of the local log share."""

from __future__ import annotations

import time
from collections.abc import Callable

from stream.local import LocalLog
from stream.log import TopicPartition

TOPIC = "andon.events"
AT = TopicPartition(TOPIC, 0)
HOUR = 3600.0


class ShiftedClock:
    """The real time plus what a test lets pass."""

    def __init__(self) -> None:
        self.shift = 0.0

    def __call__(self) -> float:
        return time.time() + self.shift


def append_all(log: LocalLog, values: list[bytes]) -> None:
    """Append to partition 0 and flush."""
    for value in values:
        log.append(TOPIC, None, value)
    log.flush()


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Return when ``condition`` holds; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.01)
