"""Why a cluster that let andon in before does not answer now: refused by name, or merely away.

A client that runs tries again whatever fails, and knows in the end only that nobody answers. A
certificate that has expired meanwhile, or a login that was withdrawn, is found out by speaking the
first words of a connection once more.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from weakref import WeakKeyDictionary

from stream.errors import ConfigError, SecurityRefused
from stream.kafka_connection import KafkaConnection
from stream.kafka_handshake import check_handshake

# Whoever asks has waited for the cluster already, and asks again soon. A broker that has just come
# back refuses slowly, and is asked again sooner than one that has refused.
_PATIENCE_S = 5.0
_REFUSED_FOR_S, _AWAY_FOR_S = 30.0, 5.0


class Refusals:
    """What was last found of each connection, so that a cluster that is away is not asked often.

    >>> from stream.kafka_connection import KafkaConnection
    >>> Refusals().why(KafkaConnection(("127.0.0.1:1",)))       # no TLS, no login: only away
    ''
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: WeakKeyDictionary[KafkaConnection, tuple[float, str]] = WeakKeyDictionary()

    def why(self, connection: KafkaConnection) -> str:
        """The refusal in words, "" if there is none."""
        if connection.security.get("security_protocol", "PLAINTEXT") == "PLAINTEXT":
            return ""
        with self._lock:
            when, said = self._known.get(connection, (float("-inf"), ""))
            if time.monotonic() - when > (_REFUSED_FOR_S if said else _AWAY_FOR_S):
                said = _asked(connection)
                self._known[connection] = (time.monotonic(), said)
            return said


def _asked(connection: KafkaConnection) -> str:
    patience = min(_PATIENCE_S, connection.answer_timeout_s)
    try:
        check_handshake(replace(connection, answer_timeout_s=patience))
    except (SecurityRefused, ConfigError) as refusal:
        return str(refusal)
    return ""


_refusals = Refusals()


def refused_now(connection: KafkaConnection) -> str:
    """`Refusals.why` of this process."""
    return _refusals.why(connection)
