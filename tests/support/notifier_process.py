"""A notifier as a process of its own: ``notifier_process.py ALERTS.jsonl TAKEN OUTBOX ENDPOINTS``.

ENDPOINTS is a JSON file: of each endpoint its url, its name and further settings.
The source is a file with an alert a line; how far it was taken is a number in a second file. Ends
with SIGTERM, or is killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from webhooks import local_endpoint

from alerts.notifier import Notifier
from alerts.outbox import Outbox
from alerts.source import AlertMessage, Position, read_message


class FileSource:
    """The lines of a file, in batches."""

    def __init__(self, alerts: Path, taken: Path) -> None:
        self._lines = alerts.read_bytes().splitlines()
        self._taken = taken
        self._next = int(taken.read_text()) if taken.exists() else 0

    def poll(self, timeout: float) -> Sequence[AlertMessage]:
        start, self._next = self._next, min(self._next + 20, len(self._lines))
        if start == self._next:
            time.sleep(min(timeout, 0.05))
        return [
            read_message(self._lines[at], Position("file", at)) for at in range(start, self._next)
        ]

    def taken(self, position: Position) -> None:
        new = self._taken.with_suffix(".new")
        new.write_text(str(position.offset + 1))
        os.replace(new, self._taken)


def main() -> None:
    alerts, taken, outbox, endpoints = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Outbox(Path(outbox)) as kept:
        source = FileSource(Path(alerts), Path(taken))
        wanted = [local_endpoint(**each) for each in json.loads(Path(endpoints).read_text())]
        Notifier(source, kept, wanted).run(stop)


if __name__ == "__main__":
    main()
