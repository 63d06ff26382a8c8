"""What andon says about itself: JSON lines on standard error, or readable lines on a terminal.

One record is one line: whatever a part, a station or an error message is called, its control
characters are written as escapes, so no input can forge a line or steer a terminal. A traceback
takes several lines on a terminal, each set off by a bar, and shows no local variables, because
those hold payloads and secrets.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error", "critical"]
Format = Literal["auto", "json", "console"]

# kafka tells payloads and passwords at DEBUG, and every connection it makes at INFO; httpcore tells
# the headers of replies at DEBUG, numba every step of a compilation. No setting lifts these floors,
# for what lies below them holds secrets. Two modules of kafka warn of what is no fault: topics not
# heard of yet while a group forms, and a turn of its loop that took more than 0.1 s.
QUIETED: Mapping[str, int] = {
    "kafka": logging.WARNING,
    "kafka.coordinator.assignors": logging.ERROR,
    "kafka.net.selector": logging.ERROR,
    "httpcore": logging.WARNING,
    "numba": logging.WARNING,
}
AGAIN_S = 10.0
_SAID_KEPT = 256
_NUMBER = re.compile(r"\d+")


def configure_logging(
    level: Level = "info",
    format: Format = "auto",  # noqa: A002 - the setting's name
    stream: TextIO | None = None,
    *,
    cache: bool = False,
) -> None:
    """Send structlog's and the standard library's lines of ``level`` and above to one place.

    Parameters
    ----------
    level
        The least severe line written; below it a call returns before anything is made of it.
    format
        ``auto`` is ``console`` on a terminal and ``json`` elsewhere.
    stream
        Where to; None for what ``sys.stderr`` is at the time of each line.
    cache
        True in a program that configures once: each logger is made at its first line and kept,
        so a filtered line costs a third. A later call then no longer reaches those loggers.

    >>> import io
    >>> heard = io.StringIO()
    >>> configure_logging("info", "json", heard)
    >>> structlog.get_logger().info("andon.part_scored", part="P-1\\nforged")
    >>> json.loads(heard.getvalue())["part"]
    'P-1\\nforged'
    >>> structlog.reset_defaults()
    """
    out = cast(TextIO, _StandardError()) if stream is None else stream
    console = format == "console" or (format == "auto" and out.isatty())
    least = getattr(logging, level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    rendering: list[Processor] = (
        [escape_controls, structlog.dev.ConsoleRenderer(colors=out.isatty())]
        if console
        else [render_json]
    )
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=cache,
    )
    _configure_standard_library(least, out, shared, rendering)


def escape_controls(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """A processor that leaves only printable text in keys and values.

    >>> escape_controls(None, "info", {"event": "e", "part": "P\\x1b[2J\\n[error] forged"})["part"]
    'P\\\\x1b[2J\\\\n[error] forged'
    """
    told = {_printable(key): _told(value) for key, value in event.items()}
    for several in ("exception", "stack"):
        if several in event:
            lines = str(event[several]).split("\n")
            told[several] = "\n".join(f"  | {_printable(line)}" for line in lines)
    return told


def render_json(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """The last processor for machines: one line of ASCII JSON, whatever the values are.

    >>> render_json(None, "info", {"event": "e", "risk": float("nan"), "part": "\\x9b1m"})
    '{"event": "e", "risk": "nan", "part": "\\\\u009b1m"}'
    """
    try:
        line = json.dumps(event, default=repr, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        line = json.dumps({str(key): _simple(value) for key, value in event.items()})
    return line.replace("\x7f", "\\u007f")


def _configure_standard_library(
    least: int, out: TextIO, shared: list[Processor], rendering: list[Processor]
) -> None:
    """Libraries log through ``logging``: the same lines, never below their own floor."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    handler.addFilter(_above_its_floor)
    handler.addFilter(_NotAgain())
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old.formatter, ProcessorFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(least)
    for name, floor in QUIETED.items():
        logging.getLogger(name).setLevel(max(least, floor))
    logging.captureWarnings(True)


def _above_its_floor(record: logging.LogRecord) -> bool:
    return record.levelno >= QUIETED.get(record.name.partition(".")[0], logging.NOTSET)


class _NotAgain(logging.Filter):
    """Drops what a client has said within `AGAIN_S` already, but for the numbers in it.

    A client of brokers that refuse it says so thirty times a second, for as long as it takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: OrderedDict[tuple[str, str], float] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in QUIETED:
            return True
        said = (record.name, _NUMBER.sub("", record.getMessage())[:300])
        before = self._said.get(said)
        if before is not None and 0 <= record.created - before < AGAIN_S:
            return False
        self._said[said] = record.created
        self._said.move_to_end(said)
        if len(self._said) > _SAID_KEPT:
            self._said.popitem(last=False)
        return True


class _StandardError:
    """Standard error as it is when a line is written: it may be replaced meanwhile."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _told(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return _printable(value if isinstance(value, str) else repr(value))


def _simple(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    return repr(value)
