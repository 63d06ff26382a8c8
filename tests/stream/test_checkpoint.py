"""A checkpoint comes back as it was written, or is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stream import checkpoint
from stream.checkpoint import CheckpointError

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
array = st.sampled_from(["<f8", "<f4", "<i8", "|u1", "|b1"]).flatmap(
    lambda kind: arrays.arrays(np.dtype(kind), arrays.array_shapes(min_dims=0, min_side=0))
)
states = st.dictionaries(
    st.text().filter(lambda key: key != "$array"),
    st.recursive(
        plain | array,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(
            one, other, equal_nan=one.dtype.kind == "f"
        )
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(states)
def test_a_state_comes_back_as_it_was(state: dict[str, Any]) -> None:
    assert same(state, checkpoint.loads(checkpoint.dumps(state)))


@given(state=states, data=st.data())
def test_a_flipped_bit_or_a_cut_is_always_noticed(
    state: dict[str, Any], data: st.DataObject
) -> None:
    written = bytearray(checkpoint.dumps(state))
    at = data.draw(st.integers(0, len(written) - 1))
    if data.draw(st.booleans()):
        written[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del written[at:]
    with pytest.raises(CheckpointError):
        checkpoint.loads(bytes(written))


@pytest.mark.parametrize("value", [object(), {1: 2}, b"bytes", np.array(["text"]), {"$array": 1}])
def test_what_is_not_plain_is_refused_when_it_is_written(value: object) -> None:
    with pytest.raises(TypeError):
        checkpoint.dumps({"value": value})


def test_a_failed_write_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "trained.ckpt"
    checkpoint.write(path, {"version": 1})
    with pytest.raises(TypeError):
        checkpoint.write(path, {"version": object()})
    assert checkpoint.read(path) == {"version": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["trained.ckpt"]


@pytest.mark.parametrize("content", [b"", b"ANDON", b"\x80\x04pickle", json.dumps({}).encode()])
def test_a_foreign_file_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"foreign\.ckpt"):
        checkpoint.read(path)


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.ckpt cannot be read: No such file"):
        checkpoint.read(tmp_path / "none.ckpt")
