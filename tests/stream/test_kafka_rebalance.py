"""What the client's own rebalances are mended by, without a broker."""

from __future__ import annotations

import pytest
from kafka import TopicPartition as TheirPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment

from stream.kafka_rebalance import Changes, HandOver
from stream.log import Batch, TopicPartition

BOTH = {TheirPartition("events", 0), TheirPartition("events", 1)}


@pytest.fixture
def assignor() -> CooperativeStickyAssignor:
    """Of a member that was assigned two partitions."""
    found = CooperativeStickyAssignor()
    found.on_assignment(ConsumerProtocolAssignment(1, [("events", [0, 1])], b""), 5)
    return found


def claimed(assignor: CooperativeStickyAssignor) -> list[tuple[str, list[int]]]:
    """What the member says that it owns when it joins."""
    owned = assignor.metadata(["events"]).owned_partitions
    return [(each.topic, each.partitions) for each in owned]


def test_who_was_thrown_out_for_its_silence_claims_nothing_when_it_joins_again(
    assignor: CooperativeStickyAssignor,
) -> None:
    assert claimed(assignor) == [("events", [0, 1])]
    changes = Changes(None, assignor)
    with pytest.raises(HandOver):
        changes.on_partitions_lost(BOTH)
    assert claimed(assignor) == []
    ours = (TopicPartition("events", 0), TopicPartition("events", 1))
    assert list(changes.queue) == [Batch(lost=ours)]


def test_what_a_change_takes_away_is_known_before_it_is_told(
    assignor: CooperativeStickyAssignor,
) -> None:
    changes = Changes(None, assignor)
    with pytest.raises(HandOver):
        changes.on_partitions_revoked({TheirPartition("events", 1)})
    assert changes.takes_away(TopicPartition("events", 1))
    assert not changes.takes_away(TopicPartition("events", 0))
