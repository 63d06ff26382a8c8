"""A notifier that is killed again and again while it delivers to ten endpoints, one of them good.

The others are slow, fail at first (500), ask for a pause (429), are gone (410), redirect, hang,
dribble, reply without end, or have a certificate that nobody vouches for. Each alert comes at least
once wherever it can, under the same id and with the same body; the good endpoint gets all of them
while the bad ones are still being waited for.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from webhooks import (
    LOCAL,
    SECRET,
    RawServer,
    TlsServer,
    answering,
    dribbling,
    flooding,
    hanging,
    message,
    until,
)

from alerts.outbox import Outbox
from alerts.receiver import Received, Receiver

pytestmark = pytest.mark.timeout(1800)

ROOT = Path(__file__).parents[2]
PROCESS = ROOT / "tests" / "support" / "notifier_process.py"
ALERTS = 1_000
SLOW_S = 0.005
BUSY_EVERY = 250
FILES = ("alerts.jsonl", "taken", "outbox.db", "endpoints.json")


class FailingAtFirst(Receiver):
    """Answers 500 to the first attempt of each alert."""

    def __init__(self) -> None:
        super().__init__([SECRET])
        self.failed: set[str] = set()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        if headers["webhook-id"] not in self.failed:
            self.failed.add(headers["webhook-id"])
            return 500
        return super().take(headers, body)


class NowAndThenBusy(Receiver):
    """Answers 429 to one request in `BUSY_EVERY`."""

    def __init__(self) -> None:
        super().__init__([SECRET])
        self.asked = 0

    def take(self, headers: dict[str, str], body: bytes) -> int:
        self.asked += 1
        return 429 if self.asked % BUSY_EVERY == 0 else super().take(headers, body)


class Notifiers:
    """One notifier process after the other; ``kill_at`` are the numbers of the good endpoint's
    alerts that are answered to nobody any more."""

    def __init__(self, folder: Path, kill_at: set[int]) -> None:
        self._folder = folder
        self._kill_at = kill_at
        self._seen = 0
        self.killed = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        paths = os.pathsep.join([str(ROOT), str(PROCESS.parent)])
        self._process = subprocess.Popen(
            [sys.executable, str(PROCESS), *(str(self._folder / name) for name in FILES)],
            env=os.environ | {"PYTHONPATH": paths},
            stdout=subprocess.DEVNULL,
        )

    def kill_now_and_then(self, alert: Received) -> None:
        assert self._process is not None
        self._seen += 1
        if self._seen in self._kill_at:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)

    def run(self) -> None:
        """Start one after the other, until the last one, which goes on."""
        self.start()
        while self.killed < len(self._kill_at):
            assert self._process is not None
            assert self._process.wait(180) == -signal.SIGKILL
            self.killed += 1
            self.start()

    def __enter__(self) -> Notifiers:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(15) == 0


def outstanding(outbox: Path, able: Sequence[str]) -> list[tuple[object, ...]]:
    """What is not delivered where it can be: how often it was tried, and what came of that last."""
    with closing(sqlite3.connect(outbox)) as db:
        return db.execute(
            "SELECT endpoint, state, attempts, error, count(*), min(next_at) - strftime('%s')"
            " FROM deliveries WHERE state != 'delivered'"
            " AND endpoint IN (SELECT value FROM json_each(?)) GROUP BY 1, 2, 3, 4",
            (json.dumps(able),),
        ).fetchall()


def ids_and_bodies(server: RawServer) -> set[tuple[str, bytes]]:
    """What a server was sent."""
    found = set()
    for head, body in server.requests:
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        names = {name.lower(): value for name, value in fields.items()}
        found.add((names[b"webhook-id"].decode(), body))
    return found


def test_each_alert_comes_wherever_it_can_and_bad_endpoints_hold_up_no_good_one(
    tmp_path: Path, full: bool, record_property: Callable[[str, object], None]
) -> None:
    kills, patience = (50, 900) if full else (3, 240)
    messages = [message(number) for number in range(ALERTS)]
    wanted = {(each.id, each.body) for each in messages}
    (tmp_path / FILES[0]).write_bytes(b"\n".join(each.body for each in messages))
    notifiers = Notifiers(tmp_path, set(random.Random(7).sample(range(20, ALERTS - 20), kills)))
    tls = TlsServer(tmp_path, "localhost")
    with ExitStack() as stack:
        stack.enter_context(notifiers)
        good = stack.enter_context(Receiver([SECRET], on_alert=notifiers.kill_now_and_then))
        slow = stack.enter_context(Receiver([SECRET], on_alert=lambda _: time.sleep(SLOW_S)))
        failing, busy = stack.enter_context(FailingAtFirst()), stack.enter_context(NowAndThenBusy())
        gone = stack.enter_context(answering("410 Gone"))
        elsewhere = stack.enter_context(answering("204 No Content"))
        redirecting = stack.enter_context(answering(f"302 Found\r\nLocation: {elsewhere.url}"))
        silent = stack.enter_context(hanging())
        drop_by_drop = stack.enter_context(dribbling("HTTP/1.1 200 OK\r\nX: "))
        endless = stack.enter_context(
            flooding("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        )
        stack.enter_context(tls.server)
        urls = {
            "good": good.url,
            "slow": slow.url,
            "failing": failing.url,
            "busy": busy.url,
            "gone": gone.url,
            "redirecting": redirecting.url,
            "silent": silent.url,
            "dribbling": drop_by_drop.url,
            "endless": endless.url,
        }
        told: list[dict[str, Any]] = [
            {
                "name": name,
                "url": url,
                # A receiver here is not to fail for want of a processor: what has failed twice
                # waits for minutes, three times for half an hour.
                "timeout_s": 1.0 if name in ("silent", "dribbling") else 60.0,
            }
            for name, url in urls.items()
        ]
        networks = [each.replace("127.0.0.1=", "localhost=") for each in LOCAL]
        told.append(
            {
                "name": "unvouched",
                "url": f"https://localhost:{tls.server.port}/",
                "allow_networks": networks,
            }
        )
        (tmp_path / FILES[3]).write_text(json.dumps(told))
        began = time.monotonic()
        notifiers.run()
        assert good.wait_for(ALERTS, patience)
        took = time.monotonic() - began
        with Outbox(tmp_path / "outbox.db") as outbox:
            assert outbox.counts()["silent"]["pending"] > ALERTS / 2

            def delivered() -> dict[str, int]:
                return {n: count.get("delivered", 0) for n, count in outbox.counts().items()}

            able = ("good", "slow", "failing", "busy", "endless")
            assert until(lambda: all(delivered()[name] == ALERTS for name in able), patience), (
                outstanding(tmp_path / "outbox.db", able)
            )
            notifiers.end()
            assert {name for name, count in delivered().items() if count} == set(able)
            assert set(outbox.disabled()) == {"gone"}
        for receiver in (good, slow, failing, busy):
            assert {(each.id, each.body) for each in receiver.received} == wanted
            assert receiver.refused == 0
        assert ids_and_bodies(endless) == wanted
        assert failing.failed == {name for name, _ in wanted}
        # Just the alert that was under way at a kill comes a second time.
        assert good.duplicates <= kills
        twice = Counter(body for _, body in endless.requests)
        assert sum(count - 1 for count in twice.values()) <= kills
        assert (elsewhere.connections, tls.server.requests) == (0, [])
        assert len(gone.requests) <= kills + 1
    record_property("measured", f"{kills} kills; the good endpoint had all within {took:.1f} s")
