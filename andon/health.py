"""The HTTP server for whoever watches a process: /metrics, /healthz and /readyz.

========  =================================================================================
path      answer
========  =================================================================================
/metrics  200, the metrics in Prometheus' text format or, if asked for, in OpenMetrics'
/healthz  200 while the command's loop turns, else 503: restart it
/readyz   200 while it serves, else 503 and why not: wait, or look at the log
========  =================================================================================

It has no authentication and answers with figures only; beyond this machine it belongs behind the
plant's own network rules.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog
from prometheus_client.exposition import choose_encoder

from andon.monitor import Monitor
from stream.errors import ConfigError

log = structlog.get_logger()

REQUEST_S = 10.0
"""How long a client may take to say what it wants."""
AT_ONCE = 16
"""Requests answered at the same time; a connection beyond them is closed at once."""


class HealthServer:
    """Answers for a monitor until the end of the block; ``port`` 0 takes any free one.

    Raises `ConfigError` for an address that cannot be listened on.

    >>> from urllib.request import urlopen
    >>> with HealthServer(Monitor("watch"), "127.0.0.1", 0) as server:
    ...     urlopen(f"{server.url}/healthz").status
    200
    """

    def __init__(self, monitor: Monitor, host: str, port: int) -> None:
        try:
            self._server = _Server(host, port, monitor)
        except OSError as error:
            raise ConfigError(
                f"monitoring: {host}:{port} cannot be listened on ({error.strerror or error}): "
                f"choose another monitoring.host or monitoring.port (--metrics-port), or port 0 "
                f"for none"
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="andon-health", daemon=True
        )

    def __enter__(self) -> HealthServer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Its address, without a path."""
        host, port = self._server.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"


@contextmanager
def served(monitor: Monitor, host: str, port: int) -> Iterator[None]:
    """Serve the monitor while the block runs; not at all with port 0."""
    if not port:
        yield
        return
    with HealthServer(monitor, host, port) as server:
        log.info("andon.monitoring_started", command=monitor.command, url=server.url)
        yield


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # Two processes that share a port would each be seen half of the time.
    allow_reuse_port = False

    def __init__(self, host: str, port: int, monitor: Monitor) -> None:
        self.monitor = monitor
        self._free = threading.BoundedSemaphore(AT_ONCE)
        [found, *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self.address_family = found[0]
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is nothing to print a traceback about."""


class _Handler(BaseHTTPRequestHandler):
    timeout = REQUEST_S
    server_version = "andon"
    sys_version = ""

    def do_GET(self) -> None:
        monitor = self.server.monitor  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, kind = choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, encode(monitor.registry), kind)
        elif path == "/healthz":
            alive, age = monitor.alive, round(monitor.heartbeat_age, 3)
            self._tell(alive, {"alive": alive, "heartbeat_age_s": age})
        elif path == "/readyz":
            unready = monitor.unready
            self._tell(not unready, {"ready": not unready, "why_not": list(unready)})
        else:
            self._answer(404, b"try /metrics, /healthz or /readyz\n", "text/plain")

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named in the base class
        """A scrape every few seconds is no news."""

    def _tell(self, good: bool, told: dict[str, object]) -> None:
        self._answer(200 if good else 503, json.dumps(told).encode() + b"\n", "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
