from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.label_ring import LabelRing

STEP = st.one_of(
    st.just("drop"),
    st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 5), st.integers(0, 6)),
)


def push(ring, number, fail, width=3, fills=0, flags=1):
    return ring.push(
        np.full(width, number, np.float32),
        np.arange(fills, dtype=np.int32),
        np.full((fills, ring.replicates), number, np.float32),
        np.arange(flags, dtype=np.int32),
        fail,
        float(number),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=200))
def test_the_ring_is_a_queue_of_rows_whatever_their_widths(steps):
    ring, queue, width = LabelRing(replicates=2), [], 0
    for number, step in enumerate(steps):
        if step == "drop":
            if queue:
                queue.pop(0)
                ring.drop()
        else:
            fail, more, fills, flags = step
            width += more  # columns are only ever added
            push(ring, number, fail, width, fills, flags)
            queue.append((number, fail, width, fills, flags))
        held = ring.held()
        assert len(ring) == len(held) == len(queue)
        assert ring.fails == sum(row[1] for row in queue)
        assert list(ring.fail_rows) == [
            i for i, row in zip(held.tolist(), queue, strict=True) if row[1]
        ]
        for at, (i, row) in enumerate(zip(held.tolist(), queue, strict=True)):
            assert ring.rows(at, 1) == [i]
            held_number, _, held_width, held_fills, held_flags = row
            assert (ring.dense[i, :held_width] == held_number).all()
            assert not ring.dense[i, held_width:].any()
            assert ring.fill_at[i].tolist()[:held_fills] == list(range(held_fills))
            assert (ring.fill_at[i, held_fills:] == -1).all()
            assert (ring.fills[i, :held_fills] == held_number).all()
            assert (ring.flag_at[i] >= 0).sum() == held_flags
            assert ring.at[i] == held_number
    if queue:
        assert ring.oldest == held[0]
        assert ring.rows(1, len(queue)) == [*held[1:].tolist(), int(held[0])]


def test_a_full_ring_makes_room_and_keeps_the_order():
    ring = LabelRing(replicates=1)
    for number in range(500):
        push(ring, number, fail=number % 7 == 0)
        if number % 3 == 0:
            ring.drop()
    numbers = ring.at[ring.held()].tolist()
    assert numbers == sorted(numbers)
    assert len(numbers) == len(ring) == 333


def test_rows_up_to_the_most_that_is_held_copy_nothing():
    ring = LabelRing(replicates=1, most=1_000)
    push(ring, 0, fail=False)
    dense = ring.dense
    for number in range(1, 1_000):
        push(ring, number, fail=False)
    assert ring.dense is dense
    assert ring.at[ring.held()].tolist() == list(range(1_000))


def test_rows_beyond_the_most_are_held_as_well():
    ring = LabelRing(replicates=1, most=100)
    for number in range(400):
        push(ring, number, fail=number % 5 == 0, width=3 + number // 100, fills=2)
        if number % 4 == 0:
            ring.drop()
    numbers = ring.at[ring.held()].tolist()
    assert numbers == list(range(100, 400))
    assert (ring.dense[ring.held(), 0] == numbers).all()
    assert [ring.at[i] % 5 for i in ring.fail_rows] == [0.0] * 60


def test_a_new_row_starts_without_a_dual_number_even_where_another_lay():
    ring = LabelRing(replicates=1)
    for number in range(64):
        ring.alpha[push(ring, number, fail=False)] = 0.5
    ring.drop()
    assert ring.alpha[push(ring, 64, fail=True)] == 0.0


def test_a_ring_made_again_from_its_state_holds_the_same_rows_in_the_same_order():
    ring, again = LabelRing(replicates=2), LabelRing(replicates=2)
    for number in range(150):
        push(ring, number, fail=number % 4 == 0, fills=number % 3)
        if number > 50:
            ring.drop()
    again.restore(ring.state())
    assert (again.at[again.held()] == ring.at[ring.held()]).all()
    assert (again.fills[again.held()] == ring.fills[ring.held()]).all()
    assert [again.at[i] for i in again.fail_rows] == [ring.at[i] for i in ring.fail_rows]
    assert len(again.sign) == len(ring.sign)
