"""The notifier: takes alerts from their source into the outbox, and has them delivered.

One reader fans out to all endpoints; one courier for each endpoint delivers. In order:

1. poll the source;
2. put each alert into the outbox, once for each endpoint that wants it, in one synced transaction;
3. tell the source "taken";
4. wake the couriers.

A process that dies between 2 and 3 polls the same alerts again, and the outbox knows their ids. At
least once, then, and receivers drop what they have seen by ``webhook-id``; no order is promised.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from alerts.courier import Courier, OnAttempt, OnNotice, Sender
from alerts.endpoint import Endpoint
from alerts.outbox import Outbox
from alerts.source import AlertSource
from alerts.webhook import WebhookSender

log = structlog.get_logger()

POLL_S = 0.5
PRUNE_EVERY_S = 3600.0
_DAY_S = 86400.0


class Notifier:
    """Delivers what ``source`` yields to ``endpoints``.

    Parameters
    ----------
    clock: answers seconds since 1970.
    on_notice: called from couriers' threads when an endpoint is disabled or an alert exhausted.
    on_attempt: called from couriers' threads after each attempt.
    on_turn: called after every turn of the loop, at least every half second.
    new_sender: makes what delivers to an endpoint.
    keep_days: how long the outbox remembers what was delivered.
    behind: whether the source has alerts that it has not given yet, which `drain` waits for; a
        source may need some polls until it gives any.
    grace_s: how long a stop waits for attempts under way; what they were about stays pending.

    Raises ValueError for two endpoints of one name.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from structlog.testing import capture_logs
    >>> from alerts.receiver import Receiver
    >>> from alerts.source import AlertMessage, Position
    >>> secret = "whsec_" + "QUJD" * 8
    >>> class Once(list):
    ...     def poll(self, timeout):
    ...         return [self.pop()] if self else []
    ...     def taken(self, position):
    ...         print("taken", position.offset)
    >>> source = Once([AlertMessage("a1", "part.at_risk", "high", b"{}", Position("alerts/0", 0))])
    >>> with (Receiver([secret]) as receiver, TemporaryDirectory() as folder,
    ...       Outbox(Path(folder) / "outbox.db") as outbox, capture_logs() as events):
    ...     endpoint = Endpoint("mes", receiver.url, (secret,), allow_http=True,
    ...                         allow_networks=("127.0.0.1=127.0.0.1/32",))
    ...     left = Notifier(source, outbox, [endpoint]).drain(10.0)
    ...     left, [alert.id for alert in receiver.received], events[0]["event"]
    taken 0
    (0, ['a1'], 'andon.alert_delivered')
    """

    def __init__(
        self,
        source: AlertSource,
        outbox: Outbox,
        endpoints: Sequence[Endpoint],
        *,
        clock: Callable[[], float] = time.time,
        on_notice: OnNotice | None = None,
        on_attempt: OnAttempt | None = None,
        on_turn: Callable[[], None] | None = None,
        new_sender: Callable[[Endpoint], Sender] = WebhookSender,
        keep_days: float = 30.0,
        behind: Callable[[], bool] = lambda: False,
        grace_s: float = 5.0,
    ) -> None:
        names = [endpoint.name for endpoint in endpoints]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two endpoints are named {twice!r}: give each a name of its own")
        self._source = source
        self._outbox = outbox
        self._endpoints = tuple(endpoints)
        self._clock = clock
        self._on_notice = on_notice
        self._on_attempt = on_attempt
        self._on_turn = on_turn
        self._new_sender = new_sender
        self._keep_s = keep_days * _DAY_S
        self._behind = behind
        self._grace_s = grace_s
        self._pruned_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Deliver until ``stop`` is set, which is looked at every half second.

        Raises what the source, or the outbox's disk, raises: a restart then goes on where this
        one was. Raises `alerts.outbox.OutboxError` if another process delivers from the outbox.
        """
        with self._delivering() as couriers:
            while not stop.is_set():
                self._take(couriers, POLL_S)
                self._prune()
                self._turn()

    def drain(self, timeout: float, stop: threading.Event | None = None) -> int:
        """Take all that the source has now and deliver it, for at most ``timeout`` seconds.

        Ends early when ``stop`` is set, and when nothing more can be delivered in that time: the
        rest waits for a later retry, or its endpoint is disabled. Answers how many alerts are left
        pending for the endpoints. Not to be called while `run` runs.
        """
        over = time.monotonic() + timeout
        stop = stop or threading.Event()

        def left() -> float:
            return 0.0 if stop.is_set() else over - time.monotonic()

        with self._delivering() as couriers:
            while (self._take(couriers, min(0.1, timeout)) or self._behind()) and left() > 0:
                pass
            while (seconds := left()) > 0 and self._deliverable_within(seconds):
                self._raise_failure(couriers)
                self._turn()
                time.sleep(0.01)
        counts = self._outbox.counts()
        return sum(counts.get(known.name, {}).get("pending", 0) for known in self._endpoints)

    @contextmanager
    def _delivering(self) -> Iterator[list[Courier]]:
        self._outbox.hold()
        couriers = [
            Courier(
                endpoint,
                self._outbox,
                self._new_sender(endpoint),
                clock=self._clock,
                on_notice=self._on_notice,
                on_attempt=self._on_attempt,
            )
            for endpoint in self._endpoints
        ]
        for courier in couriers:
            courier.start()
        try:
            yield couriers
            self._raise_failure(couriers)
        finally:
            self._stop(couriers)

    def _stop(self, couriers: Sequence[Courier]) -> None:
        for courier in couriers:
            courier.stop()
        over = time.monotonic() + self._grace_s
        for courier in couriers:
            if not courier.join(over - time.monotonic()):
                log.warning("andon.attempt_abandoned", endpoint=courier.endpoint.name)

    def _take(self, couriers: Sequence[Courier], timeout: float) -> int:
        self._raise_failure(couriers)
        messages = self._source.poll(timeout)
        if not messages:
            return 0
        last = {message.position.stream: message.position for message in messages}
        self._outbox.accept(
            [
                (endpoint.name, message)
                for message in messages
                for endpoint in self._endpoints
                if endpoint.wants(message.type, message.severity)
            ],
            {stream: position.offset for stream, position in last.items()},
            self._clock(),
        )
        for position in last.values():
            self._source.taken(position)
        for courier in couriers:
            courier.wake()
        return len(messages)

    def _turn(self) -> None:
        if self._on_turn is not None:
            self._on_turn()

    def _deliverable_within(self, seconds: float) -> bool:
        dues = (self._outbox.next_due(endpoint.name) for endpoint in self._endpoints)
        return any(due is not None and due - self._clock() <= seconds for due in dues)

    def _prune(self) -> None:
        now = self._clock()
        if now - self._pruned_at >= PRUNE_EVERY_S:
            self._pruned_at = now
            self._outbox.prune(now - self._keep_s)

    @staticmethod
    def _raise_failure(couriers: Sequence[Courier]) -> None:
        for courier in couriers:
            if courier.failure is not None:
                raise courier.failure
