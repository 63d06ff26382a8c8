"""Events in a file, one JSON object a line: what `simulate` writes and `replay` reads."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import orjson

from stream.codec import DEFAULT_LIMITS, InputLimits, Rejected, decode, encode
from stream.errors import ConfigError
from stream.events import Event


def write_events(path: Path, events: Iterable[Event]) -> int:
    """Write ``events`` to ``path`` and answer how many they were; ``.gz`` compresses.

    >>> from tempfile import TemporaryDirectory
    >>> from producers.families import family
    >>> from producers.simulator import SimulatedLine
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "events.jsonl.gz"
    ...     write_events(path, SimulatedLine(family("demo")).events(parts=10))
    ...     sum(1 for event in read_events(path))
    233
    233
    """
    count = 0
    with _opened(path, "wb") as file:
        for event in events:
            file.write(encode(event) + b"\n")
            count += 1
    return count


def read_events(
    path: Path,
    *,
    on_bad: Callable[[int, Rejected], None] | None = None,
    limits: InputLimits = DEFAULT_LIMITS,
) -> Iterator[Event]:
    """The events of a file, in its order.

    A line is read as a record of the log would be, within the same ``limits``; of one that is too
    long no more than that is ever in memory. One that is no event goes to ``on_bad`` with its
    number from 1; without ``on_bad`` it raises `ConfigError`. Blank lines are passed over.
    """
    with _opened(path, "rb") as file:
        for number, line in enumerate(_lines(path, file, limits.message_bytes), start=1):
            if not line.strip():
                continue
            event = decode(_key(line, limits), line, limits)
            if not isinstance(event, Rejected):
                yield event
            elif on_bad is not None:
                on_bad(number, event)
            else:
                raise ConfigError(
                    f"{path}, line {number}: {event.message}: correct it, or convert the file"
                )


def _lines(path: Path, file: BinaryIO, longest: int) -> Iterator[bytes]:
    """The lines without their ends; of one beyond ``longest`` bytes no more than one byte more."""
    try:
        while line := file.readline(longest + 2):
            rest = line
            while len(rest) == longest + 2 and not rest.endswith(b"\n"):
                rest = file.readline(longest + 2)
            yield line.rstrip(b"\r\n")[: longest + 1]
    except (EOFError, OSError, zlib.error) as error:
        raise ConfigError(
            f"{path} cannot be read on: {error}: is it a whole file of the kind its name says?"
        ) from None


def _key(line: bytes, limits: InputLimits) -> bytes | None:
    """The key that the record would have on a log: its line's name."""
    if len(line) > limits.message_bytes:
        return None
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    name = found.get("line") if isinstance(found, dict) else None
    return name.encode() if isinstance(name, str) else None


def _opened(path: Path, mode: str) -> BinaryIO:
    try:
        opened = gzip.open(path, mode) if path.suffix == ".gz" else path.open(mode)  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be opened: {error.strerror or error}: check the path and its rights"
        ) from None
    return cast("BinaryIO", opened)
