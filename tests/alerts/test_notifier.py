"""The notifier: fan-out, independence of endpoints, stopping, draining, dying."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from webhooks import (
    SECRET,
    ListSource,
    answering,
    dribbling,
    hanging,
    local_endpoint,
    message,
    until,
)

from alerts.notifier import Notifier
from alerts.outbox import Outbox, OutboxError
from alerts.receiver import Receiver
from alerts.source import Position

PROCESS = Path(__file__).parents[1] / "support" / "notifier_process.py"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "outbox.db") as opened:
        yield opened


class Running:
    """A notifier that runs in a thread until the end of the block."""

    def __init__(self, notifier: Notifier) -> None:
        self.stop = threading.Event()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(notifier,), daemon=True)

    def _run(self, notifier: Notifier) -> None:
        try:
            notifier.run(self.stop)
        except Exception as error:
            self.error = error

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_every_endpoint_gets_what_it_wants_and_nothing_else(outbox):
    batch = [message(0, "high"), message(1, "low"), message(2, "high", "line.drift")]
    with Receiver([SECRET]) as everything, Receiver([SECRET]) as chosen:
        endpoints = [
            local_endpoint(everything.url, "all"),
            local_endpoint(chosen.url, "chosen", types=("part.at_risk",), min_severity="high"),
        ]
        assert Notifier(ListSource(batch), outbox, endpoints).drain(10) == 0
        assert [a.id for a in everything.received] == [m.id for m in batch]
        assert [a.body for a in chosen.received] == [batch[0].body]


def test_a_source_is_told_taken_only_after_the_outbox_has_the_alerts(outbox):
    kept: list[int] = []

    class Watching(ListSource):
        def taken(self, position: Position) -> None:
            super().taken(position)
            kept.append(sum(sum(states.values()) for states in outbox.counts().values()))

    source = Watching([message(0), message(1)], [message(2), message(0, stream="alerts/1")])
    with Receiver([SECRET]) as receiver:
        Notifier(source, outbox, [local_endpoint(receiver.url)]).drain(10)
    assert source.positions == [
        Position("alerts/0", 1),
        Position("alerts/0", 2),
        Position("alerts/1", 0),
    ]
    assert kept == [2, 4, 4]
    assert outbox.positions() == {"alerts/0": 2, "alerts/1": 0}


def test_alerts_that_nobody_wants_are_taken_as_well(outbox):
    source = ListSource([message(0, "low")])
    with Receiver([SECRET]) as receiver:
        endpoint = local_endpoint(receiver.url, min_severity="high")
        assert Notifier(source, outbox, [endpoint]).drain(10) == 0
    assert source.positions == [Position("alerts/0", 0)]


def test_death_between_outbox_and_taken_delivers_each_alert_once_to_the_receiver(outbox):
    class Dying(ListSource):
        def taken(self, position: Position) -> None:
            raise RuntimeError("killed here")

    batch = [message(n) for n in range(5)]
    with Receiver([SECRET]) as receiver:
        endpoint = local_endpoint(receiver.url)
        with pytest.raises(RuntimeError, match="killed here"):
            Notifier(Dying(batch), outbox, [endpoint]).drain(10)
        Notifier(ListSource(batch), outbox, [endpoint]).drain(10)
        assert {a.id for a in receiver.received} == {m.id for m in batch}
        assert receiver.duplicates == 0
    assert outbox.counts() == {"mes": {"delivered": 5}}


def test_hanging_and_dribbling_endpoints_delay_nobody_else(outbox):
    with (
        hanging() as silent,
        dribbling("HTTP/1.1 200 OK\r\nX-Slow: ") as slow,
        Receiver([SECRET]) as good,
    ):
        endpoints = [
            local_endpoint(silent.url, "silent", timeout_s=60),
            local_endpoint(slow.url, "slow", timeout_s=60),
            local_endpoint(good.url, "good"),
        ]
        batches = [[message(n)] for n in range(100)]
        notifier = Notifier(ListSource(*batches), outbox, endpoints, grace_s=0.1)
        with Running(notifier):
            assert good.wait_for(100, 50)
            assert until(lambda: outbox.counts()["good"] == {"delivered": 100})
            assert outbox.counts()["silent"] == outbox.counts()["slow"] == {"pending": 100}
            assert silent.connections == slow.connections == 1


def test_a_stop_waits_no_longer_than_its_grace_and_loses_nothing(outbox):
    with hanging() as silent, capture_logs() as events:
        endpoint = local_endpoint(silent.url, timeout_s=30)
        notifier = Notifier(ListSource([message(0)]), outbox, [endpoint], grace_s=0.1)
        with Running(notifier) as running:
            assert until(lambda: silent.connections == 1)
            began = time.monotonic()
            running.stop.set()
        assert time.monotonic() - began < 15
        assert running.error is None
        assert outbox.counts() == {"mes": {"pending": 1}}
        assert [e["event"] for e in events] == ["andon.attempt_abandoned"]
        outbox.close()
        # The attempt ends on a closed outbox, which is nothing to complain of.
        silent.closing.set()
        assert until(lambda: not _alive("andon-courier-mes"))
    assert [e["event"] for e in events] == ["andon.attempt_abandoned"]


def _alive(name: str) -> bool:
    return any(thread.name == name for thread in threading.enumerate())


def test_a_drain_ends_early_when_the_rest_must_wait(outbox):
    with answering("204 yes", "500 no") as failing, answering("410 gone") as gone:
        endpoints = [local_endpoint(failing.url, "failing"), local_endpoint(gone.url, "gone")]
        source = ListSource([message(0), message(1)])
        began = time.monotonic()
        left = Notifier(source, outbox, endpoints).drain(60.0)
        assert time.monotonic() - began < 30
    assert left == 3
    assert outbox.counts() == {"failing": {"delivered": 1, "pending": 1}, "gone": {"pending": 2}}


def test_retries_come_by_themselves_while_it_runs(outbox):
    with answering("503 later\r\nRetry-After: 0", "204 yes") as server:
        now = time.time
        fast = time.time()
        notifier = Notifier(
            ListSource([message(0)]),
            outbox,
            [local_endpoint(server.url)],
            # Time runs thirty times as fast, so that 5 s are soon over.
            clock=lambda: fast + (now() - fast) * 30,
        )
        with Running(notifier):
            assert until(lambda: outbox.counts() == {"mes": {"delivered": 1}})
    assert len(server.requests) == 2


def test_an_endpoint_enabled_from_elsewhere_goes_on(tmp_path, outbox):
    with answering("410 gone", "204 yes") as server:
        notifier = Notifier(ListSource([message(0)]), outbox, [local_endpoint(server.url)])
        with Running(notifier):
            assert until(lambda: outbox.disabled() != {})
            with Outbox(tmp_path / "outbox.db") as other:
                assert other.enable("mes")
            assert until(lambda: outbox.counts() == {"mes": {"delivered": 1}})


def test_a_running_notifier_says_that_its_loop_turns_and_what_it_attempts(outbox):
    turned = threading.Event()
    attempts: list[tuple[str, str, float]] = []
    with Receiver([SECRET]) as receiver:
        notifier = Notifier(
            ListSource([message(0)]),
            outbox,
            [local_endpoint(receiver.url)],
            on_turn=turned.set,
            on_attempt=lambda *attempt: attempts.append(attempt),
        )
        with Running(notifier):
            assert turned.wait(60)
            assert receiver.wait_for(1, 60)
        assert [outcome for _, outcome, _ in attempts] == ["delivered"]


def test_notices_come_from_the_notifier(outbox):
    told: list[str] = []
    with answering("410 gone") as server:
        endpoint = local_endpoint(server.url)
        source = ListSource([message(0)])
        Notifier(source, outbox, [endpoint], on_notice=lambda n: told.append(n.type)).drain(5)
    assert told == ["endpoint.disabled"]


def test_an_outbox_that_fails_ends_the_run_with_its_error(outbox):
    with Receiver([SECRET], on_alert=lambda alert: outbox.close()) as receiver:
        notifier = Notifier(ListSource([message(0)]), outbox, [local_endpoint(receiver.url)])
        with capture_logs() as events, Running(notifier) as running:
            assert until(lambda: running.error is not None)
    assert isinstance(running.error, OutboxError)
    assert "andon.courier_failed" in [e["event"] for e in events]


def test_two_notifiers_do_not_share_an_outbox(tmp_path, outbox):
    with Receiver([SECRET]) as receiver:
        endpoints = [local_endpoint(receiver.url)]
        Notifier(ListSource([]), outbox, endpoints).drain(1)
        with (
            Outbox(tmp_path / "outbox.db") as second,
            pytest.raises(OutboxError, match="in use by another notifier"),
        ):
            Notifier(ListSource([]), second, endpoints).drain(1)


def test_two_endpoints_of_one_name_are_refused(outbox):
    endpoint = local_endpoint("http://127.0.0.1:9/")
    with pytest.raises(ValueError, match="two endpoints are named 'mes'"):
        Notifier(ListSource(), outbox, [endpoint, endpoint])


def test_what_was_delivered_long_ago_is_forgotten_while_it_runs(outbox):
    with Receiver([SECRET]) as receiver:
        endpoints = [local_endpoint(receiver.url)]
        Notifier(ListSource([message(0)]), outbox, endpoints).drain(5)
        month = 31 * 86400
        later = Notifier(ListSource(), outbox, endpoints, clock=lambda: time.time() + month)
        with Running(later):
            assert until(lambda: outbox.counts() == {})
