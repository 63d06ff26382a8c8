"""Rebalances of a Kafka group as kafka-python carries them out, made safe for a polling caller.

Its listener runs on the I/O thread, where commits and offset look-ups fail; its poll joins the
group again, within the same call, after a revocation; a join that ends between two polls is begun
anew, and one that a change of metadata has set off is forgotten; and who has been thrown out of the
group for its silence still claims, as it joins again, what it held, and may be given it before its
present owner has let go. So the listener here only pauses and queues and then ends the poll,
forgets what was lost, and `keep_join` mends the joins.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable

import kafka
from kafka import KafkaConsumer
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.future import Future
from kafka.structs import MemberState

from stream.log import Batch, TopicPartition


class HandOver(Exception):
    """Ends the client's poll so that the changes queued can be handed over."""


def _is_real(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HandOver))


# The client reports what its listener raises as an error, with a traceback.
logging.getLogger("kafka.coordinator.consumer").addFilter(_is_real)


class Changes(ConsumerRebalanceListener):
    """What happened to the assignment, in order; runs on the client's I/O thread."""

    def __init__(self, consumer: KafkaConsumer, assignor: CooperativeStickyAssignor) -> None:
        self._consumer = consumer
        self._assignor = assignor
        self.queue: deque[Batch] = deque()
        self.closing = False

    def on_partitions_assigned(self, assigned: Iterable[kafka.TopicPartition]) -> None:
        for at in assigned:
            self._consumer.pause(at)
            self._consumer.seek(at, 0)
        self._hand_over(Batch(assigned=_ours(assigned)))

    def on_partitions_revoked(self, revoked: Iterable[kafka.TopicPartition]) -> None:
        self._hand_over(Batch(revoked=_ours(revoked)))

    def on_partitions_lost(self, lost: Iterable[kafka.TopicPartition]) -> None:
        self._assignor.member_assignment = None  # what the next join claims to own
        self._hand_over(Batch(lost=_ours(lost)))

    def takes_away(self, at: TopicPartition) -> bool:
        """Whether a change that nobody was told of yet takes a partition away."""
        return any(at in change.revoked + change.lost for change in list(self.queue))

    def _hand_over(self, change: Batch) -> None:
        self.queue.append(change)
        if not self.closing:
            raise HandOver


def _ours(partitions: Iterable[kafka.TopicPartition]) -> tuple[TopicPartition, ...]:
    return tuple(sorted(TopicPartition(at.topic, at.partition) for at in partitions))


class _KeptJoin:
    """A join under way that the client takes for unfinished until it has had the result."""

    is_done = False

    def __init__(self, task: Future) -> None:
        self.add_callback = task.add_callback
        self.add_errback = task.add_errback


def keep_join(consumer: KafkaConsumer) -> bool:
    """Let the next poll wait for the join under way, if any, whatever became of it meanwhile.

    Answers whether there is one.
    """
    if consumer.group_metadata().state is not MemberState.REBALANCING:
        return False
    coordinator = consumer._coordinator
    coordinator.request_rejoin()
    if isinstance(coordinator._join_task, Future):
        coordinator._join_task = _KeptJoin(coordinator._join_task)
    return True
