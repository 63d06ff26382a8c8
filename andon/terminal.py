"""What the commands show: progress on standard error, results on standard output."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")

# What looks like markup or like the name of an emoji is what a part or a station is called.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

_NOT_ASCII = re.compile(r"[^\x20-\x7e\n]")


def to_json(data: Any, indent: int | None = None, *, sort_keys: bool = False) -> str:
    """``data`` as JSON in ASCII, of which no terminal takes orders.

    >>> print(to_json({"part": "P\x9b2J\x7f"}))
    {"part": "P\\u009b2J\\u007f"}
    """
    return plain_json(json.dumps(data, indent=indent, sort_keys=sort_keys))


def plain_json(text: str) -> str:
    """JSON with the same meaning, in which all that is not printable is an escape.

    JSON itself escapes only the 32 oldest control characters: not those that some terminals obey
    as well, nor those that turn the direction of writing.

    >>> print(plain_json('{"part": "é\u202e\U000e0041"}'))
    {"part": "é\\u202e\\udb40\\udc41"}
    """
    return text if text.isascii() and "\x7f" not in text else _NOT_ASCII.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


class Meter:
    """A bar over bytes or items, and a count of events; silent if standard error is no terminal."""

    def __init__(self, progress: Progress, task: int) -> None:
        self._progress = progress
        self._task = task

    def bytes(self, done: int, total: int) -> None:
        """So many bytes, or items, are done."""
        self._progress.update(self._task, completed=done, total=total)  # type: ignore[arg-type]

    def of(self, items: Iterable[T], total: int) -> Iterator[T]:
        """``items``, of which there are at most ``total``, with how far they are."""
        for number, item in enumerate(items, start=1):
            if number % 1000 == 0:
                self.bytes(number, total)
            yield item

    def events(self, count: int) -> None:
        """So many events are done."""
        self._progress.update(self._task, events=f"{count:,} events")  # type: ignore[arg-type]

    def counted(self, items: Iterable[T]) -> Iterator[T]:
        """``items``, counted as they go by."""
        for number, item in enumerate(items, start=1):
            if number % 1000 == 0:
                self.events(number)
            yield item


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


class Stop(threading.Event):
    """Set when work is to end: by SIGTERM, by Ctrl-C, or by whoever holds it.

    ``number`` is the signal that came, 0 if none did; ``cut`` says that work which had an end of
    its own was stopped before it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.cut = False

    def until(self, items: Iterable[T]) -> Iterator[T]:
        """``items`` until the stop, which cuts them off."""
        for item in items:
            if self.is_set():
                self.cut = True
                return
            yield item


@contextmanager
def stopped_by_signals() -> Iterator[Stop]:
    """What SIGTERM and Ctrl-C set; a second Ctrl-C interrupts at once.

    Off the main thread, where Python hears no signals, nothing sets it.
    """
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.number = number
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
