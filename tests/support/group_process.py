"""A member of a Kafka consumer group in a process of its own, to be killed and frozen.

    python group_process.py BOOTSTRAP TOPIC GROUP SESSION_SECONDS [MEMBER]

It starts what it gets at begin, and prints one JSON object for each change and each batch.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from typing import Any

from stream.kafka import KafkaConnection, KafkaLog

ROOT = Path(__file__).parents[2]


class GroupProcess:
    """Runs this file, and hears what it prints."""

    def __init__(
        self, bootstrap: str, topic: str, group: str, session: float, member: str = ""
    ) -> None:
        command = [sys.executable, __file__, bootstrap, topic, group, str(session), member]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        )
        self._heard: Queue[dict[str, Any]] = Queue()
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._heard.put(json.loads(line))

    @property
    def is_silent(self) -> bool:
        """Whether it has told of nothing that was not asked for."""
        return self._heard.empty()

    def next(self, what: str, timeout: float = 60.0) -> Any:
        """What the next message that has ``what`` says of it."""
        while True:
            try:
                message = self._heard.get(timeout=timeout)
            except Empty:
                raise AssertionError(f"the other process told of no {what}") from None
            if what in message:
                return message[what]

    def __enter__(self) -> GroupProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()


def main(bootstrap: str, topic: str, group: str, session: str, member: str) -> None:
    """Take part in the group until killed."""
    log = KafkaLog(KafkaConnection((bootstrap,), session_timeout_s=float(session)))
    consumer = log.consumer([topic], group, member or None)
    while True:
        batch = consumer.poll(0.5)
        for what in ("assigned", "revoked", "lost"):
            if partitions := getattr(batch, what):
                print(json.dumps({what: [at.partition for at in partitions]}), flush=True)
        for at in batch.assigned:
            consumer.start(at, log.begin(at))
        if batch.records:
            offsets = [record.offset for record in batch.records]
            print(json.dumps({"read": offsets}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
