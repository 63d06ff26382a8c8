"""An endpoint: one receiver of alerts, and everything that is settled about it."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import get_args

from alerts.addresses import Allowed, Target, parse_allowed, parse_url
from alerts.alert import Severity

SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix that every secret has, not a secret
SECRET_BYTES = range(24, 65)

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SEVERITIES: tuple[str, ...] = get_args(Severity)


@dataclass(frozen=True)
class Endpoint:
    """One webhook.

    Parameters
    ----------
    name: letters, digits, ``._-``; names the endpoint in logs, metrics and the outbox.
    url: https, unless ``allow_http``; may hold a token in its path, so the repr leaves it out.
    secrets: ``whsec_`` and 24 to 64 bytes in base64; several while a secret is being rotated.
    allow_http: permits http.
    allow_networks: ``host=network`` pairs; this host may have addresses in this network.
    allow_ports: ports besides 443 and 8443 (and 80 and 8080 with ``allow_http``).
    types: the alert types wanted, None for all.
    min_severity: the least severity wanted.
    timeout_s: seconds for one attempt, from the name's look-up to the reply's headers.
    ca_file: the PEM file of the only authority trusted, None for the public ones.

    Raises ValueError (`alerts.addresses.AddressRefused` for the URL) naming the setting, never a
    secret.

    >>> Endpoint("mes", "https://mes.example.com/hook", ("whsec_" + "QUJD" * 8,))
    Endpoint(name='mes', min_severity='low')
    """

    name: str
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    allow_http: bool = field(default=False, repr=False)
    allow_networks: tuple[str, ...] = field(default=(), repr=False)
    allow_ports: tuple[int, ...] = field(default=(), repr=False)
    types: tuple[str, ...] | None = field(default=None, repr=False)
    min_severity: Severity = "low"
    timeout_s: float = field(default=15.0, repr=False)
    ca_file: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"endpoint name {self.name!r}: write 1 to 64 letters, digits, dots, hyphens or "
                f"underscores"
            )
        if not self.secrets:
            raise ValueError(f"endpoint {self.name!r}: secrets is empty: give at least one")
        for number, secret in enumerate(self.secrets, start=1):
            if not _is_secret(secret):
                raise ValueError(
                    f"endpoint {self.name!r}: secret {number} is not '{SECRET_PREFIX}' and "
                    f"{SECRET_BYTES.start} to {SECRET_BYTES.stop - 1} bytes in base64: make one "
                    f"from 32 random bytes"
                )
        if self.min_severity not in _SEVERITIES:
            raise ValueError(
                f"endpoint {self.name!r}: min_severity {self.min_severity!r} is unknown: "
                f"write one of {', '.join(_SEVERITIES)}"
            )
        if not 0 < self.timeout_s <= 60:
            raise ValueError(
                f"endpoint {self.name!r}: timeout_s {self.timeout_s} must be above 0 and at most 60"
            )
        _ = self.target

    @cached_property
    def allowed(self) -> tuple[Allowed, ...]:
        """``allow_networks``, read."""
        return tuple(map(parse_allowed, self.allow_networks))

    @cached_property
    def target(self) -> Target:
        """The URL, taken apart and checked."""
        return parse_url(
            self.url,
            allow_http=self.allow_http,
            allow_ports=self.allow_ports,
            allowed=self.allowed,
        )

    def wants(self, alert_type: str, severity: str) -> bool:
        """Whether an alert of this type and severity goes to this endpoint.

        A severity that a later version invented passes: better one alert too many.

        >>> Endpoint("mes", "https://mes.example.com/", ("whsec_" + "QUJD" * 8,),
        ...          min_severity="high").wants("part.at_risk", "medium")
        False
        """
        if self.types is not None and alert_type not in self.types:
            return False
        if severity not in _SEVERITIES:
            return True
        return _SEVERITIES.index(severity) >= _SEVERITIES.index(self.min_severity)


def _is_secret(secret: str) -> bool:
    if not secret.startswith(SECRET_PREFIX):
        return False
    text = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(key) in SECRET_BYTES
