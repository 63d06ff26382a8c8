"""What both checkpoint stores promise: on a real folder, and on a topic of a real broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from kafka import KafkaProducer
from log_contract import unique

from stream.checkpoint import digest
from stream.checkpoint_directory import CheckpointDirectory
from stream.checkpoint_store import Checkpoint, CheckpointStore, landmark
from stream.errors import StaleEpoch
from stream.log import Record

OpenStore = Callable[..., CheckpointStore]
ROWS, COLUMNS = 2_000, 100
SIZE = ROWS * COLUMNS * 4


@pytest.fixture(params=["directory", pytest.param("topic", marks=pytest.mark.kafka)])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens the same store once more, as another process would."""
    with ExitStack() as closing:
        if request.param == "topic":
            from stream.checkpoint_topic import COMPACTION, CheckpointTopic
            from stream.kafka import KafkaConnection, KafkaLog
            from stream.log import TopicSpec

            connection = KafkaConnection((request.getfixturevalue("broker").bootstrap,))
            log = KafkaLog(connection)
            closing.callback(log.close)
            name = unique("checkpoints")
            log.create_topics([TopicSpec(name, 2, compact=True, extra=COMPACTION)])

        def opened(group: str = "andon", key: bytes = b"") -> CheckpointStore:
            store: CheckpointStore
            if request.param == "topic":
                store = CheckpointTopic(log, connection, name, group, "andon.events", key=key)
            else:
                store = CheckpointDirectory(
                    tmp_path / "checkpoints", group, "andon.events", key=key
                )
            closing.callback(store.close)
            return store

        yield opened


def checkpoint(epoch: int, sequence: int, seed: int = 0, **more: object) -> Checkpoint:
    """A checkpoint whose window differs in 20 of 2,000 rows from the one before it."""
    window = np.random.default_rng(seed).normal(size=(ROWS, COLUMNS)).astype(np.float32)
    window[20 * sequence : 20 * (sequence + 1)] = sequence
    state = {"window": window, "seen": sequence, "names": ["body-A", None, float("inf")]}
    return Checkpoint(epoch, sequence, 100 * sequence, state=state, **more)  # type: ignore[arg-type]


def test_what_was_saved_is_loaded_by_another_process_whole(open_store: OpenStore) -> None:
    store = open_store()
    saved = checkpoint(
        store.claim(0),
        1,
        alerts_end=7,
        letters_end=8,
        risks_end=9,
        fingerprint={"model": "linear", "rank": 10, "seeds": [1, 2]},
        partitions=2,
        landmark=landmark(Record("andon.events", 0, 99, b"A", b"{}")),
        written_at=1e9,
    )
    store.save(0, saved)
    found = open_store().load(0)
    assert found is not None
    assert digest(found.state) == digest(saved.state)
    assert {**vars(found), "state": None} == {**vars(saved), "state": None}


def test_nothing_is_loaded_where_nothing_was_saved(open_store: OpenStore) -> None:
    store = open_store()
    assert store.load(0) is None
    store.save(0, checkpoint(store.claim(0), 1))
    assert store.load(1) is None
    assert open_store(group="another").load(0) is None
    assert store.refused == 0


def test_the_newest_checkpoint_is_that_of_the_latest_epoch_then_sequence(
    open_store: OpenStore,
) -> None:
    first = open_store()
    epoch = first.claim(0)
    for sequence in (8, 9):
        first.save(0, checkpoint(epoch, sequence))
    second = open_store()
    second.save(0, checkpoint(second.claim(0), 1))
    found = open_store().load(0)
    assert found is not None
    assert (found.epoch, found.sequence) == (epoch + 1, 1)


def test_an_epoch_is_given_out_once(open_store: OpenStore) -> None:
    epochs = [open_store().claim(0) for _ in range(4)]
    store = open_store()
    epochs += [store.claim(0), store.claim(0)]
    assert epochs == [1, 2, 3, 4, 5, 6]
    assert store.claim(1) == 1


def test_a_replaced_one_that_is_told_between_two_records_is_outdated_as_well(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's answer to the first record arrives before the second one is sent."""
    zombie, successor = open_store(), open_store()
    old = zombie.claim(0)
    successor.save(0, checkpoint(successor.claim(0), 1))
    send = KafkaProducer.send

    def slowly(producer: KafkaProducer, *what: object, **more: object) -> object:
        sent = send(producer, *what, **more)
        time.sleep(0.3)
        return sent

    monkeypatch.setattr(KafkaProducer, "send", slowly)
    with pytest.raises(StaleEpoch, match=f"epoch {old} here"):
        zombie.save(0, checkpoint(old, 1, seed=1))


def test_who_has_been_replaced_can_save_no_more_and_its_successor_can(
    open_store: OpenStore,
) -> None:
    zombie, successor = open_store(), open_store()
    old = zombie.claim(0)
    zombie.save(0, checkpoint(old, 1))
    new = successor.claim(0)
    for sequence in (2, 3):
        with pytest.raises(StaleEpoch, match=f"epoch {old} here"):
            zombie.save(0, checkpoint(old, sequence))
    successor.save(0, checkpoint(new, 2))
    with pytest.raises(StaleEpoch):
        zombie.save(0, checkpoint(old, 9))
    successor.save(0, checkpoint(new, 3))
    found = open_store().load(0)
    assert found is not None
    assert (found.epoch, found.sequence) == (new, 3)


def test_only_what_has_changed_is_written(open_store: OpenStore) -> None:
    store = open_store()
    epoch = store.claim(0)
    costs = [store.save(0, checkpoint(epoch, 1, rank)) for rank in (0,)]
    costs += [store.save(0, checkpoint(epoch, sequence)) for sequence in (2, 3, 4, 5)]
    assert costs[0].size > SIZE
    assert costs[0].written > 0.8 * SIZE
    # A folder keeps two checkpoints in a row apart: there the second is whole as well.
    assert all(cost.written < SIZE / 2 and cost.kept > 0 for cost in costs[2:])


def test_the_three_newest_are_kept_and_stay_whole(open_store: OpenStore) -> None:
    store = open_store()
    epoch = store.claim(0)
    for sequence in range(1, 9):
        store.save(0, checkpoint(epoch, sequence))
    found = open_store().load(0)
    assert found is not None
    assert digest(found.state) == digest(checkpoint(epoch, 8).state)


def test_a_checkpoint_sealed_with_another_key_is_refused(open_store: OpenStore) -> None:
    store = open_store(key=b"k" * 32)
    store.save(0, checkpoint(store.claim(0), 1))
    for key in (b"", b"another key of 32 bytes or more..."):
        other = open_store(key=key)
        assert other.load(0) is None
        assert other.refused == 1
    assert open_store(key=b"k" * 32).load(0) is not None


def test_a_successor_goes_on_with_what_its_predecessor_stored(open_store: OpenStore) -> None:
    first = open_store()
    first.save(0, checkpoint(first.claim(0), 1))
    second = open_store()
    epoch = second.claim(0)
    found = second.load(0)
    assert found is not None
    second.save(0, checkpoint(epoch, 2))
    assert digest((open_store().load(0) or found).state) == digest(checkpoint(0, 2).state)
