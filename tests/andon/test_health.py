"""The HTTP server for whoever watches: what it answers, and that no client holds it up."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from webhooks import until

from andon.health import AT_ONCE, HealthServer, served
from andon.monitor import Monitor
from stream.errors import ConfigError


class Watched:
    """A served monitor whose clock the test moves."""

    def __init__(self, server: HealthServer, monitor: Monitor, now: list[float]) -> None:
        self.url, self.monitor, self.now = server.url, monitor, now
        self.port = int(server.url.rpartition(":")[2])


@pytest.fixture
def watched() -> Iterator[Watched]:
    now = [0.0]
    monitor = Monitor("watch", heartbeat_s=60.0, clock=lambda: now[0])
    with HealthServer(monitor, "127.0.0.1", 0) as server:
        yield Watched(server, monitor, now)


def get(url: str, **headers: str) -> tuple[int, str, bytes]:
    try:
        with urlopen(Request(url, headers=headers), timeout=10) as reply:
            return reply.status, reply.headers["Content-Type"], reply.read()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers["Content-Type"], refusal.read()


def told(url: str) -> tuple[int, Any]:
    status, kind, body = get(url)
    assert kind == "application/json"
    return status, json.loads(body)


def test_healthz_fails_once_the_loop_has_not_turned_for_too_long(watched: Watched) -> None:
    watched.monitor.beat()
    watched.now[0] = 59.0
    assert told(f"{watched.url}/healthz") == (200, {"alive": True, "heartbeat_age_s": 59.0})
    watched.now[0] = 60.0
    assert told(f"{watched.url}/healthz") == (503, {"alive": False, "heartbeat_age_s": 60.0})
    watched.monitor.beat()
    assert told(f"{watched.url}/healthz")[0] == 200


def test_readyz_says_why_not(watched: Watched) -> None:
    assert told(f"{watched.url}/readyz")[0] == 503
    watched.monitor.set_ready("this is away", "that is old")
    assert told(f"{watched.url}/readyz") == (
        503,
        {"ready": False, "why_not": ["this is away", "that is old"]},
    )
    watched.monitor.set_ready()
    assert told(f"{watched.url}/readyz") == (200, {"ready": True, "why_not": []})


def test_metrics_come_in_the_format_that_is_asked_for(watched: Watched) -> None:
    status, kind, body = get(f"{watched.url}/metrics")
    assert (status, kind.split(";")[0]) == (200, "text/plain")
    assert b'andon_build_info{command="watch"' in body
    _, kind, body = get(f"{watched.url}/metrics", Accept="application/openmetrics-text")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_other_paths_and_methods_are_refused(watched: Watched) -> None:
    assert get(f"{watched.url}/metrics?x=1")[0] == 200
    assert get(f"{watched.url}/")[0] == 404
    assert get(f"{watched.url}/../etc/passwd")[0] == 404
    with pytest.raises(HTTPError, match="501"):
        urlopen(Request(f"{watched.url}/metrics", data=b"x", method="POST"), timeout=10)
    with urlopen(Request(f"{watched.url}/healthz", method="HEAD"), timeout=10) as reply:
        assert (reply.status, reply.read()) == (200, b"")


def test_a_client_that_says_nothing_holds_nobody_up(watched: Watched) -> None:
    with ExitStack() as silent:
        for _ in range(AT_ONCE - 1):
            silent.enter_context(socket.create_connection(("127.0.0.1", watched.port)))
        assert get(f"{watched.url}/healthz")[0] == 200


def test_connections_beyond_the_bound_are_closed_and_make_no_threads(watched: Watched) -> None:
    before = threading.active_count()
    with ExitStack() as silent:
        held = [
            silent.enter_context(socket.create_connection(("127.0.0.1", watched.port), 10))
            for _ in range(AT_ONCE + 20)
        ]
        # The first are held, the last are closed at once.
        for refused in held[-20:]:
            assert refused.recv(1) == b""
        assert threading.active_count() - before <= AT_ONCE
    assert until(lambda: get_or_none(f"{watched.url}/healthz") == 200)


def get_or_none(url: str) -> int | None:
    try:
        return get(url)[0]
    except OSError:
        return None


def test_a_port_in_use_is_named_with_the_remedy(watched: Watched) -> None:
    with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{watched.port} .*--metrics-port") as why:
        HealthServer(watched.monitor, "127.0.0.1", watched.port)
    assert why.value.exit_code == 2


def test_an_address_that_is_not_ours_is_named_with_the_remedy(watched: Watched) -> None:
    with pytest.raises(ConfigError, match=r"monitoring: 192\.0\.2\.1:9101 cannot be listened on"):
        HealthServer(watched.monitor, "192.0.2.1", 9101)


def test_port_0_serves_nothing() -> None:
    before = threading.active_count()
    with served(Monitor("watch"), "127.0.0.1", 0):
        assert threading.active_count() == before


def test_ipv6_is_served_as_well() -> None:
    if not socket.has_ipv6:
        pytest.skip("serving on IPv6: this machine has none")
    try:
        with HealthServer(Monitor("watch"), "::1", 0) as server:
            assert get(f"{server.url}/healthz")[0] == 200
    except ConfigError as error:
        pytest.skip(f"serving on IPv6: {error}")
