"""What a dead letter keeps of its record, so that it always fits into a record again.

Together with the first part of the value (``limits.dead_letter_bytes``, at most 900,000 bytes) and
the headers that say why, which are below 4 KiB, this stays under the megabyte that Kafka's topics
take unless told otherwise. Nothing is encoded on the way: bytes are kept as bytes.
"""

from __future__ import annotations

from stream.log import Headers

KEY_BYTES = 2 * 1024  # longer than any line's name may be
HEADER_BYTES = 32 * 1024


def short_key(key: bytes | None) -> bytes | None:
    """The first `KEY_BYTES` of a key."""
    return None if key is None else key[:KEY_BYTES]


def short_headers(headers: Headers) -> tuple[tuple[str, bytes], ...]:
    """The first headers that fit together into `HEADER_BYTES`.

    >>> [name for name, _ in short_headers([("a", b"1"), ("b", b"2" * 40_000), ("c", b"3")])]
    ['a']
    """
    kept = []
    left = HEADER_BYTES
    for name, value in headers:
        left -= len(name.encode("utf-8", "replace")) + len(value)
        if left < 0:
            break
        kept.append((name, value))
    return tuple(kept)
