"""A connection that cannot work says so at once, and never tells a secret."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from kafka import errors

from stream.errors import ConfigError, LogError, LogUnavailable
from stream.kafka_connection import KafkaConnection, quiet_client, reaching

SERVERS = ("broker-1:9092", "broker-2:9092")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bootstrap_servers": ()}, "bootstrap_servers is (): name at least one broker"),
        ({"bootstrap_servers": "host:1"}, "bootstrap_servers is 'host:1': name at least one"),
        ({"delivery_timeout_s": 0.0}, "delivery_timeout_s is 0.0: set it above 0"),
        ({"session_timeout_s": -1.0}, "session_timeout_s is -1.0: set it above 0"),
        ({"max_unacknowledged": 0}, "max_unacknowledged is 0: set it to 1 or more"),
        ({"replication": 0}, "replication is 0: set it to 1 or more"),
        ({"security": {"acks": "CANARY"}}, "security has no setting 'acks'"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        KafkaConnection(**{"bootstrap_servers": SERVERS, **settings})
    assert message in str(caught.value)


def test_a_mistyped_security_setting_is_named_without_its_value() -> None:
    with pytest.raises(ConfigError, match="'sasl_plain_pasword'") as caught:
        KafkaConnection(SERVERS, security={"sasl_plain_pasword": "CANARY"})
    assert "CANARY" not in str(caught.value)


def test_a_connection_does_not_show_its_secrets() -> None:
    connection = KafkaConnection(SERVERS, security={"sasl_plain_password": "CANARY"})
    assert "CANARY" not in repr(connection)
    assert hash(connection) == hash(KafkaConnection(SERVERS))


@pytest.mark.parametrize(
    ("theirs", "ours", "retriable"),
    [
        (errors.KafkaTimeoutError(), LogUnavailable, True),
        (errors.NodeNotReadyError(), LogUnavailable, True),
        (errors.UnknownBrokerIdError(1), LogUnavailable, True),
        (errors.TopicAuthorizationFailedError({"t"}), LogError, False),
        (errors.SaslAuthenticationFailedError(), LogError, False),
        (errors.InvalidReplicationFactorError(), LogError, False),
    ],
)
def test_the_clients_errors_become_ours_and_name_the_servers(
    theirs: errors.KafkaError, ours: type[LogError], retriable: bool
) -> None:
    with pytest.raises(ours, match="broker-1:9092,broker-2:9092") as caught:
        raise_within(theirs)
    assert caught.value.retriable is retriable
    assert caught.value.__cause__ is theirs


def raise_within(error: Exception) -> None:
    with reaching(KafkaConnection(SERVERS)):
        raise error


@pytest.mark.parametrize(
    ("before", "after"),
    [(logging.NOTSET, logging.INFO), (logging.DEBUG, logging.INFO), (logging.ERROR, logging.ERROR)],
)
def test_the_clients_logger_is_raised_to_info_and_never_lowered(before: int, after: int) -> None:
    logger = logging.getLogger("kafka")
    kept = logger.level
    try:
        logger.setLevel(before)
        quiet_client()
        assert logger.level == after
    finally:
        logger.setLevel(kept)
