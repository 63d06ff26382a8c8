"""One attempt against real servers here: signature, pinning, time, size, TLS, secrecy."""

from __future__ import annotations

import logging
import socket
import threading
import time

import httpcore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka_broker import free_ports
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs
from webhooks import (
    NEW_SECRET,
    SECRET,
    Clock,
    RawServer,
    RecordingNetwork,
    answering,
    dribbling,
    echoing,
    flooding,
    hanging,
    local_endpoint,
    message,
    resetting,
)

from alerts.courier import Courier
from alerts.delivery import Answer
from alerts.endpoint import Endpoint
from alerts.notice import Notice
from alerts.outbox import Outbox
from alerts.receiver import Receiver
from alerts.webhook import WebhookSender, sign

BODY = '{"id":"a1","part":"Ä"}'.encode()
PUBLIC = "93.184.216.34"


def send(endpoint: Endpoint, body: bytes = BODY, **how) -> Answer:
    sender = WebhookSender(endpoint, **how)
    try:
        return sender.send("a1", body)
    finally:
        sender.close()


def test_the_body_sent_is_the_body_signed_is_the_alert_as_it_lies_on_the_topic():
    with Receiver([SECRET]) as receiver:
        assert send(local_endpoint(receiver.url)) == Answer(204)
        (alert,) = receiver.received
    assert alert.body == BODY
    assert alert.id == "a1"
    assert alert.headers["content-type"] == "application/json"
    assert alert.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_each_attempt_has_a_fresh_timestamp():
    clock = Clock()
    with answering("500 no") as server:
        sender = WebhookSender(local_endpoint(server.url), clock=clock)
        for _ in range(2):
            sender.send("a1", BODY)
            clock.advance(300)
        sender.close()
    heads = [head.decode() for head, _ in server.requests]
    assert f"webhook-timestamp: {int(clock.now) - 600}" in heads[0]
    assert f"webhook-timestamp: {int(clock.now) - 300}" in heads[1]


@pytest.mark.parametrize("known", [SECRET, NEW_SECRET])
def test_while_a_secret_is_rotated_a_receiver_with_either_accepts(known):
    headers = sign((SECRET, NEW_SECRET), "a1", time.time(), BODY)
    assert len(headers["webhook-signature"].split(" ")) == 2
    Webhook(known).verify(BODY, headers)
    with Receiver([known]) as receiver:
        url = receiver.url
        assert send(local_endpoint(url, secrets=(SECRET, NEW_SECRET))).status == 204


def test_a_receiver_with_another_secret_refuses():
    with Receiver([NEW_SECRET]) as receiver:
        assert send(local_endpoint(receiver.url)).status == 401
        assert (receiver.received, receiver.refused) == ([], 1)


@settings(max_examples=60)
@given(st.data())
def test_one_bit_changed_in_body_id_or_time_fails_the_verification(data):
    headers = sign((SECRET,), "a1", time.time(), BODY)
    Webhook(SECRET).verify(BODY, headers, json_parse=False)
    where = data.draw(st.sampled_from(["body", "webhook-id", "webhook-timestamp"]))
    original = BODY if where == "body" else headers[where].encode()
    bit = data.draw(st.integers(0, len(original) * 8 - 1))
    changed = bytearray(original)
    changed[bit // 8] ^= 1 << (bit % 8)
    text = bytes(changed).decode("latin-1")
    body = bytes(changed) if where == "body" else BODY
    tampered = headers if where == "body" else headers | {where: text}
    with pytest.raises((WebhookVerificationError, UnicodeDecodeError)):
        Webhook(SECRET).verify(body, tampered, json_parse=False)


def test_a_connection_is_kept_for_the_next_alert():
    with answering("204 yes") as server:
        sender = WebhookSender(local_endpoint(server.url))
        assert [sender.send(f"a{n}", BODY).status for n in range(20)] == [204] * 20
        sender.close()
    assert server.connections == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_makes_no_connection(status):
    with answering("204 canary") as canary:
        with answering(f"{status} elsewhere\r\nLocation: {canary.url}") as server:
            assert send(local_endpoint(server.url)).status == status
        assert (server.connections, canary.connections) == (1, 0)


def test_proxies_of_the_environment_are_ignored(monkeypatch):
    with answering("204 canary") as canary, Receiver([SECRET]) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, canary.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert send(local_endpoint(receiver.url)).status == 204
        assert canary.connections == 0


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "fc00::1",
        "::ffff:127.0.0.1",
    ],
)
def test_a_name_that_leads_inside_makes_no_connection(address):
    network = RecordingNetwork()
    with answering("204 canary") as canary:
        endpoint = Endpoint(
            "mes",
            f"https://hooks.example.com:{canary.port}/",
            (SECRET,),
            allow_ports=(canary.port,),
        )
        for found in ([address], [PUBLIC, address]):
            answer = send(endpoint, resolver=lambda *_, found=found: found, network=network)
            assert answer.status is None
            assert "hooks.example.com" in answer.error
            assert "allow_networks" in answer.error or "IPv4 form" in answer.error
        assert (network.asked, canary.connections) == ([], 0)


