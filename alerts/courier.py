"""A courier: delivers one endpoint's alerts from the outbox, in a thread of its own.

Each endpoint has its own courier, so that one that hangs delays nobody else. A courier decides
nothing: `alerts.delivery.judge` does; it sends, records and says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from alerts.delivery import Answer, Outcome, Verdict, is_overload, judge
from alerts.endpoint import Endpoint
from alerts.notice import Notice, NoticeType
from alerts.outbox import Delivery, Outbox, OutboxClosed

log = structlog.get_logger()

IDLE_S = 1.0
"""How long an idle courier waits before it looks again: others may enable its endpoint."""

OnNotice = Callable[[Notice], None]
OnAttempt = Callable[[str, Outcome, float], None]
"""Gets the endpoint's name, the outcome and the seconds that the attempt took."""


class Sender(Protocol):
    """Makes one attempt; `alerts.webhook.WebhookSender` is the real one."""

    def send(self, alert_id: str, body: bytes) -> Answer:
        """The answer to one attempt; raises nothing for what the receiver does."""

    def close(self) -> None:
        """Give connections back."""


class Courier:
    """Delivers to one endpoint.

    ``clock`` answers seconds since 1970; ``on_notice`` is called from this courier's thread, before
    the news is recorded, so that a killed process tells it twice rather than never; ``on_attempt``
    is called from there after each attempt was recorded.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        outbox: Outbox,
        sender: Sender,
        *,
        clock: Callable[[], float] = time.time,
        on_notice: OnNotice | None = None,
        on_attempt: OnAttempt | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.failure: Exception | None = None
        self._outbox = outbox
        self._sender = sender
        self._clock = clock
        self._on_notice = on_notice
        self._on_attempt = on_attempt
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._paused_until = float("-inf")
        self._overloads = 0
        # A daemon, because an attempt under way may outlast the patience of whoever stops us.
        self._thread = threading.Thread(
            target=self._run, name=f"andon-courier-{endpoint.name}", daemon=True
        )

    def start(self) -> None:
        """Deliver in the background until `stop`."""
        self._thread.start()

    def wake(self) -> None:
        """Look into the outbox now."""
        self._wake.set()

    def stop(self) -> None:
        """Begin no further attempt; returns at once."""
        self._stopping.set()
        self._wake.set()

    def join(self, timeout: float) -> bool:
        """Wait until the attempt under way has ended; False if it has not."""
        self._thread.join(max(timeout, 0.0))
        return not self._thread.is_alive()

    def deliver_due(self) -> float | None:
        """Attempt all that is due; the seconds until something is due again, None if nothing is."""
        while not self._stopping.is_set() and self._clock() >= self._paused_until:
            due = self._outbox.due(self.endpoint.name, self._clock())
            if not due:
                break
            for delivery in due:
                outcome = self._attempt(delivery)
                paused = self._clock() < self._paused_until
                if outcome == "disabled" or paused or self._stopping.is_set():
                    break
        return self._wait()

    def _wait(self) -> float | None:
        at = self._outbox.next_due(self.endpoint.name)
        return None if at is None else max(at, self._paused_until, self._clock()) - self._clock()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                # Cleared before looking, so that what comes while we look wakes us again.
                self._wake.clear()
                wait = self.deliver_due()
                if not self._stopping.is_set():
                    self._wake.wait(IDLE_S if wait is None else min(wait, IDLE_S))
        except Exception as error:
            # After a stop the outbox may be closed over an attempt that nobody waits for.
            if not (isinstance(error, OutboxClosed) and self._stopping.is_set()):
                self.failure = error
                log.error(
                    "andon.courier_failed", endpoint=self.endpoint.name, error=type(error).__name__
                )
        finally:
            self._sender.close()

    def _attempt(self, delivery: Delivery) -> Outcome:
        began = time.perf_counter()
        answer = self._sender.send(delivery.id, delivery.body)
        took_ms = round((time.perf_counter() - began) * 1000, 1)
        now = self._clock()
        attempt = delivery.attempts + 1
        verdict = judge(
            answer,
            endpoint=self.endpoint.name,
            alert_id=delivery.id,
            attempt=attempt,
            now=now,
            overloads=self._overloads,
        )
        self._overloads = self._overloads + 1 if is_overload(answer) else 0
        self._paused_until = now + verdict.pause if verdict.pause else float("-inf")
        self._tell(delivery, verdict, now)
        self._outbox.record(delivery, verdict, now)
        if self._on_attempt is not None:
            self._on_attempt(self.endpoint.name, verdict.outcome, took_ms / 1000)
        about = log.bind(endpoint=self.endpoint.name, alert=delivery.id, attempt=attempt)
        if verdict.outcome == "delivered":
            about.info("andon.alert_delivered", status=answer.status, ms=took_ms)
            return verdict.outcome
        about.warning(
            "andon.delivery_failed",
            outcome=verdict.outcome,
            reason=verdict.reason,
            retry_in_s=round(verdict.after, 1) if verdict.outcome == "retry" else None,
            ms=took_ms,
        )
        if verdict.outcome == "disabled":
            about.error("andon.endpoint_disabled", reason=verdict.reason)
        return verdict.outcome

    def _tell(self, delivery: Delivery, verdict: Verdict, now: float) -> None:
        types: dict[str, NoticeType] = {
            "disabled": "endpoint.disabled",
            "exhausted": "alert.exhausted",
        }
        if self._on_notice is None or verdict.outcome not in types:
            return
        notice = Notice(
            types[verdict.outcome], self.endpoint.name, delivery.id, verdict.reason, now
        )
        try:
            self._on_notice(notice)
        except Exception as error:
            # The outbox lists it all the same, and deliveries must go on.
            log.error("andon.notice_failed", notice=notice.type, error=type(error).__name__)
