"""One request to a Kafka broker and its answer, over a socket that somebody else opened.

Reference: the Kafka protocol guide, "Network" and "Protocol Primitive Types".
"""

from __future__ import annotations

import socket
import ssl
import struct
from typing import Any

_TLS_ALERT = b"\x15\x03"
_LONGEST_ANSWER = 1_000_000


class NoKafka(OSError):
    """What came is no answer to a request of Kafka's."""

    def __init__(self, came: bytes) -> None:
        super().__init__("no answer of a Kafka broker")
        self.begins_as_tls = came.startswith(_TLS_ALERT)


def asked(stream: socket.socket, request: Any, version: int) -> bytes:
    """The answer to one request: its header (the correlation id) and body."""
    request.API_VERSION = version
    request.with_header(correlation_id=1, client_id="andon")
    stream.sendall(request.encode(header=True, framed=True))
    head = _received(stream, 8)
    size, correlation = struct.unpack(">ii", head)
    if correlation != 1 or not 4 <= size <= _LONGEST_ANSWER:
        raise NoKafka(head)
    return head[4:] + _received(stream, size - 4)


def _received(stream: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        try:
            more = stream.recv(count - len(found))
        except (ConnectionResetError, ssl.SSLEOFError):
            more = b""
        if not more:
            raise NoKafka(found)
        found += more
    return found
