"""One attempt to deliver one alert to one endpoint: signed, to a permitted address, in time.

This speaks through httpcore, the transport under httpx, and not through an httpx client: following
redirects, proxies and ``.netrc`` from the environment, cookies and the logging of whole URLs are
the client's doing, and a webhook wants none of them.

Reference: the Standard Webhooks specification, "Signature scheme".
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from math import floor

import httpcore
from standardwebhooks import Webhook

from alerts.addresses import AddressRefused, Resolver, permitted_addresses, system_resolver
from alerts.delivery import Answer
from alerts.endpoint import Endpoint
from alerts.pinned import Deadline, PinnedBackend

MAX_REPLY = 4096
"""Bytes of a reply's body that are read, only so that the connection can be used again."""

REPLY_BODY_S = 1.0
"""Seconds that a reply's body may take; its status has been seen by then."""

KEEP_ALIVE_S = 15.0


def sign(secrets: Sequence[str], alert_id: str, at: float, body: bytes) -> dict[str, str]:
    """The three headers of a signed alert, one signature for each secret.

    ``at`` is the time of the attempt in seconds since 1970: receivers refuse old ones.

    >>> headers = sign(["whsec_" + "QUJD" * 8], "a1", 1767600000.9, b"{}")
    >>> headers["webhook-timestamp"], headers["webhook-signature"]
    ('1767600000', 'v1,yWlqzkr2Bkp90G2F6Ka0kc7mmqr+jpcI8BcgqJ6aDR8=')
    """
    moment, text = datetime.fromtimestamp(floor(at), UTC), body.decode()
    signatures = (Webhook(secret).sign(alert_id, moment, text) for secret in secrets)
    return {
        "webhook-id": alert_id,
        "webhook-timestamp": str(floor(at)),
        "webhook-signature": " ".join(signatures),
    }


class WebhookSender:
    """Delivers to one endpoint over a kept connection; for one thread at a time.

    ``resolver`` and ``network`` are what it looks names up and connects with.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Callable[[], float] = time.time,
        resolver: Resolver = system_resolver,
        network: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._deadline = Deadline()
        target = endpoint.target
        # The host, and not the address, is in the URL: it is what the certificate must be for.
        self._url = httpcore.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        addresses = partial(permitted_addresses, target, endpoint.allowed, resolver)
        _keep_replies_out_of_logs()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_ssl_context(endpoint),
            max_connections=1,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=PinnedBackend(addresses, self._deadline, network),
        )

    def send(self, alert_id: str, body: bytes) -> Answer:
        """Make one attempt; whatever goes wrong is an answer, nothing is raised.

        The answer's error never quotes the other side, which might echo the URL.
        """
        self._deadline.set(self._endpoint.timeout_s)
        try:
            return self._post(alert_id, body)
        except AddressRefused as error:
            return Answer(None, str(error))
        except httpcore.TimeoutException:
            return Answer(None, f"no answer within {self._endpoint.timeout_s:g} s")
        except httpcore.ConnectError as error:
            return Answer(None, f"cannot connect: {str(error)[:200]}")
        except (httpcore.NetworkError, OSError):
            return Answer(None, "the connection broke")
        except httpcore.ProtocolError:
            return Answer(None, "the reply is not HTTP, or the connection was closed before it")
        except Exception as error:
            return Answer(None, f"failed with {type(error).__name__}")

    def close(self) -> None:
        """Close the kept connection."""
        self._pool.close()

    def _post(self, alert_id: str, body: bytes) -> Answer:
        headers = {
            "Host": self._endpoint.target.authority,
            "User-Agent": "andon",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            **sign(self._endpoint.secrets, alert_id, self._clock(), body),
        }
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        with self._pool.stream("POST", self._url, headers=pairs, content=body) as reply:
            waits = [value for name, value in reply.headers if name.lower() == b"retry-after"]
            answer = Answer(reply.status, retry_after=waits[0].decode("latin-1") if waits else None)
            self._read_out(reply)
        return answer

    def _read_out(self, reply: httpcore.Response) -> None:
        self._deadline.shorten(REPLY_BODY_S)
        read = 0
        # The status stands, whatever becomes of the body.
        with suppress(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
            for chunk in reply.iter_stream():
                read += len(chunk)
                if read > MAX_REPLY:
                    break


def _ssl_context(endpoint: Endpoint) -> ssl.SSLContext | None:
    if endpoint.target.scheme != "https":
        return None
    if endpoint.ca_file is None:
        return httpcore.default_ssl_context()
    try:
        return ssl.create_default_context(cafile=endpoint.ca_file)
    except OSError as error:
        raise ValueError(
            f"endpoint {endpoint.name!r}: ca_file {endpoint.ca_file!r} cannot be used "
            f"({error.strerror or type(error).__name__}): name a readable PEM file"
        ) from None


def _without_replies(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("receive_response")


def _keep_replies_out_of_logs() -> None:
    """At DEBUG httpcore logs a reply's headers, where a redirect echoes our URL, token and all."""
    logging.getLogger("httpcore.http11").addFilter(_without_replies)
