"""Records of several partitions come in the order of their arrival, however they were fetched."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.arrival_order import ArrivalOrder
from stream.log import Record, TopicPartition

A, B = TopicPartition("a", 0), TopicPartition("b", 0)


def record(at: TopicPartition, offset: int, timestamp: int) -> Record:
    return Record(at.topic, at.partition, offset, None, b"", timestamp=timestamp)


def taken(order: ArrivalOrder) -> list[tuple[str, int]]:
    return [(found.topic, found.offset) for found in order.take()]


def test_a_lagging_partition_is_waited_for() -> None:
    order = ArrivalOrder(["a", "b"], {A: 0, B: 0})
    order.add([record(B, 0, 5)])
    assert order.must_look()
    order.ends({A: 1, B: 1})
    assert taken(order) == []
    assert order.lagging() == [A]
    order.add([record(A, 0, 3)])
    assert taken(order) == [("a", 0)]
    assert order.must_look(), "a may have got another one meanwhile"
    order.ends({A: 1, B: 1})
    assert taken(order) == [("b", 0)]
    assert order.all_read()


def test_an_empty_partition_at_its_end_blocks_nothing() -> None:
    order = ArrivalOrder(["a", "b"], {A: 7, B: 0})
    order.ends({A: 7, B: 1})
    order.add([record(B, 0, 5)])
    order.ends({A: 7, B: 1})
    assert taken(order) == [("b", 0)]


def test_a_look_that_is_older_than_a_record_says_nothing_about_it() -> None:
    order = ArrivalOrder(["a", "b"], {A: 0, B: 0})
    order.ends({A: 0, B: 0})
    order.add([record(B, 0, 5)])
    assert taken(order) == []


def test_offsets_without_a_record_are_skipped() -> None:
    order = ArrivalOrder(["a", "b"], {A: 0, B: 0})
    order.add([record(B, 0, 5)])
    order.ends({A: 2, B: 1})
    order.skip(A, 2)
    assert taken(order) == [("b", 0)]
    assert order.taken == {A: 2, B: 1}


def test_equal_times_go_by_the_topics_place_in_the_map_then_partition() -> None:
    second = TopicPartition("b", 1)
    order = ArrivalOrder(["b", "a"], {A: 0, B: 0, second: 0})
    order.add([record(A, 0, 1), record(second, 0, 1), record(B, 0, 1)])
    order.ends({A: 1, B: 1, second: 1})
    assert [(r.topic, r.partition) for r in order.take()] == [("b", 0), ("b", 1), ("a", 0)]


partitions = st.lists(st.lists(st.integers(0, 20), max_size=12), min_size=1, max_size=4)


@settings(max_examples=200)
@given(times=partitions, chance=st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_records_are_fetched(
    times: list[list[int]], chance: st.DataObject
) -> None:
    places = [TopicPartition("t", number) for number in range(len(times))]
    queues = {
        at: [record(at, offset, time) for offset, time in enumerate(times[at.partition])]
        for at in places
    }
    ends = {at: len(queue) for at, queue in queues.items()}
    runs = []
    for whole in (True, False):
        order = ArrivalOrder(["t"], dict.fromkeys(places, 0))
        left = {at: list(queue) for at, queue in queues.items()}
        out: list[Record] = []
        while any(left.values()) or not order.all_read():
            for at in places:
                size = len(left[at]) if whole else chance.randint(0, 3)  # type: ignore[attr-defined]
                order.add(left[at][:size])
                del left[at][:size]
            out += order.take()
            if order.must_look() or not len(order):
                order.ends(ends)
            out += order.take()
        runs.append(out)
    assert runs[0] == runs[1]
    assert sorted(runs[0]) == sorted(r for queue in queues.values() for r in queue)
    for at, queue in queues.items():
        assert [r for r in runs[0] if r.partition == at.partition] == queue
    if all(list(t) == sorted(t) for t in times):
        assert runs[0] == sorted(runs[0], key=lambda r: (r.timestamp, r.partition, r.offset))
