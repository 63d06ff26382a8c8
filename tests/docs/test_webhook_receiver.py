"""The receiver in the documents, run as its reader would run it, against the real notifier."""

from __future__ import annotations

import http.client
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from webhooks import NEW_SECRET, SECRET, ListSource, local_endpoint, message, until

from alerts.notifier import Notifier
from alerts.outbox import Outbox
from alerts.webhook import sign

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "webhook_receiver.py"
BODY = b'{"id":"a1"}'


class Program:
    """The example, running."""

    def __init__(self, process: subprocess.Popen[str], database: Path) -> None:
        assert process.stdout is not None
        self.process = process
        self.database = database
        told = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert told is not None
        self.port = int(told[1])
        self.url = f"http://127.0.0.1:{self.port}/"

    @property
    def kept(self) -> dict[str, bytes]:
        with closing(sqlite3.connect(self.database)) as database:
            return dict(database.execute("SELECT id, body FROM alerts ORDER BY rowid"))

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request("POST", "/", body, headers)
            return connection.getresponse().status


@contextmanager
def running(folder: Path) -> Iterator[Program]:
    database = folder / "alerts.sqlite"
    process = subprocess.Popen(
        [sys.executable, EXAMPLE, "0", database],
        env={**os.environ, "ANDON_SECRET_MES": f"{NEW_SECRET} {SECRET}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Program(process, database)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("receiver")) as program:
        yield program


def deliver(program: Program, outbox: Path, *numbers: int) -> int:
    """Have a notifier deliver these alerts; answers how many attempts it took."""
    attempts: list[str] = []
    with Outbox(outbox) as opened:
        notifier = Notifier(
            ListSource([message(number) for number in numbers]),
            opened,
            [local_endpoint(program.url)],
            on_attempt=lambda name, outcome, seconds: attempts.append(outcome),
        )
        assert notifier.drain(10) == 0
    assert set(attempts) == {"delivered"}
    return len(attempts)


def test_an_alert_delivered_twice_is_kept_once_though_the_receiver_was_killed_between(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as first:
        assert deliver(first, tmp_path / "outbox.db", 0, 1) == 2
    # The sender has lost its outbox and sends from the beginning again.
    with running(tmp_path) as second:
        assert deliver(second, tmp_path / "another.db", 0, 1, 2) == 3
        kept = second.kept
        second.process.kill()
        assert second.process.stdout is not None
        handled = second.process.stdout.read().splitlines()
    assert kept == {each.id: each.body for each in map(message, range(3))}
    assert handled == [message(2).body.decode()]


def test_a_wrong_signature_is_answered_401_and_nothing_is_kept(receiver: Program) -> None:
    right = sign((SECRET,), "wrong", time.time(), BODY)
    before = receiver.kept
    for change in (
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense"},
        {"webhook-id": "another"},
        {"webhook-timestamp": "1"},
        sign(("whsec_" + "QUJD" * 8,), "wrong", time.time(), BODY),
    ):
        assert receiver.post(BODY, right | change) == 401
    assert receiver.post(BODY + b" ", right) == 401
    assert receiver.post(BODY, {}) == 401
    assert receiver.kept == before


@pytest.mark.parametrize("secret", [SECRET, NEW_SECRET])
def test_both_secrets_count_while_one_is_rotated(receiver: Program, secret: str) -> None:
    name = f"rotated-{secret[-4:]}"
    assert receiver.post(BODY, sign((secret,), name, time.time(), BODY)) == 204
    assert receiver.kept[name] == BODY


@pytest.mark.parametrize("length", ["-1", "65537", "1" * 30, "0" * 9 + "9", "x", "²"])
def test_a_length_that_cannot_be_is_refused_without_reading(receiver: Program, length: str) -> None:
    headers = {"Content-Length": length.encode().decode("latin-1")}
    assert receiver.post(b"", headers) == 413


def test_it_answers_while_another_client_is_silent(receiver: Program) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", receiver.port)) as silent:
        silent.putrequest("POST", "/")
        silent.putheader("Content-Length", "10")
        silent.endheaders()
        headers = sign((SECRET,), "quick", time.time(), BODY)
        assert until(lambda: receiver.post(BODY, headers) == 204)


def test_it_is_short_enough_to_be_read_at_once() -> None:
    assert len(EXAMPLE.read_text("utf-8").splitlines()) < 80
