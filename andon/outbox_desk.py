"""What an operator asks of the outbox: how deliveries stand, and to take up those that stopped."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from andon.build import opened_outbox
from andon.mistakes import nearest, plain
from andon.settings import Settings
from stream.errors import ConfigError

STATES = ("pending", "delivered", "exhausted")


@dataclass(frozen=True)
class EndpointState:
    """How deliveries to one endpoint stand; the numbers are of alerts that the outbox knows.

    ``url`` is scheme, host and port, None for an endpoint that the settings no longer have;
    ``disabled`` is why the notifier stopped delivering to it, None while it delivers.
    """

    name: str
    url: str | None
    disabled: str | None
    pending: int
    delivered: int
    exhausted: int

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


@dataclass(frozen=True)
class GivenUp:
    """One alert that ran out of attempts at an endpoint; ``error`` is what the last one met."""

    endpoint: str
    alert: str
    attempts: int
    error: str

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def endpoint_states(settings: Settings) -> list[EndpointState]:
    """The endpoints of the settings, then those that only the outbox still knows."""
    hosts = {section.name: section.host for section in settings.endpoints}
    counts: dict[str, dict[str, int]] = {}
    disabled: dict[str, str] = {}
    if settings.notifier.outbox.exists():
        with opened_outbox(settings) as outbox:
            counts, disabled = outbox.counts(), outbox.disabled()
    return [
        EndpointState(
            name,
            hosts.get(name),
            disabled.get(name),
            *(counts.get(name, {}).get(state, 0) for state in STATES),
        )
        for name in dict.fromkeys([*hosts, *counts, *disabled])
    ]


def given_up(settings: Settings) -> list[GivenUp]:
    """The alerts that ran out of attempts, of every endpoint."""
    names = [state.name for state in endpoint_states(settings) if state.exhausted]
    if not names:
        return []
    with opened_outbox(settings) as outbox:
        return [
            GivenUp(name, delivery.id, delivery.attempts, delivery.error)
            for name in names
            for delivery in outbox.exhausted(name)
        ]


def enable(settings: Settings, name: str) -> bool:
    """Deliver to a disabled endpoint again; False if it was not disabled.

    A running notifier sees it within seconds. Raises `ConfigError` for an endpoint that nobody
    knows.
    """
    _check_known(settings, name)
    with opened_outbox(settings) as outbox:
        return outbox.enable(name)


def requeue(settings: Settings, name: str) -> int:
    """Queue an endpoint's given-up alerts again, with all attempts ahead; answers how many.

    Raises `ConfigError` for an endpoint that nobody knows.
    """
    _check_known(settings, name)
    with opened_outbox(settings) as outbox:
        return outbox.requeue(name, time.time())


def _check_known(settings: Settings, name: str) -> None:
    known = [state.name for state in endpoint_states(settings)]
    if name in known:
        return
    meant = nearest(name, known)
    listed = ", ".join(known) or "there are none"
    raise ConfigError(
        f"endpoint {plain(name)} is in neither the settings nor the outbox: "
        + (f"did you mean {meant}?" if meant else f"name one of these: {listed}")
    )
