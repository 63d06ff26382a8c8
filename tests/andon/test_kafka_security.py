"""What Kafka's clients are told, from settings that only name files and variables."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from andon.kafka_section import KafkaSection
from andon.kafka_security import check_kafka_security, kafka_security
from stream.errors import ConfigError

ENVIRON = {"ANDON_SECRET_KAFKA": "CANARY"}
LOGIN = {"sasl_user": "a,b=c", "sasl_password_env": "ANDON_SECRET_KAFKA"}


@pytest.mark.parametrize(
    ("mechanism", "sent"), [("PLAIN", "a,b=c"), ("SCRAM-SHA-256", "a=2Cb=3Dc")]
)
def test_a_users_name_is_sent_as_the_mechanism_writes_it(mechanism: str, sent: str) -> None:
    kafka = KafkaSection.model_validate({"sasl_mechanism": mechanism, **LOGIN})
    told = kafka_security(kafka, ENVIRON)
    assert (told["sasl_plain_username"], told["sasl_plain_password"]) == (sent, "CANARY")
    assert told["security_protocol"] == "SASL_PLAINTEXT"
    assert "CANARY" not in repr(kafka)


def test_unchecked_names_are_warned_of_each_time() -> None:
    with capture_logs() as lines:
        told = kafka_security(KafkaSection(tls=True, check_hostname=False), {})
    assert told == {"security_protocol": "SSL", "ssl_check_hostname": False}
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("andon.kafka_names_unchecked", "warning")
    ]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    both = tmp_path / "andon.pem"
    both.write_text("a certificate and its key")
    both.chmod(0o644)
    kafka = KafkaSection(tls=True, certificate_file=both)
    with pytest.raises(ConfigError, match=r"^kafka.certificate_file .* has mode 0644"):
        kafka_security(kafka, {})
    both.chmod(0o600)
    with pytest.raises(ConfigError, match=r"^kafka.certificate_file .* cannot be used"):
        check_kafka_security(kafka, {})
