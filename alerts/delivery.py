"""What to do about a webhook's answer: one small status table and the retry schedule. Pure.

===============  ==========  =================  ================
answer           outcome     honours            endpoint
                             ``Retry-After``    slows down
===============  ==========  =================  ================
2xx              delivered
410              disabled
429              retry       yes                yes
502, 504         retry                          yes
503              retry       yes
3xx              retry (a redirect is never followed)
any other, none  retry
===============  ==========  =================  ================

A retry after the last attempt is *exhausted*: the alert stays in the outbox, listed, until somebody
queues it again.

Reference: the Standard Webhooks specification, "Deliverability and reliability".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

_MINUTE, _HOUR = 60.0, 3600.0

SCHEDULE_S = (
    0.0,
    5.0,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
"""Seconds to wait before each attempt, counted from the one before it."""

JITTER = 0.2
"""A wait is drawn between 1 - JITTER and 1 + JITTER times the schedule's."""

RETRY_AFTER_CAP_S = _HOUR
"""No receiver can ask for a longer silence than this."""

SLOW_DOWN_CAP_S = _MINUTE

Outcome = Literal["delivered", "retry", "disabled", "exhausted"]


@dataclass(frozen=True)
class Answer:
    """What one attempt brought: a status, or None and in ``error`` why there is none."""

    status: int | None
    error: str = ""
    retry_after: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What follows from an answer.

    ``after`` is the time until this alert's next attempt, ``pause`` the time during which the
    endpoint gets nothing at all; both in seconds.
    """

    outcome: Outcome
    reason: str = ""
    after: float = 0.0
    pause: float = 0.0


class _Rule(NamedTuple):
    outcome: Outcome
    honours_retry_after: bool = False
    overloaded: bool = False
    remark: str = ""


_OTHER = _Rule("retry")
_BY_STATUS = {
    410: _Rule("disabled", remark=": the receiver says that this endpoint is gone for good"),
    429: _Rule("retry", honours_retry_after=True, overloaded=True),
    502: _Rule("retry", overloaded=True),
    503: _Rule("retry", honours_retry_after=True),
    504: _Rule("retry", overloaded=True),
}
_BY_CLASS = {
    2: _Rule("delivered"),
    3: _Rule("retry", remark=": redirects are not followed, set the final URL"),
}


def judge(
    answer: Answer,
    *,
    endpoint: str,
    alert_id: str,
    attempt: int,
    now: float,
    overloads: int = 0,
) -> Verdict:
    """The verdict on the answer to the ``attempt``-th attempt, counted from 1.

    ``now`` is in seconds since 1970, for a ``Retry-After`` that names a date; ``overloads`` counts
    the endpoint's answers 429, 502 and 504 in a row before this one.

    >>> judge(Answer(204), endpoint="mes", alert_id="a1", attempt=1, now=0.0).outcome
    'delivered'
    >>> judge(Answer(500), endpoint="mes", alert_id="a1", attempt=10, now=0.0)
    Verdict(outcome='exhausted', reason='status 500', after=0.0, pause=0.0)
    """
    status = answer.status
    if status is None:
        rule, reason = _OTHER, answer.error or "no answer"
    else:
        rule = _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, _OTHER)
        reason = f"status {status}{rule.remark}"
    if rule.outcome != "retry":
        return Verdict(rule.outcome, reason)
    asked = retry_after_s(answer.retry_after, now) if rule.honours_retry_after else 0.0
    slow = min(SLOW_DOWN_CAP_S, 2.0 ** min(overloads, 30)) if rule.overloaded else 0.0
    pause = max(asked, slow)
    if attempt >= len(SCHEDULE_S):
        return Verdict("exhausted", reason, pause=pause)
    wait = SCHEDULE_S[attempt] * jitter(endpoint, alert_id, attempt)
    return Verdict("retry", reason, after=max(wait, asked), pause=pause)


def is_overload(answer: Answer) -> bool:
    """Whether the answer says that the receiver gets more than it can take."""
    return answer.status in _BY_STATUS and _BY_STATUS[answer.status].overloaded


def jitter(endpoint: str, alert_id: str, attempt: int) -> float:
    """The factor on a wait, the same whenever and wherever it is asked for.

    It spreads the retries of many alerts that failed together.

    >>> 1 - JITTER <= jitter("mes", "a1", 1) <= 1 + JITTER
    True
    """
    digest = hashlib.sha256(f"{endpoint}|{alert_id}|{attempt}".encode()).digest()
    draw = int.from_bytes(digest[:8], "big") / 2**64
    return 1 - JITTER + 2 * JITTER * draw


def retry_after_s(text: str | None, now: float) -> float:
    """Seconds that a ``Retry-After`` header asks for, at most `RETRY_AFTER_CAP_S`; 0 if unreadable.

    >>> retry_after_s("120", now=0.0), retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", now=0.0)
    (120.0, 60.0)
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        # A number too long for int() is beyond the cap anyway.
        return min(float(text[:12]), RETRY_AFTER_CAP_S) if len(text) <= 12 else RETRY_AFTER_CAP_S
    try:
        at = parsedate_to_datetime(text)
        # The zone "-0000" is read as naive, and means UTC.
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max(at.timestamp() - now, 0.0), RETRY_AFTER_CAP_S)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
