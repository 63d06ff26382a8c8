"""When a certificate of andon's own ends, read from its file."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka_tls import Certificates

from stream.kafka_tls import valid_until


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def ends(path: Path) -> str:
    asked = ["openssl", "x509", "-in", str(path), "-noout", "-enddate"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("name", ["authority", "client", "expired", "in 2051"])
def test_the_end_of_a_certificate_is_what_openssl_says(made: Certificates, name: str) -> None:
    path = made._signed("long", "DNS:andon", days=9_500) if name == "in 2051" else None
    path = path or getattr(made, name)
    found = valid_until(path)
    assert found is not None
    assert ends(path) == f"notAfter={found:%b} {found.day:2} {found:%H:%M:%S %Y} GMT"
    assert (found < datetime.now(UTC)) is (name == "expired")
    assert (found > datetime.now(UTC) + timedelta(days=9_000)) is (name == "in 2051")


def test_a_file_without_a_certificate_has_no_end(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    for text in ("", "key", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"):
        nonsense.write_text(text)
        assert valid_until(nonsense) is None
    assert valid_until(tmp_path / "absent.pem") is None
