"""A line has the same partition whichever client wrote its events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import DefaultPartitioner
from kafka.partitioner.default import murmur2 as kafka_murmur2

from stream.partitioner import murmur2, partition_for


class Cluster:
    """As much of the broker's metadata as a partitioner asks for: one topic, all there."""

    def __init__(self, partitions: int) -> None:
        self._partitions = set(range(partitions))

    def topics(self) -> set[str]:
        return {"andon.events"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return self._partitions

    available_partitions_for_topic = partitions_for_topic


@given(st.binary(max_size=200))
def test_the_hash_is_that_of_kafka_s_clients(key: bytes) -> None:
    assert murmur2(key) == kafka_murmur2(key) & 0xFFFFFFFF


@given(st.binary(max_size=60), st.integers(1, 100))
def test_a_key_goes_to_the_partition_that_kafka_s_default_partitioner_picks(
    key: bytes, partitions: int
) -> None:
    theirs = DefaultPartitioner().partition("andon.events", key, key, b"", b"", Cluster(partitions))
    assert partition_for(key, partitions) == theirs
