"""Members that plan alone end up sharing fairly, and then leave things as they are."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.assignment import plan
from stream.log import TopicPartition


def settle(
    members: dict[str, list[str]],
    owners: dict[TopicPartition, str],
    partitions: dict[str, int],
    order: list[str],
) -> int:
    """Let everybody act in turn until nobody has anything to do; answers the rounds taken."""
    for round_number in range(50):
        acted = False
        for me in order:
            todo = plan(me, members, owners, partitions)
            assert not set(todo.claim) & set(owners)
            owners.update(dict.fromkeys(todo.claim, me))
            for at in todo.give_up:
                del owners[at]
            acted = acted or any(todo[:2]) or todo.waiting
        if not acted:
            return round_number
    raise AssertionError(f"the members never settled: {owners}")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_state_settles_into_equal_shares_and_stays_so(data: st.DataObject) -> None:
    partitions = {"a": data.draw(st.integers(1, 7)), "b": data.draw(st.integers(1, 7))}
    names = [f"m{number}" for number in range(data.draw(st.integers(1, 5)))]
    members = {name: ["a", "b"] for name in names}
    every = [TopicPartition(topic, n) for topic, count in partitions.items() for n in range(count)]
    owners = {at: data.draw(st.sampled_from(names)) for at in every if data.draw(st.booleans())}
    rounds = settle(members, owners, partitions, data.draw(st.permutations(names)))
    assert set(owners) == set(every)
    shares = Counter(owners.values())
    assert max(shares.values()) - min(shares[name] for name in names) <= 1
    assert rounds <= 3


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_members_with_different_topics_settle_and_leave_nothing_unread(data: st.DataObject) -> None:
    partitions = {"a": data.draw(st.integers(1, 5)), "b": data.draw(st.integers(1, 5))}
    names = [f"m{number}" for number in range(data.draw(st.integers(1, 5)))]
    members = {name: data.draw(st.sampled_from([["a"], ["b"], ["a", "b"]])) for name in names}
    owners: dict[TopicPartition, str] = {}
    settle(members, owners, partitions, names)
    read = {topic for topics in members.values() for topic in topics}
    assert set(owners) == {TopicPartition(t, n) for t in read for n in range(partitions[t])}
    assert all(at.topic in members[owner] for at, owner in owners.items())


def test_a_newcomer_moves_no_more_than_its_own_share() -> None:
    owners = {TopicPartition("t", n): "ab"[n % 2] for n in range(6)}
    before = dict(owners)
    members = {"a": ["t"], "b": ["t"], "c": ["t"]}
    settle(members, owners, {"t": 6}, ["c", "b", "a"])
    moved = [at for at in owners if owners[at] != before[at]]
    assert len(moved) == 2
    assert {owners[at] for at in moved} == {"c"}


def test_more_members_than_partitions_leaves_some_without_and_at_rest() -> None:
    members = {name: ["t"] for name in "abc"}
    owners = {TopicPartition("t", 0): "b"}
    for spare in "ac":
        assert plan(spare, members, owners, {"t": 1}) == ((), (), False)
