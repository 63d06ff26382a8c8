"""The alert log as the notifier reads it: in order, at least once, told when an alert is safe."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from alerts.source import AlertMessage, Position, read_message
from stream.log import Log, TopicPartition

log = structlog.get_logger()


class AlertFeed:
    """`alerts.source.AlertSource` over a consumer group on the alert topic.

    The group's offset means *accepted into the outbox*: a new group begins at the first alert
    retained, a known one where it was. A record that is no alert is logged and passed over.

    >>> from stream.log import TopicSpec
    >>> from stream.memory import MemoryLog
    >>> alert_log = MemoryLog()
    >>> _ = alert_log.create_topics([TopicSpec("andon.alerts")])
    >>> body = b'{"id":"a1","type":"part.at_risk","severity":"high"}'
    >>> alert_log.append("andon.alerts", b"A", body)
    >>> feed = AlertFeed(alert_log, "andon.alerts", "notifier")
    >>> [message.id for message in feed.poll(1.0) or feed.poll(1.0)]
    ['a1']
    >>> feed.close()
    """

    def __init__(self, alert_log: Log, topic: str, group: str) -> None:
        self._log = alert_log
        self._consumer = alert_log.consumer([topic], group)
        self._next: dict[TopicPartition, int] = {}

    def poll(self, timeout: float) -> Sequence[AlertMessage]:
        """The next alerts; empty after ``timeout`` seconds or a change in the group."""
        batch = self._consumer.poll(timeout)
        for at in (*batch.revoked, *batch.lost):
            self._next.pop(at, None)
        for at in batch.assigned:
            stored = self._consumer.committed(at)
            self._next[at] = self._log.begin(at) if stored is None else stored
            self._consumer.start(at, self._next[at])
        messages = []
        for record in batch.records:
            self._next[TopicPartition(record.topic, record.partition)] = record.offset + 1
            position = Position(f"{record.topic}/{record.partition}", record.offset)
            try:
                messages.append(read_message(record.value or b"", position))
            except ValueError as error:
                log.warning(
                    "andon.alert_unreadable",
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    error=type(error).__name__,
                )
        return messages

    @property
    def next_offsets(self) -> dict[TopicPartition, int]:
        """The partitions held now, and what is read next of each."""
        return dict(sorted(self._next.items()))

    def behind(self) -> bool:
        """Whether there are alerts that `poll` has not given: also while the group is joined."""
        return not self._next or any(
            at_next < self._log.end(at) for at, at_next in self._next.items()
        )

    def taken(self, position: Position) -> None:
        """This alert and all before it in its partition are safe."""
        topic, _, partition = position.stream.rpartition("/")
        self._consumer.commit({TopicPartition(topic, int(partition)): position.offset + 1})

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()
