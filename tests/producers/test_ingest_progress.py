"""What is committed is never ahead of what is told, and what is searched never too short."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.ingest_progress import IngestProgress
from producers.source_place import Place
from stream.log import TopicPartition

P, Q = TopicPartition("t", 0), TopicPartition("t", 1)
OUT = TopicPartition("andon.events", 0)


def test_a_reading_that_waits_is_not_committed() -> None:
    progress = IngestProgress({P: 0, Q: 0}, {OUT: 0}, [], {OUT: 0})
    commit = progress.settle({P: 9, Q: 5}, [Place("t", 0, 7), Place("t", 0, 3)], {OUT: 4})
    assert commit.source == {P: 3, Q: 5}
    assert commit.since == {OUT: 0}
    assert progress.settle({P: 9, Q: 5}, [], {OUT: 6}).since == {OUT: 6}


def test_what_was_found_at_the_start_is_searched_again_until_it_is_passed() -> None:
    progress = IngestProgress({P: 2}, {OUT: 10}, [Place("t", 0, 6)], {OUT: 20})
    assert progress.settle({P: 6}, [], {OUT: 21}).since == {OUT: 10}
    assert progress.settle({P: 7}, [], {OUT: 22}).since == {OUT: 22}


def test_a_reading_that_waits_for_days_lets_nothing_grow_without_end() -> None:
    progress = IngestProgress({P: 0}, {OUT: 0}, [], {OUT: 0})
    held = Place("t", 0, 1)
    for number in range(2, 5_000):
        commit = progress.settle({P: number}, [held], {OUT: number})
        assert (commit.source, commit.since) == ({P: 1}, {OUT: 0})
    assert len(progress._marks) <= 1_000
    # What is searched at a restart may lie further back then, and never ahead.
    since = progress.settle({P: 5_000}, [Place("t", 0, 2_500)], {OUT: 5_000}).since[OUT]
    assert 2_000 < since <= 2_500
    assert progress.settle({P: 5_001}, [], {OUT: 5_001}).since == {OUT: 5_001}


steps = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.booleans(), st.booleans(), st.booleans()), max_size=40
)


@settings(max_examples=200)
@given(drawn=steps)
def test_output_at_or_above_the_committed_offsets_is_always_searched(
    drawn: list[tuple[int, bool, bool, bool]],
) -> None:
    taken = {P: 0, Q: 0}
    progress = IngestProgress(taken, {OUT: 0}, [], {OUT: 0})
    output: list[list[Place]] = []
    waiting: list[Place] = []
    for number, waits, closes, settles in drawn:
        at = TopicPartition("t", number)
        place = Place("t", number, taken[at])
        taken[at] += 1
        if waits:
            waiting.append(place)
        else:
            output.append([place])
        if closes and waiting:
            output.append(waiting[:2])
            del waiting[:2]
        if settles:
            commit = progress.settle(taken, waiting, {OUT: len(output)})
            for held in waiting:
                assert commit.source[TopicPartition(held.topic, held.partition)] <= held.offset
            for told in output[: commit.since[OUT]]:
                for each in told:
                    assert each.offset < commit.source[TopicPartition(each.topic, each.partition)]
