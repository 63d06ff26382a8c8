"""The settings of the Kafka cluster: where it is, how patiently and how safely to talk to it.

A password is never a setting: the settings name the file or the environment variable that holds it.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import Field, Strict, ValidationInfo, field_validator, model_validator

from andon.sections import Broker, FilePath, OptionalText, Section, Text, Variable

_TLS_KEYS = (
    "ca_file",
    "certificate_file",
    "key_file",
    "key_password_file",
    "key_password_env",
)
_KEY_KEYS = ("key_file", "key_password_file", "key_password_env")
_SASL_KEYS = ("sasl_user", "sasl_password_file", "sasl_password_env")


class KafkaSection(Section):
    """How to reach the Kafka cluster; read when ``log.kind`` is ``kafka``."""

    bootstrap_servers: Annotated[tuple[Broker, ...], Strict(False)] = Field(
        ("127.0.0.1:9092",), min_length=1, description="brokers to ask first, as host:port"
    )
    client_id: Text = Field("andon", description="the name by which brokers log this client")
    delivery_timeout_s: float = Field(
        30.0, ge=1, le=3600, description="seconds until an unacknowledged record counts as failed"
    )
    session_timeout_s: float = Field(
        30.0,
        ge=6,
        le=1800,
        description="seconds of silence after which a worker's partitions go to others",
    )
    replication: int = Field(
        1, ge=1, le=16, description="copies of each partition, in topics that andon creates"
    )
    tls: bool = Field(
        False,
        description="whether connections are encrypted and the brokers' certificates checked",
    )
    allow_plaintext: bool = Field(
        False, description="whether records may cross a network unencrypted"
    )
    ca_file: FilePath | None = Field(
        None,
        description="PEM file of the authorities that may sign the brokers' certificates; left "
        "out: the system's",
    )
    certificate_file: FilePath | None = Field(
        None,
        description="PEM file of andon's own certificate, for brokers that ask for one",
    )
    key_file: FilePath | None = Field(
        None,
        description="PEM file of its private key, readable by andon alone; left out: it is in "
        "certificate_file",
    )
    key_password_file: FilePath | None = Field(
        None,
        description="file that holds the key's password, readable by andon alone, if it has one",
    )
    key_password_env: Variable | None = Field(
        None, description="environment variable that holds the key's password instead"
    )
    check_hostname: bool = Field(
        True,
        description="whether a broker's certificate must be for the name it is called by; false "
        "lets whoever holds any certificate of the same authority pass for a broker, and warns",
    )
    sasl_mechanism: Literal["none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "none", description="how andon proves who it is, besides a certificate"
    )
    sasl_user: OptionalText = Field("", description="the user's name on the brokers")
    sasl_password_file: FilePath | None = Field(
        None, description="file that holds the user's password, readable by andon alone"
    )
    sasl_password_env: Variable | None = Field(
        None, description="environment variable that holds the user's password instead"
    )

    @field_validator("bootstrap_servers")
    @classmethod
    def _ports_exist(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        for server in servers:
            if not 1 <= int(server.rpartition(":")[2]) <= 65535:
                raise ValueError("a port is not within 1 to 65535: correct it (Kafka's is 9092)")
        return servers

    @field_validator("allow_plaintext")
    @classmethod
    def _plaintext_is_meant(cls, allowed: bool, info: ValidationInfo) -> bool:
        beyond = beyond_loopback(info.data.get("bootstrap_servers", ()))
        if beyond and not allowed and not info.data.get("tls", False):
            raise ValueError(
                f"records would go to {beyond[0]} unencrypted: set tls = true, or allow_plaintext "
                f"= true if the network is trusted, or name a broker on this machine"
            )
        return allowed

    @model_validator(mode="after")
    def _security_is_whole(self) -> Self:
        for keys, needed, remedy in (
            (_TLS_KEYS, self.tls, "kafka.tls is false: set tls = true"),
            (_KEY_KEYS, self.certificate_file, "kafka.certificate_file missing: give it"),
            (
                _SASL_KEYS,
                self.sasl_mechanism != "none",
                "kafka.sasl_mechanism is none: write how the user is to log in, such as "
                "'SCRAM-SHA-512'",
            ),
        ):
            idle = [key for key in keys if getattr(self, key)]
            if idle and not needed:
                raise ValueError(f"kafka.{idle[0]} is given and {remedy}, or remove {idle[0]}")
        for secret in ("key_password", "sasl_password"):
            if getattr(self, f"{secret}_file") and getattr(self, f"{secret}_env"):
                raise ValueError(
                    f"kafka.{secret}_file and kafka.{secret}_env are both given: remove one"
                )
        if self.sasl_mechanism != "none":
            self._check_sasl()
        return self

    def _check_sasl(self) -> None:
        if not self.sasl_user:
            raise ValueError(
                f"kafka.sasl_mechanism is {self.sasl_mechanism} and kafka.sasl_user missing: give "
                f"the user's name"
            )
        if not self.sasl_password_file and not self.sasl_password_env:
            raise ValueError(
                f"kafka.sasl_mechanism is {self.sasl_mechanism} and no password is named: name the "
                f"file or the variable that holds it, as kafka.sasl_password_file or "
                f"kafka.sasl_password_env"
            )
        beyond = beyond_loopback(self.bootstrap_servers)
        if self.sasl_mechanism == "PLAIN" and not self.tls and beyond:
            raise ValueError(
                f"kafka.sasl_mechanism is PLAIN and kafka.tls is false: the password would go to "
                f"{beyond[0]} as it is, for anybody to read: set tls = true, or write "
                f"'SCRAM-SHA-512'"
            )


def beyond_loopback(servers: tuple[str, ...]) -> list[str]:
    """The servers that are not on this machine.

    >>> beyond_loopback(("localhost:9092", "[::1]:9092", "broker-1:9092"))
    ['broker-1:9092']
    """
    return [server for server in servers if not _is_loopback(server)]


def _is_loopback(server: str) -> bool:
    host = server.rpartition(":")[0].strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
