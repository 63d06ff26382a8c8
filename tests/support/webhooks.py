"""Endpoints, sources and servers for tests of deliveries; everything stays on this machine."""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpcore
import pytest

from alerts.endpoint import Endpoint
from alerts.source import AlertMessage, Position

SECRET = "whsec_" + "b2xkLXNlY3JldC1vbGQtc2VjcmV0LW9sZC1zZWNy"
NEW_SECRET = "whsec_" + "bmV3LXNlY3JldC1uZXctc2VjcmV0LW5ldy1zZWNy"
LOCAL = ("127.0.0.1=127.0.0.1/32",)


def local_endpoint(url: str, name: str = "mes", **settings: Any) -> Endpoint:
    """An endpoint on this machine, allowed explicitly."""
    defaults: dict[str, Any] = {
        "secrets": (SECRET,),
        "allow_http": True,
        "allow_networks": LOCAL,
        "timeout_s": 5.0,
    }
    return Endpoint(name, url, **(defaults | settings))


def message(
    number: int, severity: str = "high", alert_type: str = "part.at_risk", stream: str = "alerts/0"
) -> AlertMessage:
    """The alert at ``number`` of its stream."""
    alert_id = f"{stream.replace('/', '-')}-{number}"
    body = (
        f'{{"id":"{alert_id}","type":"{alert_type}","severity":"{severity}","part":"Ä-{number}"}}'
    )
    return AlertMessage(alert_id, alert_type, severity, body.encode(), Position(stream, number))


class ListSource:
    """Yields batches of messages; remembers what was taken."""

    def __init__(self, *batches: Sequence[AlertMessage]) -> None:
        self.batches = list(batches)
        self.positions: list[Position] = []

    def poll(self, timeout: float) -> Sequence[AlertMessage]:
        if self.batches:
            return self.batches.pop(0)
        time.sleep(min(timeout, 0.02))
        return ()

    def taken(self, position: Position) -> None:
        self.positions.append(position)


class Clock:
    """A clock that stands still until told."""

    def __init__(self, now: float = 1_767_600_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class RecordingNetwork(httpcore.NetworkBackend):
    """Connects to nothing but 127.0.0.1 and keeps every address that it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.asked.append(host)
        if host != "127.0.0.1":
            raise httpcore.ConnectError("not from here")
        return httpcore.SyncBackend().connect_tcp(host, port, timeout)


class RawServer:
    """A TCP server on 127.0.0.1 that treats each connection as ``behave`` says."""

    def __init__(self, behave: Callable[[socket.socket, RawServer], None]) -> None:
        self._behave = behave
        self.closing = threading.Event()
        self.connections = 0
        self.requests: list[tuple[bytes, bytes]] = []
        self.bytes_sent = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> RawServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.closing.set()
        # Shutting the listener down is what wakes its accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._behave(connection, self)
            except OSError:
                return

    def read_request(self, connection: socket.socket) -> tuple[bytes, bytes] | None:
        """Head and body of the next request; None at the end of the connection."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(dict(_fields(head))[b"content-length"])
        while len(body) < length:
            more = connection.recv(65536)
            if not more:  # broken off
                return None
            body += more
        self.requests.append((head, body))
        return head, body


def _fields(head: bytes) -> Iterable[tuple[bytes, bytes]]:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        yield name.lower(), value.strip()


def answering(*replies: str) -> RawServer:
    """Answers the requests with these status lines and headers in turn, the last one for ever."""
    left = list(replies)

    def behave(connection: socket.socket, server: RawServer) -> None:
        while server.read_request(connection):
            reply = left.pop(0) if len(left) > 1 else left[0]
            connection.sendall(f"HTTP/1.1 {reply}\r\nContent-Length: 0\r\n\r\n".encode())

    return RawServer(behave)


def hanging() -> RawServer:
    """Takes requests and never answers."""

    def behave(connection: socket.socket, server: RawServer) -> None:
        server.read_request(connection)
        server.closing.wait(60)

    return RawServer(behave)


def dribbling(start: str) -> RawServer:
    """Answers with ``start`` and then one byte every 20 ms, for ever."""

    def behave(connection: socket.socket, server: RawServer) -> None:
        server.read_request(connection)
        connection.sendall(start.encode())
        while not server.closing.wait(0.02):
            connection.sendall(b"x")

    return RawServer(behave)


def flooding(head: str, size: int = 1 << 30) -> RawServer:
    """Answers with ``head`` and then a gigabyte."""

    def behave(connection: socket.socket, server: RawServer) -> None:
        server.read_request(connection)
        connection.sendall(head.encode())
        chunk = b"x" * 65536
        while server.bytes_sent < size and not server.closing.is_set():
            connection.sendall(chunk)
            server.bytes_sent += len(chunk)

    return RawServer(behave)


def resetting() -> RawServer:
    """Resets each connection once the request has come."""

    def behave(connection: socket.socket, server: RawServer) -> None:
        server.read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return RawServer(behave)


def echoing() -> RawServer:
    """Sends the request back as its reply."""

    def behave(connection: socket.socket, server: RawServer) -> None:
        request = server.read_request(connection)
        assert request is not None
        connection.sendall(request[0] + b"\r\n\r\n" + request[1])

    return RawServer(behave)


def until(holds: Callable[[], bool], timeout: float = 60.0) -> bool:
    """Wait until ``holds()``; False if it does not in time."""
    over = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > over:
            return False
        time.sleep(0.005)
    return True


class TlsServer:
    """Answers 204 over TLS with a certificate for ``name``, made for the occasion."""

    def __init__(self, folder: Path, name: str) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed: the TLS tests of webhooks did not run")
        self.certificate = folder / f"{name}.pem"
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 "
            f"-subj /CN=test -addext subjectAltName=DNS:{name} "
            f"-keyout {self.certificate}.key -out {self.certificate}"
        )
        subprocess.run(command.split(), check=True, capture_output=True)
        self.names: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, f"{self.certificate}.key")
        context.sni_callback = lambda sock, name, ctx: self.names.append(name)  # type: ignore[assignment]

        def behave(connection: socket.socket, server: RawServer) -> None:
            with context.wrap_socket(connection, server_side=True) as secured:
                while server.read_request(secured):
                    secured.sendall(b"HTTP/1.1 204 yes\r\n\r\n")

        self.server = RawServer(behave)

    def endpoint(self, name: str, **settings: Any) -> Endpoint:
        return Endpoint(
            "mes",
            f"https://{name}:{self.server.port}/",
            (SECRET,),
            allow_networks=(f"{name}=127.0.0.1",),
            timeout_s=5,
            **settings,
        )
