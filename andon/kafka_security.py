"""How Kafka's clients are told of certificates and passwords, from the settings that name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from andon.kafka_section import KafkaSection
from andon.secret_files import check_private, password

log = structlog.get_logger()

_PROTOCOLS = {
    (False, False): "PLAINTEXT",
    (True, False): "SSL",
    (False, True): "SASL_PLAINTEXT",
    (True, True): "SASL_SSL",
}


def kafka_security(kafka: KafkaSection, environ: Mapping[str, str]) -> dict[str, Any]:
    """What `stream.kafka_connection.KafkaConnection` takes as ``security``, passwords read.

    Raises `ConfigError` for a password that is missing and for a file that others may read. Logs a
    warning if the brokers' names go unchecked.

    >>> kafka_security(KafkaSection(), {})
    {'security_protocol': 'PLAINTEXT'}
    """
    logs_in = kafka.sasl_mechanism != "none"
    told: dict[str, Any] = {"security_protocol": _PROTOCOLS[kafka.tls, logs_in]}
    if kafka.tls:
        told |= _tls(kafka, environ)
    if logs_in:
        told |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": _user(kafka),
            "sasl_plain_password": password(
                "kafka.sasl_password_file",
                kafka.sasl_password_file,
                "kafka.sasl_password_env",
                kafka.sasl_password_env,
                environ,
            ),
        }
    return told


def _user(kafka: KafkaSection) -> str:
    """The name as the mechanism sends it: SCRAM has two characters of its own (RFC 5802, 5.1)."""
    if kafka.sasl_mechanism == "PLAIN":
        return kafka.sasl_user
    return kafka.sasl_user.replace("=", "=3D").replace(",", "=2C")


def check_kafka_security(kafka: KafkaSection, environ: Mapping[str, str]) -> None:
    """Raise `ConfigError` for a password, certificate or key that cannot be used."""
    security = kafka_security(kafka, environ)
    if kafka.tls:
        # Imported here, because a machine that runs on the local log needs none of it.
        from stream.kafka_tls import tls_context

        tls_context(security)


def _tls(kafka: KafkaSection, environ: Mapping[str, str]) -> dict[str, Any]:
    if not kafka.check_hostname:
        log.warning(
            "andon.kafka_names_unchecked",
            setting="kafka.check_hostname = false",
            means="whoever holds any certificate of the same authority passes for a broker",
            servers=list(kafka.bootstrap_servers),
        )
    told: dict[str, Any] = {"ssl_check_hostname": kafka.check_hostname}
    if kafka.ca_file is not None:
        told["ssl_cafile"] = str(kafka.ca_file)
    if kafka.certificate_file is not None:
        key = kafka.key_file or kafka.certificate_file
        named = "kafka.certificate_file" if kafka.key_file is None else "kafka.key_file"
        check_private(named, key)
        told |= {
            "ssl_certfile": str(kafka.certificate_file),
            "ssl_keyfile": str(key),
            "ssl_password": password(
                "kafka.key_password_file",
                kafka.key_password_file,
                "kafka.key_password_env",
                kafka.key_password_env,
                environ,
            ),
        }
    return told
