"""The small receiver, asked by a plain client."""

from __future__ import annotations

import http.client
import json
import socket
import time

import pytest
from webhooks import NEW_SECRET, SECRET

from alerts.receiver import MAX_BODY, Receiver
from alerts.webhook import sign

BODY = b'{"id":"a1"}'


@pytest.fixture
def receiver():
    with Receiver([SECRET, NEW_SECRET]) as listening:
        yield listening


def post(receiver: Receiver, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)
    try:
        connection.request("POST", "/", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def signed(body: bytes = BODY, secret: str = SECRET, at: float | None = None, name: str = "a1"):
    return sign((secret,), name, time.time() if at is None else at, body)


@pytest.mark.parametrize("secret", [SECRET, NEW_SECRET])
def test_a_signed_alert_is_kept(receiver, secret):
    assert post(receiver, BODY, signed(secret=secret)) == 204
    (alert,) = receiver.received
    assert (alert.id, alert.body, alert.alert) == ("a1", BODY, {"id": "a1"})


def test_the_same_id_again_is_accepted_but_not_kept_twice(receiver):
    assert [post(receiver, BODY, signed()) for _ in range(3)] == [204] * 3
    assert (len(receiver.received), receiver.duplicates) == (1, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": ""},
        {"webhook-id": "a2"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "1"},
    ],
)
def test_a_signature_that_does_not_fit_is_refused(receiver, change):
    assert post(receiver, BODY, signed() | change) == 401
    assert (receiver.received, receiver.refused) == ([], 1)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_time_five_minutes_off_is_refused(receiver, seconds):
    assert post(receiver, BODY, signed(at=time.time() + seconds)) == 401


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"[" * 50_000])
def test_a_signed_body_that_is_no_alert_is_refused(receiver, body):
    assert post(receiver, body, signed(body)) == 400
    assert receiver.received == []


def test_a_body_above_the_limit_is_not_even_read(receiver):
    body = json.dumps({"x": "y" * MAX_BODY}).encode()
    assert post(receiver, body[:10], signed(body) | {"Content-Length": str(len(body))}) == 413
    largest = json.dumps({"x": "y" * (MAX_BODY - 9)}).encode()
    assert len(largest) == MAX_BODY
    assert post(receiver, largest, signed(largest)) == 204


@pytest.mark.parametrize("length", ["-1", "nine", "1e3", "9" * 4000])
def test_a_length_that_makes_no_sense_is_refused(receiver, length):
    assert post(receiver, BODY, signed() | {"Content-Length": length}) == 400


def test_a_client_that_breaks_off_harms_nobody(receiver, capfd):
    with socket.create_connection(("127.0.0.1", receiver.port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
    assert post(receiver, BODY, signed()) == 204
    assert capfd.readouterr() == ("", "")


def test_a_request_that_breaks_off_in_its_body_is_not_counted_as_refused(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        head = "".join(f"{name}: {value}\r\n" for name, value in signed().items())
        length = f"content-length: {len(BODY)}\r\n"
        connection.sendall(f"POST / HTTP/1.1\r\n{head}{length}\r\n".encode() + BODY[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert (receiver.refused, receiver.received) == (0, [])


def test_only_so_many_alerts_are_kept():
    with Receiver([SECRET], keep=3) as receiver:
        for n in range(5):
            assert post(receiver, BODY, signed(name=f"a{n}")) == 204
        assert [alert.id for alert in receiver.received] == ["a2", "a3", "a4"]


def test_a_new_alert_is_told_before_it_is_answered():
    told: list[str] = []
    with Receiver([SECRET], on_alert=lambda alert: told.append(alert.id)) as receiver:
        for _ in range(2):
            post(receiver, BODY, signed())
        assert told == ["a1"]
        assert receiver.wait_for(1, 1.0)
        assert not receiver.wait_for(2, 0.01)


def test_it_listens_on_this_machine_alone(receiver):
    assert receiver.url == f"http://127.0.0.1:{receiver.port}/"