def test_a_resolver_that_flips_meets_the_guard_at_every_connection():
    network = RecordingNetwork()
    answers = iter([[PUBLIC], ["127.0.0.1"], [PUBLIC]])
    with answering("204 canary") as canary:
        endpoint = Endpoint(
            "mes",
            f"https://hooks.example.com:{canary.port}/",
            (SECRET,),
            allow_ports=(canary.port,),
        )
        sender = WebhookSender(endpoint, resolver=lambda *_: next(answers), network=network)
        errors = [sender.send("a1", BODY).error for _ in range(3)]
        sender.close()
        assert canary.connections == 0
    assert errors[0] == errors[2] == "cannot connect: not from here"
    assert "127.0.0.1 (loopback)" in errors[1]
    # One look-up for each connection, and the connection goes to what was looked up and checked.
    assert network.asked == [PUBLIC, PUBLIC]


def test_a_second_address_is_tried_when_the_first_does_not_answer():
    network = RecordingNetwork()
    with Receiver([SECRET]) as receiver:
        endpoint = local_endpoint(
            f"http://mes.plant:{receiver.port}/",
            allow_networks=("mes.plant=127.0.0.0/8",),
        )
        answer = send(endpoint, resolver=lambda *_: ["127.9.9.9", "127.0.0.1"], network=network)
    assert answer.status == 204
    assert network.asked == ["127.9.9.9", "127.0.0.1"]
    assert receiver.received[0].headers["host"] == f"mes.plant:{receiver.port}"


def test_a_name_that_cannot_be_looked_up_is_an_answer():
    def nothing(host: str, port: int) -> list[str]:
        raise socket.gaierror("no such name")

    endpoint = Endpoint("mes", "https://hooks.example.com/", (SECRET,))
    answer = send(endpoint, resolver=nothing)
    assert answer == Answer(None, "cannot connect: name look-up failed: no such name")


@pytest.mark.parametrize(
    "server",
    [hanging, lambda: dribbling(""), lambda: dribbling("HTTP/1.1 200 OK\r\nX-Slow: ")],
    ids=["silent", "dribbling a status line", "dribbling a header"],
)
def test_no_reply_takes_longer_than_the_time_out(server):
    with server() as slow:
        began = time.monotonic()
        assert send(local_endpoint(slow.url, timeout_s=0.4)) == Answer(
            None, "no answer within 0.4 s"
        )
        assert 0.35 < time.monotonic() - began < 10


def test_a_reply_of_endless_interim_answers_is_timed_out():
    def behave(connection: socket.socket, server: RawServer) -> None:
        server.read_request(connection)
        while not server.closing.wait(0.01):
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")

    with RawServer(behave) as server:
        assert send(local_endpoint(server.url, timeout_s=0.4)).error == "no answer within 0.4 s"


def test_a_dribbling_body_does_not_undo_the_status_nor_hold_us_up():
    with dribbling("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n") as server:
        began = time.monotonic()
        assert send(local_endpoint(server.url, timeout_s=30)).status == 200
        assert time.monotonic() - began < 15


def test_of_a_huge_reply_only_the_start_is_read():
    with flooding("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n") as server:
        assert send(local_endpoint(server.url)).status == 200
    assert server.bytes_sent < 32 << 20  # what the sockets' buffers swallow


