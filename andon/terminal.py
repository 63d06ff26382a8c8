"""What the commands show: progress on standard error, results on standard output."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Meter:
    """A bar over bytes and a count of events; silent when standard error is no terminal."""

    def __init__(self, progress: Progress, task: int) -> None:
        self._progress = progress
        self._task = task

    def bytes(self, done: int, total: int) -> None:
        """So many bytes are done."""
        self._progress.update(self._task, completed=done, total=total)  # type: ignore[arg-type]

    def events(self, count: int) -> None:
        """So many events are done."""
        self._progress.update(self._task, events=f"{count:,} events")  # type: ignore[arg-type]


@contextmanager
def metered(title: str) -> Iterator[Meter]:
    """A progress bar for a long piece of work."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[events]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not sys.stderr.isatty()) as progress:
        yield Meter(progress, progress.add_task(title, total=None, events=""))


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set; a second Ctrl-C interrupts at once."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
