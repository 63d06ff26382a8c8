"""The services of the compose file as real processes with its commands, on a real broker.

Only addresses differ: hosts of the compose network are this machine, and each process has a port
of its own.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from commands import program
from compose import ROOT, andon_services, command, environment
from kafka_broker import KafkaBroker, free_ports

from alerts.alert import Alert
from alerts.wording import headline
from andon.settings import Settings, load_settings
from stream.kafka import KafkaConnection, KafkaLog

pytestmark = pytest.mark.kafka

ALERT = Alert(
    id="0" * 32,
    type="part.at_risk",
    alarm="0" * 32,
    line="press-shop-A",
    part="P-1",
    at=datetime(2026, 1, 5, tzinfo=UTC),
    risk=0.5,
    severity="high",
    reason="risk_above_threshold",
)


class Running:
    """One container's process: its command and environment, with addresses of this machine."""

    def __init__(
        self, name: str, folder: Path, bootstrap: str, ports: dict[str, int], to: int
    ) -> None:
        service = andon_services()[name.partition("/")[0]]
        given = load_settings(None, environment(service))
        endpoint = given.endpoints[0].model_dump(mode="json") | {
            "url": given.endpoints[0].url.replace("receiver:8080", f"127.0.0.1:{to}"),
            "allow_networks": ["127.0.0.1=127.0.0.1/32"],
            "allow_ports": [to],
        }
        variables = {
            "ANDON_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "ANDON_MONITORING__HOST": "127.0.0.1",
            "ANDON_MONITORING__PORT": str(ports[name]),
            "ANDON_ENDPOINTS": json.dumps([endpoint]),
        }
        self.name = name
        self.settings: Settings = load_settings(None, environment(service) | variables)
        self._port = to if name == "receiver" else ports[name]
        self.said = folder / f"{name.replace('/', '-')}.log"
        work = folder / name
        work.mkdir(parents=True)
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                program(*command(service)),
                cwd=work,
                env={**environment(service), **variables, "PYTHONPATH": str(ROOT)},
                stdout=said,
                stderr=said,
            )

    def asked(self, path: str) -> tuple[int, str]:
        try:
            with urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except (URLError, OSError):
            return 0, ""


def until(condition: Callable[[], bool], running: list[Running], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        for each in running:
            assert each.process.poll() is None, each.name + ": " + each.said.read_text()
        assert time.monotonic() < deadline, {each.name: each.said.read_text() for each in running}
        time.sleep(0.1)


@pytest.fixture
def plant(tmp_path: Path, fragile_broker: KafkaBroker) -> Iterator[Callable[..., list[Running]]]:
    names = [*andon_services(), "worker/2"]
    *some, to = free_ports(len(names) + 1)
    ports = dict(zip(names, some, strict=True))
    with ExitStack() as stack:

        def start(*wanted: str) -> list[Running]:
            made = [
                Running(name, tmp_path, fragile_broker.bootstrap, ports, to)
                for name in wanted or names
            ]
            for each in made:
                stack.callback(each.process.wait)
                stack.callback(each.process.kill)
            return made

        yield start


def test_every_service_becomes_ready_an_alert_reaches_the_receiver_and_all_end_in_order(
    plant: Callable[..., list[Running]], fragile_broker: KafkaBroker
) -> None:
    [topics] = plant("topics")
    assert topics.process.wait(120) == 0, topics.said.read_text()
    assert "plant.measurements" in topics.said.read_text()

    # The second line differs from the first by its name and seed alone.
    others = [name for name in andon_services() if name not in ("topics", "line-b")]
    running = plant(*others, "worker/2")
    by_name = {each.name: each for each in running}
    for each in running:
        path = "/healthz" if each.name == "receiver" else "/readyz"
        until(lambda each=each, path=path: each.asked(path)[0] == 200, running)
        assert each.asked("/healthz")[0] == 200, each.name

    # What the plant says becomes events, and what the workers say reaches the receiver.
    told = 'andon_produced_events_total{kind="measurement"}'
    until(lambda: told in by_name["ingest"].asked("/metrics")[1], running)
    connection = KafkaConnection((fragile_broker.bootstrap,))
    with closing(KafkaLog(connection)) as log:
        log.append(by_name["worker"].settings.topics.alerts, b"press-shop-A", ALERT.to_json())
        log.flush()
    until(lambda: headline(ALERT) in by_name["receiver"].said.read_text(), running)

    for each in running:
        each.process.terminate()
    ended = {each.name: each.process.wait(30) for each in running}
    assert ended == dict.fromkeys(by_name, 0), {e.name: e.said.read_text() for e in running}
