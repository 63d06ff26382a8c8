"""A small receiver of webhooks: checks signatures, drops duplicates, keeps what came.

The demo and the tests deliver to it, and whoever writes a receiver of their own may start from it.
What a receiver owes: verify the signature over the bytes as they came, answer within 15 seconds,
and treat a ``webhook-id`` seen before as delivered.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

MAX_BODY = 64 * 1024
READ_S = 10.0


@dataclass(frozen=True)
class Received:
    """One alert that came, with its headers in lower case; ``alert`` is the body, parsed."""

    id: str
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    alert: dict[str, Any] = field(repr=False)


class Receiver:
    """Listens on ``host`` (this machine alone, unless told otherwise) and a free port.

    ``secrets`` are tried in turn, so that one can be rotated. ``on_alert`` is called with each
    new alert, from the request's thread and before it is answered. The last ``keep`` alerts are
    kept in ``received``; ``refused`` counts what was not taken, ``refused_why`` is of the last.

    Answers 204 to an alert, seen before or not; 400 to what cannot be read, 401 to a wrong
    signature, 413 to more than 64 KiB. ``GET /healthz`` is answered with 200.

    >>> with Receiver(["whsec_" + "QUJD" * 8]) as receiver:
    ...     receiver.url.startswith("http://127.0.0.1:"), receiver.received
    (True, [])
    """

    def __init__(
        self,
        secrets: Sequence[str],
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        on_alert: Callable[[Received], None] | None = None,
        keep: int = 10_000,
    ) -> None:
        self._webhooks = [Webhook(secret) for secret in secrets]
        self._on_alert = on_alert
        self._keep = keep
        self._seen: dict[str, Received] = {}
        self._changed = threading.Condition()
        self.duplicates = 0
        self.refused = 0
        self.refused_why = ""
        self._server = _Server((host, port), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="andon-receiver", daemon=True
        )

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where alerts are to be sent."""
        host = str(self._server.server_address[0])
        return f"http://{host}:{self.port}/"

    @property
    def received(self) -> list[Received]:
        """What came, each alert once, in the order of its first arrival."""
        with self._changed:
            return list(self._seen.values())

    def wait_for(self, count: int, timeout: float) -> bool:
        """Wait until ``count`` different alerts have come; False if they have not in time."""
        over = time.monotonic() + timeout
        with self._changed:
            while len(self._seen) < count:
                if not self._changed.wait(over - time.monotonic()):
                    return len(self._seen) >= count
        return True

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Judge one request; answers the status."""
        if not any(_verifies(webhook, headers, body) for webhook in self._webhooks):
            return self._refuse(401, "no signature by a secret of this endpoint")
        try:
            alert = json.loads(body)
        except (ValueError, RecursionError):
            return self._refuse(400, "signed, but no JSON")
        if not isinstance(alert, dict):
            return self._refuse(400, "signed, but no JSON object")
        received = Received(headers["webhook-id"], body, headers, alert)
        with self._changed:
            if received.id in self._seen:
                self.duplicates += 1
                return 204
        if self._on_alert is not None:
            self._on_alert(received)
        with self._changed:
            self._seen[received.id] = received
            while len(self._seen) > self._keep:
                del self._seen[next(iter(self._seen))]
            self._changed.notify_all()
        return 204

    def _refuse(self, status: int, why: str) -> int:
        with self._changed:
            self.refused += 1
            self.refused_why = why
        return status


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A kept connection must not hold up the end of a program.
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is nothing to print a traceback about."""


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = READ_S

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/healthz" else 404)

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 10):
            self._answer(400, end=True)
        elif int(length) > MAX_BODY:
            self._answer(413, end=True)
        else:
            body = self.rfile.read(int(length))
            if len(body) < int(length):  # broken off: nobody waits for an answer
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(self.receiver.take(headers, body))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named in the base class
        """Say nothing: whoever runs the receiver sees what it keeps."""

    def _answer(self, status: int, *, end: bool = False) -> None:
        self.close_connection = self.close_connection or end
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()


def _handler(receiver: Receiver) -> type[_Handler]:
    return type("_BoundHandler", (_Handler,), {"receiver": receiver})


def _verifies(webhook: Webhook, headers: dict[str, str], body: bytes) -> bool:
    try:
        webhook.verify(body, headers, json_parse=False)
    except Exception:
        # The library raises more than its own error for headers or bytes that make no sense.
        return False
    return True