def test_a_huge_header_is_no_reply():
    with flooding("HTTP/1.1 200 OK\r\nX-Huge: ") as server:
        assert send(local_endpoint(server.url)).error.startswith("the reply is not HTTP")
    assert server.bytes_sent < 32 << 20


@pytest.mark.parametrize(
    ("server", "error"),
    [
        (resetting, "the connection broke"),
        (echoing, "the reply is not HTTP, or the connection was closed before it"),
    ],
)
def test_a_broken_connection_is_an_answer(server, error):
    with server() as broken:
        assert send(local_endpoint(broken.url)) == Answer(None, error)


def test_a_sender_works_on_after_each_kind_of_failure():
    replies: list[bytes] = [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 204 yes\r\n\r\n"]

    def behave(connection: socket.socket, server: RawServer) -> None:
        while server.read_request(connection):
            reply = replies.pop(0)
            if not reply:
                return
            connection.sendall(reply)

    with RawServer(behave) as server:
        sender = WebhookSender(local_endpoint(server.url))
        answers = [sender.send("a1", BODY).status for _ in range(3)]
        sender.close()
    assert answers == [None, None, 204]


def test_nobody_listening_is_an_answer():
    [port] = free_ports(1)
    answer = send(local_endpoint(f"http://127.0.0.1:{port}/"))
    assert answer.error.startswith("cannot connect: ")


def test_no_secret_reaches_logs_or_errors_even_at_debug(tmp_path, caplog):
    token, marker = "t0ken-in-the-path", "m4rker-in-the-payload"
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection", "asyncio"):
        caplog.set_level(logging.DEBUG, name)
    alert = message(0)
    alert = type(alert)(
        alert.id, alert.type, alert.severity, f'{{"a":"{marker}"}}'.encode(), alert.position
    )
    told: list[str] = []
    notices: list[Notice] = []
    servers = [
        answering("204 yes"),
        answering(f"302 elsewhere\r\nLocation: https://hooks.example.com/{token}"),
        answering(f"410 gone\r\nX-Echo: {token} {SECRET}"),
        echoing(),
        resetting(),
        hanging(),
    ]
    with capture_logs() as events, Outbox(tmp_path / "outbox.db") as outbox:
        for number, server in enumerate(servers):
            with server:
                endpoint = local_endpoint(
                    f"{server.url}{token}?key={token}",
                    f"e{number}",
                    secrets=(SECRET, NEW_SECRET),
                    # Nobody waits for all of it but for the last one, who says nothing.
                    timeout_s=0.2 if server is servers[-1] else 30,
                )
                outbox.accept([(endpoint.name, alert)], {}, time.time())
                sender = WebhookSender(endpoint)
                courier = Courier(endpoint, outbox, sender, on_notice=notices.append)
                courier.deliver_due()
                sender.close()
                told += [repr(endpoint), repr(sender), repr(endpoint.target)]
                told += [d.error for d in outbox.exhausted(endpoint.name)]
        told += [reason for (reason,) in outbox._db.execute("SELECT error FROM deliveries")]
        told += list(outbox.disabled().values())
    assert [e["event"] for e in events][:2] == ["andon.alert_delivered", "andon.delivery_failed"]
    assert "connect_tcp.started" in caplog.text  # so httpcore was heard at DEBUG
    text = "\n".join([caplog.text, repr(events), repr(notices), *told])
    canaries = (token, marker, SECRET.removeprefix("whsec_"), NEW_SECRET.removeprefix("whsec_"))
    assert [canary for canary in canaries if canary in text] == []


def test_a_deadline_covers_the_connections_too():
    class Swallowing(httpcore.NetworkBackend):
        """Takes the whole time that it is given, and does not connect."""

        waited = 0.0

        def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
            assert timeout is not None
            self.waited += timeout
            threading.Event().wait(timeout)
            raise httpcore.ConnectTimeout

    network = Swallowing()
    endpoint = Endpoint("mes", "https://hooks.example.com/", (SECRET,), timeout_s=0.4)
    began = time.monotonic()
    answer = send(endpoint, resolver=lambda *_: [PUBLIC, "93.184.216.35"], network=network)
    assert answer.error == "no answer within 0.4 s"
    assert time.monotonic() - began < 10
    # Both together were given what one has.
    assert 0.0 < network.waited < 0.45
