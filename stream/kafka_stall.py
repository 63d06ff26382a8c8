"""Notice a partition that its client silently delivers nothing of.

kafka-python 3.0.0 to 3.0.11 could stall one partition for ever without an error (its issues 3106
and 3131); what is not delivered raises no alert, so the silence itself must be an error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from kafka import KafkaConsumer

from stream.errors import LogUnavailable
from stream.log import TopicPartition


def release_parked(consumer: KafkaConsumer) -> None:
    """Let go of what the client has put by of a partition that was paused in mid-delivery.

    To be called before each poll. kafka-python 3.0.12 takes such records up again, after `resume`,
    only while it has never delivered anything; until then it does not fetch the partition either.
    """
    fetcher = consumer._fetcher
    if fetcher._paused_partition_records and not fetcher._next_partition_records:
        fetcher._next_partition_records = None


class StallWatch:
    """Raises when a position stands still for ``patience`` seconds although records lie ahead.

    ``end`` answers the end of a partition; it is asked about once in ``patience`` seconds.

    >>> now = 0.0
    >>> watch = StallWatch(30.0, end=lambda at: 42, clock=lambda: now)
    >>> watch.look({TopicPartition("andon.events", 0): 17})
    >>> now = 31.0
    >>> watch.look({TopicPartition("andon.events", 0): 17})
    >>> now = 62.0
    >>> watch.look({TopicPartition("andon.events", 0): 17})
    Traceback (most recent call last):
    stream.errors.LogUnavailable: andon.events[0] has had records from 17 to 42 for 31 s, ...
    """

    def __init__(
        self,
        patience: float,
        end: Callable[[TopicPartition], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience
        self._end = end
        self._clock = clock
        self._looked = clock()
        self._behind: dict[TopicPartition, int] = {}

    def look(self, positions: Mapping[TopicPartition, int]) -> None:
        """Given the positions of what should deliver; raises `LogUnavailable` for a stall."""
        elapsed = self._clock() - self._looked
        if elapsed < self._patience:
            return
        self._looked = self._clock()
        ends = {at: self._end(at) for at in positions}
        for at, position in positions.items():
            if position < ends[at] and self._behind.get(at) == position:
                raise LogUnavailable(
                    f"{at.topic}[{at.partition}] has had records from {position} to {ends[at]} "
                    f"for {elapsed:.0f} s, yet the client delivers none: open the consumer again"
                )
        self._behind = {at: position for at, position in positions.items() if position < ends[at]}

    def restart(self) -> None:
        """Begin to watch anew: what delivers, or from where, has changed."""
        self._looked = self._clock()
        self._behind = {}
