"""Settings in, working parts out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from andon.build import (
    build_worker,
    built_notifier,
    opened_log,
    opened_outbox,
    ready_log,
    task_settings,
    topic_specs,
)
from andon.settings import Settings, load_settings
from stream.errors import AndonError, ConfigError, TopicMissing
from stream.local import LocalLog

SECRET = "whsec_" + "QUJD" * 8


def settings(folder: Path, **overrides: Any) -> Settings:
    given: dict[str, object] = {
        "log.path": str(folder / "log" / "andon.sqlite"),
        "notifier.outbox": str(folder / "outbox" / "outbox.sqlite"),
    }
    return load_settings(None, {}, given | {k.replace("__", "."): v for k, v in overrides.items()})


def test_a_local_log_lies_where_the_settings_say(tmp_path: Path) -> None:
    with opened_log(settings(tmp_path)) as log:
        assert isinstance(log, LocalLog)
        with pytest.raises(TopicMissing):
            log.partitions("andon.events")
    assert (tmp_path / "log" / "andon.sqlite").exists()


def test_a_ready_log_has_the_topics_of_the_settings(tmp_path: Path) -> None:
    chosen = settings(tmp_path, topics__partitions=3, topics__risks="risks")
    with ready_log(chosen) as log:
        names = ("andon.events", "andon.alerts", "andon.dead-letters", "andon.notices", "risks")
        assert [log.partitions(name) for name in names] == [3] * 5


def test_no_hours_of_retention_keep_records_for_ever(tmp_path: Path) -> None:
    specs = topic_specs(settings(tmp_path, topics__retention_hours=0.0))
    assert {spec.retention_hours for spec in specs} == {None}


def test_topics_of_risks_are_made_only_when_they_are_wanted(tmp_path: Path) -> None:
    assert "" not in {spec.name for spec in topic_specs(settings(tmp_path))}


def test_what_is_set_reaches_the_task(tmp_path: Path) -> None:
    pure = task_settings(
        settings(
            tmp_path,
            worker__group="plant-7",
            topics__events="plant.events",
            detector__window_parts=1234,
            alerts__budget=0.02,
            parts__label_test="EOL-2",
            limits__open_parts=777,
        )
    )
    assert (pure.group, pure.topic) == ("plant-7", "plant.events")
    assert pure.line.detector.window_parts == 1234
    assert pure.line.alarms.budget == 0.02
    assert (pure.line.ledger.label_test, pure.line.ledger.open_parts) == ("EOL-2", 777)


def test_a_model_that_cannot_be_made_is_refused_by_its_key(tmp_path: Path) -> None:
    # ADWIN is River's, and no classifier; which of the two checks finds it does not matter.
    with pytest.raises(ConfigError, match=r"detector\.model"):
        task_settings(settings(tmp_path, detector__model="river.drift.ADWIN"))


def test_a_worker_reads_an_empty_log_to_its_end(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    with ready_log(chosen) as log:
        build_worker(chosen, log).run(lambda: False, until_end=True)


def test_a_notifier_needs_an_endpoint(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    with (
        ready_log(chosen) as log,
        pytest.raises(ConfigError, match=r"add a table \[\[endpoints\]\]"),
        built_notifier(chosen, log, {}),
    ):
        pass


def test_the_outbox_is_made_with_its_folder(tmp_path: Path) -> None:
    with opened_outbox(settings(tmp_path)) as outbox:
        assert outbox.counts() == {}
    assert (tmp_path / "outbox" / "outbox.sqlite").exists()


def test_a_second_notifier_on_one_outbox_is_told_so(tmp_path: Path) -> None:
    endpoint = {"name": "mes", "url": "https://mes.example.com/", "secrets_env": ["MES"]}
    chosen = settings(tmp_path, endpoints=[endpoint])
    with (
        ready_log(chosen) as log,
        opened_outbox(chosen) as held,
    ):
        held.hold()
        with (
            pytest.raises(AndonError, match="in use by another notifier") as refusal,
            built_notifier(chosen, log, {"MES": SECRET}) as notifier,
        ):
            notifier.drain(1.0)
    assert refusal.value.exit_code == 1
