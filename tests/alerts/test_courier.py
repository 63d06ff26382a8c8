"""A courier with a clock that stands still, a real outbox and real servers."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from structlog.testing import capture_logs
from webhooks import Clock, RawServer, answering, local_endpoint, message

from alerts.courier import Courier
from alerts.delivery import JITTER, SCHEDULE_S, Answer
from alerts.notice import Notice
from alerts.outbox import Outbox
from alerts.webhook import WebhookSender

ENDPOINT = local_endpoint("http://127.0.0.1:1/", allow_ports=(1,))


class Scripted:
    """Answers attempts from a list, the last answer for ever, and keeps when they were made."""

    def __init__(self, clock: Clock, *answers: Answer) -> None:
        self.clock = clock
        self.answers = list(answers)
        self.attempts: list[tuple[float, str]] = []

    def send(self, alert_id: str, body: bytes) -> Answer:
        self.attempts.append((self.clock.now, alert_id))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self) -> None:
        pass


class Desk:
    """An outbox, a clock and a courier on a script."""

    def __init__(self, outbox: Outbox, *answers: Answer) -> None:
        self.outbox = outbox
        self.clock = Clock()
        self.sender = Scripted(self.clock, *answers)
        self.notices: list[Notice] = []
        self.courier = Courier(
            ENDPOINT, outbox, self.sender, clock=self.clock, on_notice=self.notices.append
        )

    def accept(self, count: int) -> None:
        self.outbox.accept([("mes", message(n)) for n in range(count)], {}, self.clock.now)

    def run_out(self) -> None:
        """Deliver, letting the time pass that the courier would wait."""
        while (wait := self.courier.deliver_due()) is not None:
            assert wait > 0
            self.clock.advance(wait)


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "outbox.db") as opened:
        yield opened


def test_the_schedule_is_kept_to_the_last_attempt_and_then_the_alert_is_listed(outbox):
    desk = Desk(outbox, Answer(500))
    desk.accept(1)
    desk.run_out()
    times = [at for at, _ in desk.sender.attempts]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 10
    for gap, planned in zip(gaps, SCHEDULE_S[1:], strict=True):
        assert planned * (1 - JITTER) - 0.001 <= gap <= planned * (1 + JITTER) + 0.001
    (listed,) = outbox.exhausted("mes")
    assert (listed.attempts, listed.error) == (10, "status 500")
    (notice,) = desk.notices
    assert (notice.type, notice.alert) == ("alert.exhausted", listed.id)
    assert json.loads(notice.to_json())["reason"] == "status 500"


def test_an_alert_that_fails_does_not_hold_up_the_others(outbox):
    desk = Desk(outbox, Answer(500), Answer(204))
    desk.accept(3)
    desk.courier.deliver_due()
    assert outbox.counts() == {"mes": {"delivered": 2, "pending": 1}}
    desk.run_out()
    assert outbox.counts() == {"mes": {"delivered": 3}}


def test_a_receiver_that_is_gone_is_disabled_at_once_and_told_of(outbox):
    desk = Desk(outbox, Answer(410), Answer(204))
    desk.accept(3)
    with capture_logs() as events:
        desk.run_out()
    assert len(desk.sender.attempts) == 1
    assert list(outbox.disabled()) == ["mes"]
    assert [notice.type for notice in desk.notices] == ["endpoint.disabled"]
    assert [event["event"] for event in events] == [
        "andon.delivery_failed",
        "andon.endpoint_disabled",
    ]
    outbox.enable("mes")
    desk.run_out()
    assert outbox.counts() == {"mes": {"delivered": 3}}


def test_retry_after_pauses_the_whole_endpoint(outbox):
    desk = Desk(outbox, Answer(503, retry_after="120"), Answer(204))
    desk.accept(3)
    began = desk.clock.now
    assert desk.courier.deliver_due() == 120
    assert len(desk.sender.attempts) == 1
    desk.clock.advance(119)
    desk.courier.deliver_due()
    assert len(desk.sender.attempts) == 1
    desk.run_out()
    assert {at - began for at, _ in desk.sender.attempts} == {0, 120}
    assert outbox.counts() == {"mes": {"delivered": 3}}


@pytest.mark.parametrize("status", [429, 502, 504])
def test_an_overloaded_receiver_is_asked_ever_more_slowly_until_it_recovers(outbox, status):
    desk = Desk(outbox, *[Answer(status)] * 4, Answer(204))
    desk.accept(20)
    desk.run_out()
    times = [at - desk.sender.attempts[0][0] for at, _ in desk.sender.attempts]
    assert times[:5] == [0, 1, 3, 7, 15]
    assert times[5:-4] == [15] * len(times[5:-4])
    assert outbox.counts() == {"mes": {"delivered": 20}}


def test_a_notice_that_cannot_be_told_stops_no_delivery(outbox):
    def refuse(notice: Notice) -> None:
        raise RuntimeError("the log is away")

    desk = Desk(outbox, Answer(410))
    desk.accept(1)
    courier = Courier(ENDPOINT, outbox, desk.sender, clock=desk.clock, on_notice=refuse)
    with capture_logs() as events:
        courier.deliver_due()
    assert events[0]["event"] == "andon.notice_failed"
    assert list(outbox.disabled()) == ["mes"]


def test_each_attempt_is_told_of_once_it_is_recorded(outbox):
    told: list[tuple[str, str, int]] = []

    def hear(endpoint: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        told.append((endpoint, outcome, outbox.counts()["mes"].get("delivered", 0)))

    clock = Clock()
    sender = Scripted(clock, Answer(500), Answer(204))
    outbox.accept([("mes", message(0)), ("mes", message(1))], {}, clock.now)
    Courier(ENDPOINT, outbox, sender, clock=clock, on_attempt=hear).deliver_due()
    assert told == [("mes", "retry", 0), ("mes", "delivered", 1)]


def test_each_delivery_and_failure_is_an_event_with_its_fields(outbox):
    desk = Desk(outbox, Answer(None, "no answer within 15 s"), Answer(204))
    desk.accept(1)
    with capture_logs() as events:
        desk.run_out()
    failed, delivered = events
    assert failed["event"] == "andon.delivery_failed"
    assert failed["log_level"] == "warning"
    assert failed["reason"] == "no answer within 15 s"
    assert (failed["outcome"], failed["attempt"]) == ("retry", 1)
    assert 4 <= failed["retry_in_s"] <= 6
    assert delivered["event"] == "andon.alert_delivered"
    assert (delivered["endpoint"], delivered["alert"]) == ("mes", message(0).id)
    assert (delivered["status"], delivered["attempt"]) == (204, 2)


@pytest.mark.parametrize(
    ("reply", "state", "disabled"),
    [
        ("200 yes", "delivered", False),
        ("204 yes", "delivered", False),
        ("302 elsewhere\r\nLocation: http://127.0.0.1:1/", "pending", False),
        ("400 no", "pending", False),
        ("401 no", "pending", False),
        ("404 no", "pending", False),
        ("410 gone", "pending", True),
        ("429 slower", "pending", False),
        ("500 no", "pending", False),
        ("502 no", "pending", False),
        ("503 no", "pending", False),
        ("504 no", "pending", False),
    ],
)
def test_every_row_of_the_status_table_on_a_real_server(outbox, reply, state, disabled):
    clock = Clock()
    with answering(reply, "204 yes") as server:
        endpoint = local_endpoint(server.url)
        sender = WebhookSender(endpoint, clock=clock)
        courier = Courier(endpoint, outbox, sender, clock=clock)
        outbox.accept([("mes", message(0))], {}, clock.now)
        courier.deliver_due()
        assert outbox.counts() == {"mes": {state: 1}}
        assert bool(outbox.disabled()) == disabled
        outbox.enable("mes")
        clock.advance(10)
        courier.deliver_due()
        assert outbox.counts() == {"mes": {"delivered": 1}}
        sender.close()
    assert len(server.requests) == (1 if state == "delivered" else 2)


def test_the_same_id_and_body_go_out_at_every_attempt(outbox):
    clock = Clock()
    with answering(*["500 no"] * 9, "204 yes") as server:
        endpoint = local_endpoint(server.url)
        sender = WebhookSender(endpoint, clock=clock)
        courier = Courier(endpoint, outbox, sender, clock=clock)
        outbox.accept([("mes", message(0))], {}, clock.now)
        while (wait := courier.deliver_due()) is not None:
            clock.advance(wait)
        sender.close()
    assert outbox.counts() == {"mes": {"delivered": 1}}
    assert _distinct(server, b"webhook-id") == 1
    assert _distinct(server, b"webhook-timestamp") == 10
    assert {body for _, body in server.requests} == {message(0).body}


def _distinct(server: RawServer, name: bytes) -> int:
    lines = [line for head, _ in server.requests for line in head.split(b"\r\n")]
    return len({line for line in lines if line.startswith(name + b":")})
