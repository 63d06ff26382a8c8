"""The TLS side of a connection to Kafka: its context, and what its errors mean.

A refusal has a ``reason`` that a log or a test can ask for; its message names the setting, what was
found and the remedy. Texts that the other side chose are never quoted: it might echo a secret.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stream.errors import ConfigError, SecurityRefused

# OpenSSL's X509_V_ERR_*, see X509_STORE_CTX_get_error(3).
_NOT_YET_VALID = 9
_EXPIRED = 10
_UNTRUSTED = frozenset({2, 18, 19, 20, 21, 24})
_OTHER_NAME = frozenset({62, 64})
# Tags of DER: the optional first field of a certificate, and a time of two-digit years.
_VERSION, _UTC_TIME = 0xA0, 0x17
# What a broker answers that has seen no certificate, and one that it does not take.
_WANTS_CERTIFICATE = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE")
_REFUSES_CERTIFICATE = (*_WANTS_CERTIFICATE, "UNKNOWN_CA", "CERTIFICATE_", "ACCESS_DENIED")


def tls_context(security: Mapping[str, Any]) -> ssl.SSLContext:
    """The context that kafka-python makes of these settings; TLS 1.2 or newer.

    Raises `ConfigError` for a file that cannot be used.

    >>> tls_context({"ssl_check_hostname": False}).verify_mode.name
    'CERT_REQUIRED'
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = security.get("ssl_check_hostname", True)
    authorities = security.get("ssl_cafile")
    if authorities is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(authorities)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"kafka.ca_file {authorities} cannot be used ({_why(error)}): name a readable PEM "
                f"file of certificates"
            ) from None
    if security.get("ssl_certfile"):
        _load_own(context, security)
    return context


def _load_own(context: ssl.SSLContext, security: Mapping[str, Any]) -> None:
    certificate, key = security["ssl_certfile"], security.get("ssl_keyfile")
    secret = security.get("ssl_password")
    asked = False

    def answer() -> str:
        # Without an answer, OpenSSL asks whoever sits at the terminal.
        nonlocal asked
        asked = True
        return secret or ""

    try:
        context.load_cert_chain(certificate, key, answer)
    except (OSError, ValueError) as error:
        if asked and not secret:
            raise ConfigError(
                f"kafka.key_file {key} is encrypted and no password is named: name it with "
                f"kafka.key_password_file or kafka.key_password_env"
            ) from None
        if asked:
            raise ConfigError(
                f"kafka.key_file {key} does not open with its password: correct what "
                f"kafka.key_password_file or kafka.key_password_env points to"
            ) from None
        for path, name in ((certificate, "certificate_file"), (key, "key_file")):
            if path and not Path(path).is_file():
                raise ConfigError(
                    f"kafka.{name} {path} cannot be used (no such file): name a PEM file"
                ) from None
        if "KEY_VALUES_MISMATCH" in str(getattr(error, "reason", "")):
            raise ConfigError(
                f"kafka.key_file {key} is not the key of the certificate in "
                f"kafka.certificate_file {certificate}: name the two that belong together"
            ) from None
        raise ConfigError(
            f"kafka.certificate_file {certificate} with kafka.key_file {key} cannot be used "
            f"({_why(error)}): name PEM files of a certificate and of its key"
        ) from None


def refused_certificate(
    server: str, security: Mapping[str, Any], error: ssl.SSLCertVerificationError
) -> SecurityRefused:
    """What it means that a broker's certificate was not taken."""
    where = f"kafka.bootstrap_servers {server}: the broker's certificate"
    if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        when = "has expired" if error.verify_code == _EXPIRED else "is not valid yet"
        return SecurityRefused(
            "certificate_expired",
            f"{where} {when}: have it renewed on the broker, and check this machine's clock",
        )
    if error.verify_code in _OTHER_NAME:
        host = server.rpartition(":")[0]
        return SecurityRefused(
            "other_name",
            f"{where} is not for the name {host}: name the broker as its certificate does, or "
            f"have one issued for this name",
        )
    authorities = security.get("ssl_cafile")
    trusted = f"kafka.ca_file {authorities}" if authorities else "this system's list"
    if error.verify_code in _UNTRUSTED:
        return SecurityRefused(
            "unknown_authority",
            f"{where} is signed by no authority in {trusted}: give the PEM file of the authority "
            f"that signed it as kafka.ca_file",
        )
    return SecurityRefused(
        "certificate_refused",
        f"{where} is not taken ({error.verify_message}): have another one issued by an authority "
        f"in {trusted}",
    )


def refused_by_broker(
    server: str, security: Mapping[str, Any], error: ssl.SSLError
) -> SecurityRefused | None:
    """What a broker's alert means, None if it does not speak of andon's certificate."""
    alert = str(error.reason or "")
    if "ALERT" not in alert:
        return None
    certificate = security.get("ssl_certfile")
    if certificate is None and any(name in alert for name in _WANTS_CERTIFICATE):
        return SecurityRefused(
            "certificate_wanted",
            f"kafka.bootstrap_servers {server}: the broker asks for a certificate, and "
            f"kafka.certificate_file is not given: give it, and kafka.key_file",
        )
    if certificate is not None and any(name in alert for name in _REFUSES_CERTIFICATE):
        ended = valid_until(Path(certificate))
        # Brokers often say no more than that they do not know it.
        if ended is not None and ended < datetime.now(UTC):
            return SecurityRefused(
                "own_certificate_expired",
                f"kafka.certificate_file {certificate} has expired, on {ended:%Y-%m-%d at %H:%M} "
                f"UTC, and is no longer taken by {server}: have it renewed; the new file is read "
                f"without a restart",
            )
        return SecurityRefused(
            "own_certificate_refused",
            f"kafka.certificate_file {certificate} is not taken by {server} ({alert}): give one "
            f"that is in date and signed by an authority that the broker trusts",
        )
    return SecurityRefused(
        "tls_refused",
        f"kafka.bootstrap_servers {server}: the broker refuses the TLS connection ({alert}): its "
        f"log says why; andon speaks TLS 1.2 and 1.3",
    )


def valid_until(path: Path) -> datetime | None:
    """When the first certificate of a PEM file ends; None for what cannot be read.

    The end of its validity is the second time in the fifth field (version, serial number,
    signature, issuer, *validity*) of what is signed: RFC 5280, 4.1.
    """
    try:
        text = path.read_text("ascii", "replace")
        begin = text.index(ssl.PEM_HEADER)
        end = text.index(ssl.PEM_FOOTER, begin) + len(ssl.PEM_FOOTER)
        certificate = ssl.PEM_cert_to_DER_cert(text[begin:end])
        [whole] = _fields(certificate)
        fields = _fields(_fields(whole[1])[0][1])
        versioned = fields[0][0] == _VERSION
        kind, said = _fields(fields[3 + versioned][1])[1]
        form = "%y%m%d%H%M%SZ" if kind == _UTC_TIME else "%Y%m%d%H%M%SZ"
        return datetime.strptime(said.decode("ascii"), form).replace(tzinfo=UTC)
    except (OSError, ValueError, IndexError):
        return None


def _fields(der: bytes) -> list[tuple[int, bytes]]:
    """The tags and contents that follow each other in DER."""
    found, at = [], 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size]), at + size
        found.append((tag, der[at : at + length]))
        at += length
    return found


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return str(error.reason or "not PEM").lower().replace("_", " ")
    return getattr(error, "strerror", None) or "not PEM"
