"""TLS and SASL on a real broker with a listener of each kind: what works, and what is refused how.

One broker serves the whole module.
"""

from __future__ import annotations

import base64
import json
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from commands import Commands, Done, andon, folder
from kafka import KafkaAdminClient
from kafka.admin import UserScramCredentialUpsertion
from kafka_broker import KafkaBroker, Listener, free_ports
from kafka_tls import KEY_PASSWORD, Certificates
from kafka_topics import new_topic
from required_broker import running
from service_process import Service
from small_line import small_line
from webhooks import until

from alerts.receiver import Receiver
from producers.event_file import write_events
from stream.errors import ConfigError, LogUnavailable, SecurityRefused
from stream.kafka import KafkaConnection, KafkaLog
from stream.kafka_handshake import check_handshake
from stream.log import TopicPartition

__all__ = ["andon", "folder"]
pytestmark = pytest.mark.kafka

USER, PASSWORD = "andon,line=1", "kafka-Pa55/word +é"
PLAIN_PASSWORD = "plain-Pa55word"
JAAS = "org.apache.kafka.common.security"
SCRAM = f"{JAAS}.scram.ScramLoginModule required;"
PLAIN = f'{JAAS}.plain.PlainLoginModule required user_andon="{PLAIN_PASSWORD}";'
MUTUAL = {"ssl.client.auth": "required"}


def tls(keystore: Path, authority: Path, **more: str) -> dict[str, str]:
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority),
        **more,
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secured(made: Certificates) -> Iterator[KafkaBroker]:
    good = tls(made.broker, made.authority)
    scram = {
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        "scram-sha-512.sasl.jaas.config": SCRAM,
        "plain.sasl.jaas.config": PLAIN,
    }
    broker = KafkaBroker(
        listeners={
            "TLS": Listener("SSL", good),
            "MUTUAL": Listener("SSL", {**good, **MUTUAL}),
            "MUTUALOLD": Listener("SSL", {**good, **MUTUAL, "ssl.enabled.protocols": "TLSv1.2"}),
            "BOTH": Listener("SASL_SSL", {**good, **MUTUAL, **scram}),
            "LOGIN": Listener("SASL_PLAINTEXT", scram),
            "OTHERNAME": Listener("SSL", tls(made.other_name, made.authority)),
            "MOVED": Listener("SSL", tls(made.numeric, made.authority), "localhost"),
            "EXPIRED": Listener("SSL", tls(made.expired, made.authority)),
        }
    )
    with (
        running(broker),
        closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin,
    ):
        admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(USER, "SCRAM-SHA-512", PASSWORD)]
        )
        yield broker


def reached(broker: KafkaBroker, listener: str, protocol: str, **security: Any) -> None:
    address = broker.address(listener) if listener else broker.bootstrap
    given = {"security_protocol": protocol, **security}
    check_handshake(KafkaConnection((address,), security=given))


SENT_USER = USER.replace("=", "=3D").replace(",", "=2C")
LOGIN = {
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_plain_username": SENT_USER,
    "sasl_plain_password": PASSWORD,
}


