"""A task whose state is all that it has read: what it knows is what reading it again tells."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.plain_state import State
from stream.log import Record
from stream.task import Task


class RecordedTask(Task):
    """A task that can be taken apart, whatever its model."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._read: list[Record] = []

    def process(self, record: Record) -> list[Any]:
        self._read.append(record)
        return super().process(record)

    def state(self) -> State:
        keys, values = [r.key or b"" for r in self._read], [r.value or b"" for r in self._read]
        return {
            "offsets": np.array([r.offset for r in self._read], dtype=np.int64),
            "times": np.array([r.timestamp for r in self._read], dtype=np.int64),
            "key_sizes": np.array([len(key) for key in keys], dtype=np.int64),
            "value_sizes": np.array([len(value) for value in values], dtype=np.int64),
            "keys": np.frombuffer(b"".join(keys), dtype=np.uint8),
            "values": np.frombuffer(b"".join(values), dtype=np.uint8),
        }

    def restore(self, state: State) -> None:
        keys, values = state["keys"].tobytes(), state["values"].tobytes()
        key_at = value_at = 0
        sizes = zip(state["key_sizes"], state["value_sizes"], strict=True)
        for offset, time, (of_key, of_value) in zip(
            state["offsets"], state["times"], sizes, strict=True
        ):
            key = keys[key_at : (key_at := key_at + int(of_key))]
            value = values[value_at : (value_at := value_at + int(of_value))]
            self.process(
                Record(self.settings.topic, self.partition, int(offset), key, value, (), int(time))
            )

    def fingerprint(self) -> dict[str, Any]:
        return {"model": self.settings.line.detector.model}
