"""Connections that go where the guard says and end when their time is up.

`PinnedBackend` is the one way in which a webhook gets a socket: for each new connection it asks
for the permitted addresses and connects to one of those very addresses, so that no second look-up
can answer otherwise. Its streams share a `Deadline`, because a time-out per read never ends with a
peer that sends one byte a second.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore


class Deadline:
    """The time by which an attempt must be over.

    >>> deadline = Deadline()
    >>> deadline.set(10.0)
    >>> 9.0 < deadline.remaining() <= 10.0
    True
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = float("inf")

    def set(self, seconds: float) -> None:
        """Be over in this many seconds."""
        self._at = self._clock() + seconds

    def shorten(self, seconds: float) -> None:
        """Be over in this many seconds, or earlier if it was to be earlier."""
        self._at = min(self._at, self._clock() + seconds)

    def remaining(self) -> float:
        """Seconds left; 0 or less once it is over."""
        return self._at - self._clock()


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to the addresses that ``addresses`` answers, in their order, and to no other.

    What ``addresses`` raises goes through, but for OSError, which becomes
    ``httpcore.ConnectError``. ``network`` does the connecting; tests give one that only counts.

    >>> backend = PinnedBackend(list, Deadline())
    >>> backend.connect_tcp("a.example", 443)
    Traceback (most recent call last):
    httpcore.ConnectError: no address to connect to
    """

    def __init__(
        self,
        addresses: Callable[[], Sequence[str]],
        deadline: Deadline,
        network: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._network = network or httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first permitted address that answers; ``host`` itself is not used."""
        try:
            addresses = self._addresses()
        except OSError as error:
            raise httpcore.ConnectError(f"name look-up failed: {error}") from error
        failure: Exception = httpcore.ConnectError("no address to connect to")
        for tried, address in enumerate(addresses):
            # An address that swallows packets must not use up the time of those after it.
            share = _left(self._deadline, httpcore.ConnectTimeout) / (len(addresses) - tried)
            try:
                stream = self._network.connect_tcp(address, port, share, local_address)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(stream, self._deadline)
        raise failure

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Never: a webhook is no local socket."""
        raise httpcore.ConnectError("webhooks do not go to local sockets")


class _DeadlineStream(httpcore.NetworkStream):
    """A stream each of whose operations gets what is left of the attempt's time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        secured = self._stream.start_tls(ssl_context, server_hostname, left)
        return _DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: Deadline, over: type[httpcore.TimeoutException]) -> float:
    left = deadline.remaining()
    if left <= 0:
        raise over("the attempt's time is up")
    return left