@pytest.mark.parametrize(
    ("listener", "protocol", "given", "reason", "said"),
    [
        ("TLS", "SSL", {"ssl_cafile": "other_authority"}, "unknown_authority", "kafka.ca_file"),
        ("TLS", "SSL", {}, "unknown_authority", "this system's list"),
        ("OTHERNAME", "SSL", {}, "other_name", "is not for the name 127.0.0.1"),
        ("EXPIRED", "SSL", {}, "certificate_expired", "has expired"),
        ("MUTUAL", "SSL", {}, "certificate_wanted", "kafka.certificate_file is not given"),
        ("MUTUALOLD", "SSL", {}, "certificate_wanted", "kafka.certificate_file is not given"),
        ("MUTUAL", "SSL", {"ssl_certfile": "stranger"}, "own_certificate_refused", "is not taken"),
        ("", "SSL", {}, "plain_port", "kafka.tls is true and"),
        ("LOGIN", "SSL", {}, "plain_port", "set kafka.tls = false"),
        ("TLS", "PLAINTEXT", {}, "tls_port", "kafka.tls is false and"),
        ("MUTUAL", "PLAINTEXT", {}, "tls_port", "set kafka.tls = true"),
        ("BOTH", "SASL_PLAINTEXT", LOGIN, "tls_port", "set kafka.tls = true"),
        (
            "LOGIN",
            "SASL_PLAINTEXT",
            {**LOGIN, "sasl_plain_password": "CANARY"},
            "login_refused",
            "kafka.sasl_user",
        ),
        (
            "LOGIN",
            "SASL_PLAINTEXT",
            {
                "sasl_mechanism": "PLAIN",
                "sasl_plain_username": "a",
                "sasl_plain_password": "CANARY",
            },
            "login_refused",
            "kafka.sasl_password_file",
        ),
        (
            "LOGIN",
            "SASL_PLAINTEXT",
            {**LOGIN, "sasl_mechanism": "SCRAM-SHA-256"},
            "mechanism_not_offered",
            "offers SCRAM-SHA-512, PLAIN",
        ),
        ("LOGIN", "PLAINTEXT", {}, "login_wanted", "asks for a login by SCRAM-SHA-512, PLAIN"),
        ("", "SASL_PLAINTEXT", LOGIN, "login_not_wanted", "asks for no login"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused_by_name_and_at_once(
    secured: KafkaBroker,
    made: Certificates,
    listener: str,
    protocol: str,
    given: dict[str, str],
    reason: str,
    said: str,
) -> None:
    security: dict[str, Any] = dict(given)
    if said != "this system's list" and protocol.endswith("SSL"):
        security["ssl_cafile"] = str(getattr(made, given.get("ssl_cafile", "authority")))
    if given.get("ssl_certfile"):
        stranger = made.self_signed()
        security |= {"ssl_certfile": str(stranger), "ssl_keyfile": str(stranger)}
    began = time.monotonic()
    with pytest.raises(SecurityRefused) as refusal:
        reached(secured, listener, protocol, **security)
    assert (refusal.value.reason, refusal.value.exit_code) == (reason, 3)
    assert said in str(refusal.value)
    assert (secured.address(listener) if listener else secured.bootstrap) in str(refusal.value)
    assert "CANARY" not in str(refusal.value)
    assert PASSWORD not in str(refusal.value)
    assert time.monotonic() - began < 5


def test_what_fits_is_let_through(secured: KafkaBroker, made: Certificates) -> None:
    trusted = {"ssl_cafile": str(made.authority)}
    own = {"ssl_certfile": str(made.client), "ssl_keyfile": str(made.client)}
    reached(secured, "", "PLAINTEXT")
    reached(secured, "TLS", "SSL", **trusted)
    reached(secured, "OTHERNAME", "SSL", **trusted, ssl_check_hostname=False)
    reached(secured, "MUTUAL", "SSL", **trusted, **own)
    reached(secured, "MUTUALOLD", "SSL", **trusted, **own)
    reached(secured, "LOGIN", "SASL_PLAINTEXT", **LOGIN)
    reached(secured, "BOTH", "SASL_SSL", **trusted, **own, **LOGIN)


def test_one_broker_that_fits_is_enough_and_nobody_at_home_is_no_refusal(
    secured: KafkaBroker,
) -> None:
    [nobody] = free_ports(1)
    check_handshake(KafkaConnection((secured.address("TLS"), secured.bootstrap)))
    check_handshake(KafkaConnection((f"127.0.0.1:{nobody}",)))
    with pytest.raises(SecurityRefused):
        check_handshake(KafkaConnection((f"127.0.0.1:{nobody}", secured.address("TLS"))))


def test_a_certificate_that_expires_under_a_running_client_is_named_and_its_successor_taken(
    secured: KafkaBroker, made: Certificates, tmp_path: Path
) -> None:
    own = tmp_path / "own.pem"
    shutil.copy(made.client, own)
    security = {"security_protocol": "SSL", "ssl_cafile": str(made.authority)}
    security |= {"ssl_certfile": str(own), "ssl_keyfile": str(own)}
    connection = KafkaConnection(
        (secured.address("MUTUAL"),), answer_timeout_s=1.5, security=security
    )
    check_handshake(connection)
    with closing(KafkaLog(connection)) as log:
        topic = new_topic(log)
        at = TopicPartition(topic, 0)
        assert list(log.read(at)) == []
        log.append(topic, b"k", b"v")
        log.flush()
        shutil.copy(made.expired, own)
        # Whoever reads first opens a connection of their own.
        with pytest.raises(LogUnavailable) as caught:
            list(log.read(at))
        assert f"kafka.certificate_file {own} has expired, on 20" in str(caught.value)
        assert "have it renewed" in str(caught.value)
        with pytest.raises(SecurityRefused) as refusal:
            check_handshake(connection)
        assert refusal.value.reason == "own_certificate_expired"
        shutil.copy(made.client, own)
        assert [record.value for record in log.read(at)] == [b"v"]


def test_a_cluster_that_is_merely_away_is_said_to_be_away(made: Certificates) -> None:
    [nobody] = free_ports(1)
    security = {"security_protocol": "SSL", "ssl_cafile": str(made.authority)}
    connection = KafkaConnection((f"127.0.0.1:{nobody}",), answer_timeout_s=1.0, security=security)
    with closing(KafkaLog(connection)) as log, pytest.raises(LogUnavailable, match="brokers run"):
        log.partitions("andon.events")


def test_a_name_that_only_the_brokers_give_is_refused_by_name_too(
    secured: KafkaBroker, made: Certificates, andon: Commands, folder: Path
) -> None:
    address = secured.address("MOVED")
    (folder / "andon.toml").write_text(
        f'[log]\nkind = "kafka"\n[kafka]\nbootstrap_servers = ["{address}"]\ntls = true\n'
        f'ca_file = "{made.authority}"\n'
    )
    done = andon("topics", "create")
    assert done.code == 3
    [said] = done.said
    assert f"localhost:{address.rpartition(':')[2]}: the broker's certificate is not for" in said
    assert "advertised.listeners" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ssl_cafile": "/nowhere/ca.pem"}, "kafka.ca_file /nowhere/ca.pem cannot be used"),
        ({"ssl_certfile": "client", "ssl_keyfile": "client_key"}, "no password is named"),
        (
            {"ssl_certfile": "client", "ssl_keyfile": "client_key", "ssl_password": "CANARY"},
            "does not open with its password",
        ),
        ({"ssl_certfile": "client", "ssl_keyfile": "broker"}, "is not the key of the certificate"),
        ({"ssl_certfile": "authority", "ssl_keyfile": "authority"}, "cannot be used"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    made: Certificates, given: dict[str, str], said: str
) -> None:
    security = {key: str(getattr(made, value, value)) for key, value in given.items()}
    with pytest.raises(ConfigError) as refusal:
        check_handshake(
            KafkaConnection(("127.0.0.1:1",), security={"security_protocol": "SSL", **security})
        )
    assert said in str(refusal.value)
    assert "CANARY" not in str(refusal.value)


# The product, from a file of events to a delivered alert, and everything it says at DEBUG

CONFIG = """
[log]
kind = "kafka"
[kafka]
bootstrap_servers = ["{address}"]
tls = true
ca_file = "{made.authority}"
certificate_file = "{made.client}"
key_file = "{made.client_key}"
key_password_env = "ANDON_SECRET_KEY_PASSWORD"
sasl_mechanism = "SCRAM-SHA-512"
sasl_user = "{user}"
sasl_password_file = "{folder}/kafka.password"
[topics]
partitions = 2
[checkpoint]
store = "topic"
every_seconds = 0.5
key_file = "{folder}/checkpoint.key"
[notifier]
outbox = "{folder}/outbox.sqlite"
[detector]
min_fails = 3
min_passes = 20
[alerts]
budget = 0.12
min_lift = 1.5
[logging]
level = "debug"
format = "json"
[monitoring]
state = "{folder}/state"
[[endpoints]]
name = "mes"
url = "{url}"
secrets_files = ["{folder}/mes.secret"]
allow_http = true
allow_networks = ["127.0.0.1=127.0.0.1/32"]
[[endpoints]]
name = "away"
url = "http://127.0.0.1:{nobody}/hook/{token}"
secrets_env = ["ANDON_SECRET_AWAY"]
allow_http = true
allow_ports = [{nobody}]
allow_networks = ["127.0.0.1=127.0.0.1/32"]
"""


class Plant:
    """A folder with settings, secrets and everything that the commands said."""

    def __init__(
        self, andon: Commands, folder: Path, broker: KafkaBroker, made: Certificates, url: str
    ) -> None:
        self._andon = andon
        self.folder = folder
        self.told: list[str] = []
        self.mes = "whsec_" + base64.b64encode(b"CANARY-endpoint-file-secret-0001").decode()
        self.away = "whsec_" + base64.b64encode(b"CANARY-endpoint-env--secret-0002").decode()
        self.key, self.token = "CANARY-checkpoint-key-" + "k" * 32, "CANARY-url-token-7"
        self.variables = {
            "ANDON_SECRET_KEY_PASSWORD": KEY_PASSWORD,
            "ANDON_SECRET_AWAY": self.away,
        }
        for name, secret in (
            ("kafka.password", PASSWORD + "\n"),
            ("checkpoint.key", self.key),
            ("mes.secret", self.mes),
        ):
            (folder / name).write_text(secret)
            (folder / name).chmod(0o600)
        self.config = folder / "andon.toml"
        self.config.write_text(
            CONFIG.format(
                address=broker.address("BOTH"),
                made=made,
                user=USER,
                folder=folder,
                url=url,
                nobody=free_ports(1)[0],
                token=self.token,
            )
        )

    def run(self, *arguments: str | Path, **variables: str) -> Done:
        done = self._andon(*arguments, "--config", self.config, **{**self.variables, **variables})
        self.told += [done.out, done.err]
        return done

    @property
    def canaries(self) -> dict[str, str]:
        secrets = {
            "Kafka password": PASSWORD,
            "key password": KEY_PASSWORD,
            "checkpoint key": self.key,
            "endpoint secret (file)": self.mes,
            "endpoint secret (variable)": self.away,
            "webhook token": self.token,
        }
        found = {}
        for name, secret in secrets.items():
            bare = secret.removeprefix("whsec_")
            forms = {secret, bare, quote(secret, safe=""), json.dumps(secret)[1:-1]}
            forms |= {base64.b64encode(each.encode()).decode() for each in (secret, bare)}
            if bare != secret:
                forms.add(base64.b64decode(bare).decode())
            found |= {f"{name} as {form}": form for form in forms}
        return found


def test_a_line_is_watched_over_mutual_tls_and_scram_and_no_secret_is_told_at_debug(
    secured: KafkaBroker,
    made: Certificates,
    andon: Commands,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    mes = "whsec_" + base64.b64encode(b"CANARY-endpoint-file-secret-0001").decode()
    with Receiver([mes]) as receiver:
        plant = Plant(andon, folder, secured, made, receiver.url)
        assert plant.run("check-config").code == 0, plant.told
        assert plant.run("check-config", "--json").json["kafka"]["tls"] is True
        assert plant.run("topics", "create", "--json").code == 0, plant.told
        write_events(folder / "events.jsonl", small_line(300, "A"))
        assert plant.run("produce", "events.jsonl").code == 0, plant.told
        send_what_is_no_event(secured)
        port = free_ports(1)[0]
        with Service(plant.config, "watch", f"--metrics-port={port}", **plant.variables) as watch:
            assert until(lambda: "at risk" in watch.said, 60), watch.said
            assert until(lambda: "andon.checkpoint_written" in watch.said, 30), watch.said
            with Service(plant.config, "notify", **plant.variables) as notify:
                assert receiver.wait_for(3, 60), notify.said
                assert until(lambda: "cannot connect" in notify.said, 20), notify.said
                plant.told += [read(port), plant.run("status", "--json").out]
                assert notify.terminate(20) == 0
            assert watch.terminate(20) == 0
            plant.told += [watch.said, notify.said]
        [why] = plant.run("dead-letters", "list", "--json").json["reasons"]
        assert "no-event" in plant.run("dead-letters", "show", why["examples"][0]).out
        assert plant.run("status").code == 0
        assert plant.run("endpoints", "list").code == 0
        assert plant.run("replay", "--topic", "andon.events").code == 0, plant.told[-2:]
        assert_refusals_tell_nothing(plant)
    told = "\n".join([*plant.told, caplog.text])
    # Lines at DEBUG, of metrics and of the dead letter are there: an empty hand proves something.
    assert all(each in told for each in ('"level": "debug"', "andon_events_total", "not_json"))
    assert [name for name, form in plant.canaries.items() if form in told] == []


def assert_refusals_tell_nothing(plant: Plant) -> None:
    wrong = plant.run("dead-letters", "list", ANDON_KAFKA__SASL_USER="somebody")
    assert (wrong.code, "kafka.sasl_user somebody is not let in" in wrong.err) == (3, True)
    assert "kafka.sasl_user" in plant.run("status", ANDON_KAFKA__SASL_USER="somebody").out
    unlocked = plant.run("status", ANDON_SECRET_KEY_PASSWORD="CANARY-wrong")
    assert (unlocked.code, "kafka.key_password_env" in unlocked.err) == (2, True)
    assert "CANARY-wrong" not in unlocked.err
    (plant.folder / "kafka.password").chmod(0o644)
    readable = plant.run("check-config")
    assert (readable.code, "chmod 600" in readable.err) == (2, True)
    (plant.folder / "kafka.password").chmod(0o600)


def send_what_is_no_event(broker: KafkaBroker) -> None:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as log:
        log.append("andon.events", b"A", b"no-event")
        log.flush()


def read(port: int) -> str:
    with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())
    return ""
