"""Real history through the commands: replayed, and through both logs, with the same alerts.

Die casting is 72,041 shots, minutes of work for each way; the ways run side by side, as many at a
time as a small machine has cores.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kafka_broker import KafkaBroker
from service_process import ROOT, Service
from workers import on_topic, own_topics

from stream.kafka import KafkaConnection, KafkaLog
from stream.local import LocalLog
from stream.log import Log

pytestmark = [pytest.mark.data, pytest.mark.timeout(3600)]

MAPS = ROOT / "docs" / "maps"
SHOTS, FAILS = 72_041, 3_207
STATIONS = 4
PATIENCE_S = 3000.0
TOPICS = own_topics()
CONFIG = f"""
[topics]
events = "{TOPICS.events}"
alerts = "{TOPICS.alerts}"
dead_letters = "{TOPICS.dead_letters}"
notices = "{TOPICS.events}.notices"
[worker]
group = "{TOPICS.events}"
member = "the one"
[logging]
level = "warning"
[log]
"""

Run = Callable[[Callable[[], Any]], "Future[Any]"]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs pieces of work side by side."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield pool.submit


@pytest.fixture(scope="module")
def shots(test_data: Path) -> Path:
    return test_data / "diecasting" / "diecasting_20190102_20190312.csv.gz"


def configured(folder: Path, log: str = "") -> Path:
    config = folder / "andon.toml"
    config.write_text(CONFIG + log)
    return config


def command(config: Path, *arguments: str | Path) -> None:
    with Service(config, *map(str, arguments)) as service:
        service.finish(PATIENCE_S)


def replay(config: Path, source: Path, table_map: Path) -> Path:
    """Replays; answers the folder of the results."""
    out = config.parent / "out"
    command(config, "replay", source, "--map", table_map, "--out", out)
    return out


def produce_and_watch(config: Path, source: Path, table_map: Path) -> None:
    """The history onto the log, and a worker over it."""
    command(config, "topics", "create")
    command(config, "produce", source, "--map", table_map)
    command(config, "watch", "--until-end", "--quiet")


@pytest.fixture(scope="module")
def replayed(run: Run, shots: Path, tmp_path_factory: pytest.TempPathFactory) -> Future[Path]:
    config = configured(tmp_path_factory.mktemp("replay"))
    return run(partial(replay, config, shots, MAPS / "diecasting.toml"))


@pytest.fixture(scope="module")
def on_local_log(
    run: Run, replayed: Future[Path], shots: Path, tmp_path_factory: pytest.TempPathFactory
) -> Future[Path]:
    folder = tmp_path_factory.mktemp("local")
    config = configured(folder, 'path = "andon.sqlite"')

    def work() -> Path:
        produce_and_watch(config, shots, MAPS / "diecasting.toml")
        return folder / "andon.sqlite"

    return run(work)


def alerts_on(log: Log) -> list[bytes]:
    """The alerts: die casting is one line, so they lie on one partition, in their order."""
    return [record.value or b"" for records in on_topic(log, TOPICS.alerts) for record in records]


def alerts_in(out: Path) -> list[bytes]:
    return (out / "alerts.jsonl").read_bytes().splitlines()


@pytest.mark.kafka
def test_through_a_real_broker_die_casting_has_the_same_alerts(
    run: Run,
    replayed: Future[Path],
    on_local_log: Future[Path],
    broker: KafkaBroker,
    shots: Path,
    tmp_path: Path,
) -> None:
    where = f'kind = "kafka"\n[kafka]\nbootstrap_servers = ["{broker.bootstrap}"]\n'
    config = configured(tmp_path, where)
    run(partial(produce_and_watch, config, shots, MAPS / "diecasting.toml")).result()
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as log:
        assert alerts_on(log) == alerts_in(replayed.result())
        assert not any(on_topic(log, TOPICS.dead_letters))


def test_every_shot_of_die_casting_is_accounted_for_and_the_fails_are_found(
    replayed: Future[Path],
) -> None:
    out = replayed.result()
    report = json.loads((out / "report.json").read_bytes())
    assert report["events"] == {"measurement": STATIONS * SHOTS, "result": SHOTS}
    assert report["dead_letters"] == {}
    assert set(report["journeys"].values()) == {0}
    assert not (out / "bad.jsonl").exists()
    figures = report["overall"]
    assert (figures["parts"], figures["fails"]) == (SHOTS, FAILS)
    assert figures["last"]["parts"] + figures["without_risk"] == SHOTS
    assert figures["last"]["ap"] >= 0.70
    alerts = [json.loads(line) for line in alerts_in(out)]
    assert len(alerts) == sum(report["alerts"].values()) > 1_000
    assert len({alert["id"] for alert in alerts}) == len(alerts)
    with (out / "risks.jsonl").open("rb") as risks:
        assert sum(1 for _ in risks) == STATIONS * SHOTS


def test_through_the_local_log_die_casting_has_the_same_alerts(
    replayed: Future[Path], on_local_log: Future[Path]
) -> None:
    with closing(LocalLog(on_local_log.result())) as log:
        assert alerts_on(log) == alerts_in(replayed.result())
        assert not any(on_topic(log, TOPICS.dead_letters))


def test_secom_goes_through_with_590_values_in_a_message(test_data: Path, tmp_path: Path) -> None:
    wafers = test_data / "secom" / "secom_1552x590.csv.gz"
    out = replay(configured(tmp_path), wafers, MAPS / "secom.toml")
    report = json.loads((out / "report.json").read_bytes())
    figures = report["overall"]
    assert report["events"] == {"measurement": 1_552, "result": 1_552}
    assert (figures["parts"], figures["fails"]) == (1_552, 98)
    assert figures["last"]["parts"] + figures["without_risk"] == 1_552
    assert report["dead_letters"] == {}
    with (out / "risks.jsonl").open("rb") as lines:
        risks = [json.loads(line)["risk"] for line in lines]
    assert all(risk is None or 0.0 < risk < 1.0 for risk in risks)
    assert sum(risk is not None for risk in risks) == figures["last"]["parts"] > 1_000
