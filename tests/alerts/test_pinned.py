"""Pinned connections and their deadline, without a network."""

from __future__ import annotations

import httpcore
import pytest
from webhooks import Clock, RecordingNetwork

from alerts.pinned import Deadline, PinnedBackend


class Stream(httpcore.NetworkStream):
    """Keeps the time-outs that it is given."""

    def __init__(self) -> None:
        self.given: list[float | None] = []

    def read(self, max_bytes, timeout=None):
        self.given.append(timeout)
        return b"x"

    def write(self, buffer, timeout=None):
        self.given.append(timeout)

    def start_tls(self, ssl_context, server_hostname=None, timeout=None):
        self.given.append(timeout)
        return self


class Network(httpcore.NetworkBackend):
    """Connects everywhere, to one stream."""

    def __init__(self) -> None:
        self.stream = Stream()

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        return self.stream


def test_every_operation_gets_what_is_left_of_the_one_deadline():
    clock, network = Clock(0.0), Network()
    deadline = Deadline(clock)
    deadline.set(15)
    stream = PinnedBackend(lambda: ["93.184.216.34"], deadline, network).connect_tcp("a", 443)
    stream = stream.start_tls(None)  # type: ignore[arg-type]
    clock.advance(4)
    stream.write(b"x", timeout=None)
    clock.advance(10)
    stream.read(1, timeout=600)
    assert network.stream.given == [15, 11, 1]
    clock.advance(1)
    with pytest.raises(httpcore.ReadTimeout):
        stream.read(1)
    with pytest.raises(httpcore.WriteTimeout):
        stream.write(b"x")
    with pytest.raises(httpcore.ConnectTimeout):
        stream.start_tls(None)  # type: ignore[arg-type]


def test_a_deadline_is_shortened_but_never_put_off():
    clock = Clock(0.0)
    deadline = Deadline(clock)
    deadline.set(15)
    deadline.shorten(20)
    assert deadline.remaining() == 15
    deadline.shorten(1)
    assert deadline.remaining() == 1
    deadline.set(15)
    assert deadline.remaining() == 15


def test_the_host_asked_for_is_never_what_is_connected_to():
    network = RecordingNetwork()
    deadline = Deadline()
    deadline.set(1)
    backend = PinnedBackend(lambda: ["93.184.216.34", "93.184.216.35"], deadline, network)
    with pytest.raises(httpcore.ConnectError, match="not from here"):
        backend.connect_tcp("127.0.0.1", 80)
    assert network.asked == ["93.184.216.34", "93.184.216.35"]


def test_local_sockets_are_not_webhooks():
    with pytest.raises(httpcore.ConnectError):
        PinnedBackend(list, Deadline()).connect_unix_socket("/run/docker.sock")
