"""What of a history could not be used: counted, and listed where a person finds it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import structlog

log = structlog.get_logger()


class BadInput:
    """Counts what could not be used, and lists it in a file or, without one, in the program's log.

    The file is made when there is something to list; one of an earlier run is removed. ``quiet``
    only counts, when a history is read once more.

    >>> with BadInput(None) as bad:
    ...     bad.count
    0
    """

    def __init__(
        self,
        path: Path | None,
        on_add: Callable[[], None] = lambda: None,
        *,
        quiet: bool = False,
    ) -> None:
        self.count = 0
        self._on_add = on_add
        self._path = path
        self._quiet = quiet
        self._file: BinaryIO | None = None

    def __enter__(self) -> BadInput:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def where(self) -> str:
        """Where the reasons are, for a sentence; nothing if all could be used."""
        if not self.count:
            return ""
        return f" ({self.count:,} could not be used: {self._path or 'see the log'})"

    def add(self, place: str, reason: str) -> None:
        """One cell, row, line or record."""
        self.count += 1
        self._on_add()
        if self._quiet:
            return
        if self._path is None:
            log.warning("andon.input_unusable", place=place, reason=reason)
            return
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        self._file.write(json.dumps({"place": place, "reason": reason}).encode() + b"\n")
