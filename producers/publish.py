"""Puts events on a log, keyed by their line, and says when they are durable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from producers.pace import Pace
from stream.codec import encode as encode_event
from stream.events import Event
from stream.log import Log

FLUSH_EVERY = 500
FLUSH_AFTER = 0.2


def publish(
    log: Log,
    topic: str | Callable[[Event], str],
    events: Iterable[Event],
    *,
    encode: Callable[[Event], bytes] = encode_event,
    pace: Pace | None = None,
    flush_every: int = FLUSH_EVERY,
    flush_after: float = FLUSH_AFTER,
    on_progress: Callable[[int], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Append all ``events`` to ``topic``, one or each event's own, and answer how many they were.

    A record waits for its flush no longer than ``flush_every`` records. With a ``pace`` it also
    waits no longer than about ``flush_after`` seconds: give the pace here rather than wrapping
    ``events`` in it, so that what was handed over is flushed before a long silence is slept
    through. ``on_progress`` gets the number of durable records after each flush.

    When ``events`` raises, or the pace is interrupted, what was appended is flushed first; then
    the error goes on.

    >>> from producers.families import family
    >>> from producers.simulator import SimulatedLine
    >>> from stream.log import TopicSpec
    >>> from stream.memory import MemoryLog
    >>> log = MemoryLog()
    >>> _ = log.create_topics([TopicSpec("andon.events")])
    >>> publish(log, "andon.events", SimulatedLine(family("demo")).events(parts=100))
    1007
    """
    appended = durable = 0
    last_flush = clock()

    def flush() -> None:
        nonlocal durable, last_flush
        if appended > durable:
            log.flush()
            durable = appended
            if on_progress is not None:
                on_progress(durable)
        last_flush = clock()

    try:
        for event in events:
            if pace is not None and (seconds := pace.wait(event)) > 0:
                if clock() + seconds - last_flush > flush_after:
                    flush()
                pace.sleep(seconds)
            place = topic if isinstance(topic, str) else topic(event)
            log.append(place, event.line.encode(), encode(event))
            appended += 1
            if appended - durable >= flush_every or (
                pace is not None and clock() - last_flush > flush_after
            ):
                flush()
    finally:
        flush()
    return appended
