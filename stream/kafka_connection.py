"""How to reach a Kafka cluster, and what its client's errors mean here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import kafka
from kafka import errors
from kafka.net.compat import KafkaNetClient

from stream.errors import ConfigError, LogError, LogUnavailable

Client = TypeVar("Client")

_SECURITY = frozenset(
    name
    for name in kafka.KafkaConsumer.DEFAULT_CONFIG
    if name.startswith(("security_protocol", "ssl_", "sasl_"))
    and name in kafka.KafkaProducer.DEFAULT_CONFIG
    and name in kafka.KafkaAdminClient.DEFAULT_CONFIG
)
# Not retriable by the client's own flag, yet over as soon as the cluster has settled.
_PASSING = (errors.RetriableError, errors.UnknownBrokerIdError)
# What a cluster answers of any group until it has made __consumer_offsets, or found its leader.
_NO_COORDINATOR = (
    errors.CoordinatorNotAvailableError,
    errors.CoordinatorLoadInProgressError,
    errors.NotCoordinatorError,
)


@dataclass(frozen=True)
class KafkaConnection:
    """Where a cluster is and how patiently to talk to it.

    Times are in seconds. ``answer_timeout_s`` bounds one call, ``delivery_timeout_s`` the wait for
    the acknowledgement of a record, ``session_timeout_s`` the silence after which a group gives a
    member's partitions to others. At most ``max_unacknowledged`` records of together
    ``max_unacknowledged_bytes`` wait for their acknowledgement. ``replication`` is that of topics
    created here. ``security`` takes kafka-python's ``security_protocol``, ``ssl_*`` and ``sasl_*``
    settings. Raises `ConfigError` for what cannot work.

    >>> KafkaConnection(("broker-1:9092", "broker-2:9092")).replication
    1
    """

    bootstrap_servers: tuple[str, ...]
    client_id: str = "andon"
    delivery_timeout_s: float = 30.0
    session_timeout_s: float = 30.0
    answer_timeout_s: float = 10.0
    max_unacknowledged: int = 10_000
    max_unacknowledged_bytes: int = 16_000_000
    replication: int = 1
    # Holds passwords: neither shown nor part of the hash.
    security: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    def __post_init__(self) -> None:
        if not self.bootstrap_servers or isinstance(self.bootstrap_servers, str):
            raise ConfigError(
                f"bootstrap_servers is {self.bootstrap_servers!r}: name at least one broker, as a "
                f"list of host:port"
            )
        unknown = sorted(set(self.security) - _SECURITY)
        if unknown:
            raise ConfigError(
                f"security has no setting {unknown[0]!r}: it takes security_protocol, ssl_* and "
                f"sasl_* as kafka-python names them"
            )
        for name in ("delivery_timeout_s", "session_timeout_s", "answer_timeout_s"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}: set it above 0")
        for name in ("max_unacknowledged", "max_unacknowledged_bytes", "replication"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}: set it to 1 or more")

    @property
    def servers(self) -> str:
        """The bootstrap servers as one text, for messages."""
        return ",".join(self.bootstrap_servers)

    @property
    def answer_timeout_ms(self) -> int:
        """``answer_timeout_s`` in the client's unit."""
        return int(self.answer_timeout_s * 1000)

    def refused_now(self) -> str:
        """Why its brokers do not let andon in any more, in words; "" if they are away."""
        # Imported here, because the first words of a connection need to know what one is.
        from stream.kafka_refusal import refused_now

        refusal = refused_now(self)
        return refusal and f"does not let andon in: {refusal}"

    def open(self, kind: Callable[..., Client], **settings: Any) -> Client:
        """A client of this kind, connected.

        Raises `LogUnavailable` if no bootstrap server answers within ``answer_timeout_s``.
        """
        quiet_client()
        networks: list[KafkaNetClient] = []

        def network(**given: Any) -> KafkaNetClient:
            # Without these, a connection to a broker that stands still is waited for 10 s and more.
            patience = {
                "socket_connection_setup_timeout_ms": self.answer_timeout_ms,
                "socket_connection_setup_timeout_max_ms": self.answer_timeout_ms,
            }
            networks.append(KafkaNetClient(**given, **patience))
            return networks[-1]

        try:
            with reaching(self):
                return kind(
                    bootstrap_servers=list(self.bootstrap_servers),
                    client_id=self.client_id,
                    bootstrap_timeout_ms=self.answer_timeout_ms,
                    # A broker that has restarted is found again within seconds.
                    reconnect_backoff_max_ms=1000,
                    kafka_client=network,
                    **{"request_timeout_ms": self.answer_timeout_ms, **settings, **self.security},
                )
        except BaseException:
            # A constructor that fails leaves its I/O thread running.
            for each in networks:
                each.close()
            raise


def quiet_client() -> None:
    """Keep kafka-python's logger at INFO or above: at DEBUG it tells payloads and passwords."""
    logger = logging.getLogger("kafka")
    if logger.level < logging.INFO:
        logger.setLevel(logging.INFO)


@contextmanager
def reaching(connection: KafkaConnection) -> Iterator[None]:
    """Translate the client's errors: `LogUnavailable` if waiting may help, else `LogError`."""
    try:
        yield
    except _NO_COORDINATOR as error:
        raise LogUnavailable(
            f"Kafka at {connection.servers} has no coordinator for groups "
            f"({type(error).__name__}): ask again in a minute if it has just started, else check "
            f"that it can make its topic __consumer_offsets, which wants "
            f"offsets.topic.replication.factor brokers"
        ) from error
    except _PASSING as error:
        why = connection.refused_now() or (
            f"does not answer ({type(error).__name__}): check that its brokers run and that "
            f"bootstrap_servers names them"
        )
        raise LogUnavailable(f"Kafka at {connection.servers} {why}") from error
    except errors.AuthorizationError as error:
        raise LogError(
            f"Kafka at {connection.servers} does not allow this ({type(error).__name__}): give "
            f"this user the rights to read, write or create that it needs"
        ) from error
    except errors.SaslAuthenticationFailedError as error:
        raise LogError(
            f"Kafka at {connection.servers} does not accept the credentials: check "
            f"kafka.sasl_user and what kafka.sasl_password_file or _env points to"
        ) from error
    except errors.KafkaError as error:
        raise LogError(f"Kafka at {connection.servers} refuses: {error}") from error
