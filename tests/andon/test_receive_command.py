"""andon receive: what comes to an endpoint, verified and shown once."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from commands import Commands, environment, program
from kafka_broker import free_ports
from webhooks import NEW_SECRET, SECRET, until

from alerts.alert import Alert
from alerts.webhook import sign
from alerts.wording import headline

ALERT = Alert(
    id="a1",
    type="part.at_risk",
    alarm="a1",
    line="body-A",
    part="P-7",
    at=datetime(2026, 1, 5, tzinfo=UTC),
    risk=0.31,
    severity="high",
    reason="risk_above_threshold",
)


def configured(folder: Path, port: int) -> None:
    (folder / "andon.toml").write_text(f"""
[[endpoints]]
name = "mes"
url = "http://127.0.0.1:{port}/"
allow_http = true
allow_networks = ["127.0.0.1=127.0.0.1/32"]
allow_ports = [{port}]
secrets_env = ["ANDON_SECRET_MES"]
[alerts]
language = "fr"
""")


@contextmanager
def receiving(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    [port] = free_ports(1)
    configured(folder, port)
    process = subprocess.Popen(
        program("receive", "mes", *options),
        cwd=folder,
        env=environment({"ANDON_SECRET_MES": SECRET}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert until(lambda: asked(port, "GET", "/healthz") == 200, 60)
        yield process, port
    finally:
        process.kill()
        process.communicate()


def asked(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def posted(port: int, body: bytes, name: str = "a1", secret: str = SECRET) -> int:
    return asked(port, "POST", "/", body, **sign((secret,), name, time.time(), body))


def test_an_alert_is_printed_once_and_what_is_not_signed_is_refused(folder: Path) -> None:
    later = b'{"id":"a2","type":"line.repainted","v":9}'
    with receiving(folder) as (process, port):
        assert posted(port, ALERT.to_json(), secret=NEW_SECRET) == 401
        assert [posted(port, ALERT.to_json()) for _ in range(2)] == [204, 204]
        assert posted(port, later, "a2") == 204
        assert asked(port, "GET", "/") == 404
        assert process.stderr is not None
        early = iter(process.stderr.readline, "")
        [refused] = [json.loads(row) for row in islice(early, 2) if "andon.receiver_refused" in row]
        assert (refused["refused"], refused["why"]) == (
            1,
            "no signature by a secret of this endpoint",
        )
        process.terminate()
        shown, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert shown.splitlines() == [headline(ALERT, "fr"), later.decode()]
    [end] = [json.loads(row) for row in said.splitlines() if "andon.receiver_stopped" in row]
    assert (end["alerts"], end["repeated"], end["refused"]) == (2, 1, 1)


def test_as_json_a_line_is_the_body_and_it_ends_when_its_reader_has_gone(folder: Path) -> None:
    with receiving(folder, "--json") as (process, port):
        assert posted(port, ALERT.to_json()) == 204
        assert process.stdout is not None
        assert process.stdout.readline().encode() == ALERT.to_json() + b"\n"
        odd = ALERT.model_copy(update={"line": "A\x9b2J\u202e\u2028[bold]"})
        assert posted(port, odd.to_json().replace(b",", b",\n"), "a3") == 204
        line = process.stdout.readline()
        assert line.rstrip("\n").isprintable()
        assert Alert.model_validate_json(line) == odd
        process.stdout.close()
        # Unanswered: whoever delivers it will try again.
        assert posted(port, ALERT.to_json(), "a2") == 0
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        ("receive mess", {}, "endpoint mess is not in the settings: did you mean mes?"),
        ("receive other", {}, "endpoint other is not in the settings: add it as [[endpoints]], or"),
        ("receive mes", {}, "environment variable ANDON_SECRET_MES is not set"),
        ("receive mes", {"ANDON_SECRET_MES": SECRET}, "cannot be listened on (Address already in"),
    ],
)
def test_what_cannot_work_is_said_with_its_remedy(
    arguments: str, variables: dict[str, str], said: str, andon: Commands, folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        configured(folder, taken.getsockname()[1])
        done = andon(*arguments.split(), **variables)
    assert done.code == 2
    assert said in done.err
