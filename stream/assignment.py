"""Who of a group should read which partition: fair, sticky, and decided by each member alone.

Every member computes the same plan from the same facts and carries out only its own part of it, so
no leader is needed. Members keep what they hold as far as their share allows; whoever holds too
much gives up the surplus, and only what nobody holds may be claimed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from stream.log import TopicPartition


class Plan(NamedTuple):
    """What one member should do now.

    ``waiting`` says that more is due to it than is free: look again soon.
    """

    give_up: tuple[TopicPartition, ...]
    claim: tuple[TopicPartition, ...]
    waiting: bool


def plan(
    me: str,
    members: Mapping[str, Collection[str]],
    owners: Mapping[TopicPartition, str],
    partitions: Mapping[str, int],
) -> Plan:
    """The part of ``me`` in the fair assignment.

    ``members`` are the live members with the topics each reads, ``owners`` who holds what,
    ``partitions`` the number of partitions of each topic. Shares differ by at most one partition
    among members that read the same topics.

    >>> everything = {TopicPartition("t", n): "a" for n in range(3)}
    >>> plan("a", {"a": ["t"], "b": ["t"]}, everything, {"t": 3}).give_up
    (TopicPartition(topic='t', partition=2),)
    >>> plan("b", {"a": ["t"], "b": ["t"]}, everything, {"t": 3})
    Plan(give_up=(), claim=(), waiting=True)
    """
    give_up: list[TopicPartition] = []
    claim: list[TopicPartition] = []
    waiting = False
    for readers, topics in _pools(me, members).items():
        pool = [TopicPartition(t, n) for t in topics for n in range(partitions[t])]
        held = Counter(owners[at] for at in pool if at in owners)
        share, left_over = divmod(len(pool), len(readers))
        # Who already holds more gets the odd one, so that a settled assignment stays settled.
        ranked = sorted(readers, key=lambda member: (-held[member], member))
        quota = share + (ranked.index(me) < left_over)
        give_up += [at for at in pool if owners.get(at) == me][quota:]
        wanted = max(0, quota - held[me])
        free = [at for at in pool if at not in owners]
        claim += free[:wanted]
        waiting = waiting or wanted > len(free)
    return Plan(tuple(give_up), tuple(claim), waiting)


def _pools(me: str, members: Mapping[str, Collection[str]]) -> dict[tuple[str, ...], list[str]]:
    """The topics of ``me`` by who reads them: what the same members read is shared out together."""
    pools: dict[tuple[str, ...], list[str]] = {}
    for topic in sorted(set(members[me])):
        readers = tuple(sorted(name for name, topics in members.items() if topic in topics))
        pools.setdefault(readers, []).append(topic)
    return pools
