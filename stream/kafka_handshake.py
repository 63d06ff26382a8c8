"""Does the security of a connection fit what the brokers ask for? Found out before a client starts.

kafka-python tries again whatever fails, and in the end knows only that no broker answered. So the
first words of a connection are spoken here once, with the same settings: TLS, then whether SASL is
asked for, then who we are. Each thing that cannot work is a `SecurityRefused` by name; what may be
over in a moment (nobody listens, no answer in time) is left to the client, which waits for it.

Reference: the Kafka protocol guide, "SASL Authentication Sequence".
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from kafka import errors
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.metadata import ApiVersionsRequest, MetadataRequest, MetadataResponse
from kafka.protocol.sasl import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)

from stream.errors import SecurityRefused
from stream.kafka_connection import KafkaConnection
from stream.kafka_tls import refused_by_broker, refused_certificate, tls_context
from stream.kafka_wire import NoKafka, asked

log = structlog.get_logger()

# The oldest that brokers of Kafka 4 answer.
_METADATA = 4
# A plain look at a port whose TLS failed, or the reverse, is a courtesy: it may not take long.
_LOOK_S = 2.0


def check_handshake(connection: KafkaConnection) -> None:
    """Raise `SecurityRefused` if no server takes this connection's security, one at least by name.

    `ConfigError` for files that cannot be used. Takes ``answer_timeout_s`` at the most.
    """
    deadline = time.monotonic() + connection.answer_timeout_s
    context = tls_context(connection.security) if _protocol(connection).endswith("SSL") else None
    refused: list[SecurityRefused] = []
    for server in connection.bootstrap_servers:
        try:
            _Handshake(connection, server, context, deadline).run()
        except SecurityRefused as refusal:
            refused.append(refusal)
        except OSError:
            continue
        else:
            for each in refused:
                log.warning("andon.kafka_broker_refused", error=str(each), reason=each.reason)
            return
    if refused:
        raise refused[0]


def check_advertised(connection: KafkaConnection) -> None:
    """Raise `SecurityRefused` if a broker that the cluster itself names does not fit.

    Clients go on with these names, which may be others than those in the settings.
    """
    deadline = time.monotonic() + connection.answer_timeout_s
    context = tls_context(connection.security) if _protocol(connection).endswith("SSL") else None
    for server in connection.bootstrap_servers:
        try:
            named = _Handshake(connection, server, context, deadline).brokers()
        except OSError:
            continue
        for broker in named:
            try:
                _Handshake(connection, broker, context, deadline).run()
            except OSError:
                continue
            except SecurityRefused as refusal:
                raise SecurityRefused(
                    refusal.reason,
                    f"{refusal} (the brokers themselves give this address to clients, as "
                    f"advertised.listeners; {server} let andon in)",
                ) from None
        return


class _Handshake:
    """The first words with one server."""

    def __init__(
        self,
        connection: KafkaConnection,
        server: str,
        context: ssl.SSLContext | None,
        deadline: float,
    ) -> None:
        self._connection = connection
        self._security = connection.security
        self._server = server
        host, _, port = server.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._context = context
        self._deadline = deadline

    def run(self) -> None:
        """The first words, whatever follows."""
        with self._let_in():
            pass

    def brokers(self) -> list[str]:
        """The brokers that this one names, as host:port."""
        with self._let_in() as stream:
            request = MetadataRequest(topics=[], allow_auto_topic_creation=False)
            answer = asked(stream, request, _METADATA)
        found = MetadataResponse.decode(answer, version=_METADATA, header=True)
        return [f"{broker.host}:{broker.port}" for broker in found.brokers]

    @contextmanager
    def _let_in(self) -> Iterator[socket.socket]:
        with self._connected() as stream:
            try:
                self._versions(stream)
                self._authenticate(stream)
                yield stream
            except ssl.SSLError as error:
                # In TLS 1.3 a broker says only now that it wants another certificate, or one.
                refusal = refused_by_broker(self._server, self._security, error)
                if refusal is not None:
                    raise refusal from None
                raise

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        with self._dialled(self._left()) as plain:
            if self._context is None:
                yield plain
                return
            try:
                secured = self._context.wrap_socket(plain, server_hostname=self._host.rstrip("."))
            except ssl.SSLCertVerificationError as error:
                raise refused_certificate(self._server, self._security, error) from None
            except TimeoutError:
                raise
            except OSError as error:
                refusal = None
                if isinstance(error, ssl.SSLError):
                    refusal = refused_by_broker(self._server, self._security, error)
                if refusal is None and self._speaks_plain():
                    refusal = SecurityRefused(
                        "plain_port",
                        f"kafka.tls is true and {self._server} speaks plain text: name the "
                        f"brokers' TLS port in kafka.bootstrap_servers, or set kafka.tls = false",
                    )
                if refusal is None:
                    raise
                raise refusal from None
            with secured:
                yield secured

    def _dialled(self, seconds: float) -> socket.socket:
        return socket.create_connection((self._host, self._port), timeout=seconds)

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _versions(self, stream: socket.socket) -> None:
        """The request with which every client begins, and which every broker answers."""
        try:
            answer = asked(stream, ApiVersionsRequest(), 0)
        except NoKafka as other:
            if self._context is None and (other.begins_as_tls or self._speaks_tls()):
                raise SecurityRefused(
                    "tls_port",
                    f"kafka.tls is false and {self._server} speaks TLS: set kafka.tls = true, or "
                    f"name the brokers' plain text port in kafka.bootstrap_servers",
                ) from None
            raise
        if answer is None:
            raise NoKafka(b"")

    def _authenticate(self, stream: socket.socket) -> None:
        wanted = self._security.get("sasl_mechanism") if self._logs_in else None
        try:
            # The empty mechanism is none's: the answer tells whether one is asked for.
            answer = asked(stream, SaslHandshakeRequest(mechanism=wanted or ""), 1)
        except NoKafka:
            if wanted is None:
                return  # a broker that knows no SASL may hang up
            raise
        found = SaslHandshakeResponse.decode(answer, version=1, header=True)
        said = errors.for_code(found.error_code)
        offered = ", ".join(_names(found.mechanisms)) or "none that andon can name"
        if wanted is None:
            if said is errors.UnsupportedSaslMechanismError:
                raise SecurityRefused(
                    "login_wanted",
                    f"kafka.sasl_mechanism is none and {self._server} asks for a login by "
                    f"{offered}: set kafka.sasl_mechanism, kafka.sasl_user and "
                    f"kafka.sasl_password_file",
                )
            return
        if said is errors.UnsupportedSaslMechanismError:
            raise SecurityRefused(
                "mechanism_not_offered",
                f"kafka.sasl_mechanism is {wanted} and {self._server} offers {offered}: set one of "
                f"these, or enable it on the broker",
            )
        if said is errors.IllegalSaslStateError:
            raise SecurityRefused(
                "login_not_wanted",
                f"kafka.sasl_mechanism is {wanted} and {self._server} asks for no login on this "
                f"port: name the port that does in kafka.bootstrap_servers, or remove "
                f"kafka.sasl_mechanism",
            )
        if said is errors.NoError:
            self._log_in(stream, wanted)

    @property
    def _logs_in(self) -> bool:
        return _protocol(self._connection).startswith("SASL")

    def _log_in(self, stream: socket.socket, wanted: str) -> None:
        mechanism = get_sasl_mechanism(wanted)(host=self._host, **self._security)
        refusal = SecurityRefused(
            "login_refused",
            f"kafka.sasl_user {self._security.get('sasl_plain_username')} is not let in by "
            f"{self._server} with {wanted}: correct the name, or the password that "
            f"kafka.sasl_password_file or kafka.sasl_password_env points to",
        )
        while not mechanism.is_done():
            answer = asked(stream, SaslAuthenticateRequest(mechanism.auth_bytes()), 0)
            found = SaslAuthenticateResponse.decode(answer, version=0, header=True)
            if found.error_code:
                raise refusal
            try:
                mechanism.receive(found.auth_bytes)
            except (ValueError, KeyError):
                # The broker does not prove that it knows the password itself.
                raise refusal from None

    def _speaks_plain(self) -> bool:
        """Whether the port answers Kafka's first request without TLS."""
        try:
            with self._dialled(_LOOK_S) as plain:
                return asked(plain, ApiVersionsRequest(), 0) is not None
        except OSError:
            return False

    def _speaks_tls(self) -> bool:
        """Whether the port begins a TLS handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            with (
                self._dialled(_LOOK_S) as plain,
                context.wrap_socket(plain, server_hostname=self._host),
            ):
                return True
        except ssl.SSLCertVerificationError:
            return True
        except ssl.SSLError as error:
            return "ALERT" in str(error.reason)
        except OSError:
            return False


def _protocol(connection: KafkaConnection) -> str:
    return str(connection.security.get("security_protocol", "PLAINTEXT"))


def _names(offered: list[str]) -> list[str]:
    return [name for name in offered[:10] if re.fullmatch(r"[A-Z0-9_-]{1,32}", name)]
