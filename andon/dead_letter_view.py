"""One dead letter for a person or a script: nothing of it reaches a terminal as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from andon.dead_letters import Letter, iso_ms, short
from andon.mistakes import plain
from stream.log import Headers

_ROW = 16
_WIDEST_HEADER = 300


def letter_text(letter: Letter, most: int = 4096) -> str:
    """The letter in lines; of the value the first ``most`` bytes, 0 for all.

    >>> from stream.events import DeadLetter
    >>> from stream.log import Record
    >>> said = DeadLetter(topic="shots", partition=0, offset=7, stage="decode",
    ...                   error="not_json", message="unexpected end")
    >>> record = Record("andon.dead-letters", 0, 3, b"k", b"\\x1b[31m{", said.to_headers(), 1000)
    >>> print(letter_text(Letter(said, record)))
    letter      0:3 of andon.dead-letters, put aside 1970-01-01T00:00:01.000Z
    origin      shots, partition 0, offset 7
    reason      not_json (decode): unexpected end
    key         k
    value       6 bytes of text:
      \\x1b[31m{
    """
    said, record = letter.said, letter.record
    origin = f"{plain(said.topic)}, partition {said.partition}, offset {said.offset}"
    if said.timestamp is not None:
        origin += f", appended {iso_ms(said.timestamp)}"
    lines = [
        _field(
            "letter",
            f"{short(letter.place)} of {plain(record.topic)}, put aside {iso_ms(record.timestamp)}",
        ),
        _field("origin", origin),
        _field("reason", f"{plain(said.error)} ({said.stage}): {plain(said.message, 600)}"),
        _field("key", "none" if record.key is None else _one_line(record.key)),
    ]
    lines += [
        _field("header", f"{plain(name)}: {_one_line(value)}") for name, value in letter.own_headers
    ]
    return "\n".join([*lines, *_value_lines(letter, most)])


def letter_dict(letter: Letter) -> dict[str, Any]:
    """The letter as JSON has it: bytes that are no text in hexadecimal."""
    said, record = letter.said, letter.record
    return {
        "place": short(letter.place),
        "put_aside": iso_ms(record.timestamp),
        "origin": {
            "topic": said.topic,
            "partition": said.partition,
            "offset": said.offset,
            "appended": None if said.timestamp is None else iso_ms(said.timestamp),
        },
        "reason": {"class": said.error, "stage": said.stage, "message": said.message},
        "schema": said.major,
        "key": _bytes(record.key),
        "headers": _headers(letter.own_headers),
        "value": _bytes(record.value),
        "truncated": letter.is_cut,
        "length": said.length if letter.is_cut else len(record.value or b""),
        "sha256": said.sha256,
    }


def _field(name: str, text: str) -> str:
    return f"{name:<12}{text}"


def _one_line(data: bytes) -> str:
    try:
        return plain(data.decode("utf-8"), _WIDEST_HEADER)
    except UnicodeDecodeError:
        return plain(f"hex {data.hex(' ')}", _WIDEST_HEADER)


def _value_lines(letter: Letter, most: int) -> Iterator[str]:
    value, said = letter.record.value, letter.said
    if value is None:
        yield _field("value", "none")
        return
    text = _text(value, letter.is_cut)
    size = f"{len(value):,} bytes of {'text' if text is not None else 'binary data'}"
    if letter.is_cut:
        size += f", the first of {said.length or 0:,}: the rest was not kept (SHA-256 of the whole "
        size += f"{plain(said.sha256 or 'unknown')})"
    yield _field("value", size + ("" if not value else ":"))
    shown = value if not most else value[:most]
    if text is not None:
        # A character may be cut in two here, though not in the value.
        for line in shown.decode("utf-8", "ignore").split("\n") if value else ():
            yield "  " + plain(line, len(line))
    else:
        yield from _hex_lines(shown)
    if len(shown) < len(value):
        yield f"  ... {len(value) - len(shown):,} bytes more: --bytes 0 shows all"


def _text(value: bytes, cut: bool) -> str | None:
    """The value as text, None if it is none; the end of one that was cut may be half a character.

    >>> _text("é".encode()[:1], True), _text(b"\\xff", True), _text(b"a\\x00", False)
    ('', None, None)
    """
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        if not cut or error.reason != "unexpected end of data":
            return None
        text = value[: error.start].decode("utf-8")
    return None if "\x00" in text else text


def _hex_lines(data: bytes) -> Iterator[str]:
    for start in range(0, len(data), _ROW):
        row = data[start : start + _ROW]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"  {start:08x}  {row.hex(' '):<{_ROW * 3}} {text}"


def _bytes(data: bytes | None) -> dict[str, str] | None:
    if data is None:
        return None
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"hex": data.hex()}


def _headers(headers: Headers) -> list[dict[str, Any]]:
    return [{"name": name, **(_bytes(value) or {})} for name, value in headers]
