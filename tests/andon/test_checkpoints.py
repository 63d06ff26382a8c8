"""Checkpoints as the settings ask for them: what andon watch goes on from, tells, and refuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from scraped import samples
from small_line import small_line
from structlog.testing import capture_logs
from workers import TOPICS

from andon import services
from andon.build import build_worker, ready_log, topic_specs
from andon.checkpoints import TakeUp, opened_checkpoints
from andon.monitoring import worker_monitor
from andon.settings import Settings, load_settings
from andon.show_status import status_text
from andon.status import status
from andon.terminal import Stop
from producers.publish import publish
from stream.errors import ConfigError

PARTS = 60


def settings_with(folder: Path, **checkpoint: Any) -> Settings:
    """A local log and checkpoints in a folder."""
    return load_settings(
        None,
        {},
        {
            "log.path": str(folder / "andon.sqlite"),
            "monitoring.state": str(folder / "status"),
            "checkpoint": {
                "store": "directory",
                "directory": str(folder / "checkpoints"),
                **checkpoint,
            },
        },
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_with(tmp_path)


def watch(settings: Settings, take_up: TakeUp | None = None) -> dict[str, float]:
    """What ``andon watch --until-end`` does; its metrics in the end, by name."""
    with (
        ready_log(settings) as log,
        worker_monitor(settings, log) as monitor,
        opened_checkpoints(settings, log, take_up, monitor.checkpointed) as checkpoints,
    ):
        worker = build_worker(settings, log, monitor.observe, monitor.turned, checkpoints)
        worker.run(lambda: False, until_end=True)
        monitor.take_picture(worker)
        return {name: value for (name, _), value in samples(monitor.registry).items()}


def put(settings: Settings, start: int = 0) -> None:
    with ready_log(settings) as log:
        publish(log, TOPICS.events, small_line(PARTS, start=start))


def test_the_last_checkpoint_is_in_the_status_and_in_the_metrics(settings: Settings) -> None:
    put(settings)
    told = watch(settings)
    assert told["andon_checkpoints_total"] >= 1
    assert 0 <= told["andon_checkpoint_age_seconds"] < 60
    assert told["andon_checkpoint_bytes"] > 1_000
    assert told["andon_checkpoint_written_bytes_total"] > 1_000
    assert told["andon_checkpoint_pause_seconds_count"] >= 1
    [line] = status(settings)["lines"]
    read = 3 * PARTS - 30
    assert line["last_checkpoint"]["kind"] == "checkpoint"
    assert line["last_checkpoint"]["next_offset"] == read
    assert f"s ago, at {read}" in status_text(status(settings))


def test_a_restart_goes_on_where_it_was_and_from_scratch_does_not(settings: Settings) -> None:
    put(settings)
    watch(settings)
    put(settings, start=PARTS)
    told = watch(settings)
    assert told["andon_rebuild_records"] == 0
    [line] = status(settings)["lines"]
    assert line["results_learnt"] == 2 * PARTS - 60
    watch(settings, TakeUp(from_scratch=True))
    [again] = status(settings)["lines"]
    assert again["results_learnt"] == line["results_learnt"]


def test_watch_takes_the_settings_checkpoints(settings: Settings, tmp_path: Path) -> None:
    put(settings)
    services.watch(settings, until_end=True, show=None, stop=Stop())
    assert len(list((tmp_path / "checkpoints").rglob("*.manifest"))) == 1


def test_a_model_that_only_pickle_can_keep_is_refused_unless_that_is_allowed(
    tmp_path: Path,
) -> None:
    forest = {"detector": {"model": "river.tree.HoeffdingTreeClassifier"}}

    def wanted(**checkpoint: Any) -> Settings:
        plain = settings_with(tmp_path, **checkpoint)
        detector = plain.detector.model_copy(update=forest["detector"])
        return plain.model_copy(update={"detector": detector})

    with pytest.raises(
        ConfigError, match=r"only pickle can keep the model .*checkpoint.allow_pickle"
    ):
        services.check(wanted(), {})
    key = tmp_path / "key"
    key.write_text("k" * 32)
    key.chmod(0o600)
    allowed = wanted(allow_pickle=True, key_file=str(key))
    put(allowed)
    watch(allowed)
    watch(allowed)
    [line] = status(allowed)["lines"]
    assert line["results_learnt"] == PARTS - 30


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("k" * 31, 0o600, "has 31 bytes: give it 32 or more"),
        ("k" * 32, 0o640, "has mode 0640: others may read it"),
        (None, 0o600, "cannot be read"),
    ],
)
def test_a_key_that_guards_nothing_is_refused(
    tmp_path: Path, content: str | None, mode: int, said: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    settings = settings_with(tmp_path, key_file=str(path))
    put(settings)
    with pytest.raises(ConfigError, match=said) as refusal:
        watch(settings)
    assert "k" * 8 not in str(refusal.value)


def test_the_key_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_with(tmp_path, key_env="ANDON_SECRET_CHECKPOINTS")
    put(settings)
    with pytest.raises(ConfigError, match="ANDON_SECRET_CHECKPOINTS is not set: give it 32"):
        watch(settings)
    monkeypatch.setenv("ANDON_SECRET_CHECKPOINTS", "k" * 31)
    with pytest.raises(ConfigError, match="has 31 bytes: give it 32") as refusal:
        watch(settings)
    assert "k" * 8 not in str(refusal.value)
    monkeypatch.setenv("ANDON_SECRET_CHECKPOINTS", "k" * 32)
    assert watch(settings)["andon_checkpoints_total"] >= 1
    assert watch(settings)["andon_rebuild_records"] == 0
    monkeypatch.setenv("ANDON_SECRET_CHECKPOINTS", "x" * 32)
    with capture_logs() as logged:
        watch(settings)
    [refused] = [entry for entry in logged if entry["event"] == "andon.checkpoint_refused"]
    assert "sealed with another key" in refused["error"]


def test_a_key_pasted_where_its_variable_belongs_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"checkpoint\.key_env") as refusal:
        settings_with(tmp_path, key_env="very-secret-" * 4)
    assert "very-secret" not in str(refusal.value)


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o702])
def test_a_folder_that_others_may_write_to_is_refused(
    settings: Settings, tmp_path: Path, mode: int
) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    folder.chmod(mode)
    put(settings)
    with pytest.raises(ConfigError, match=f"has mode {mode:04o}, others may write to it"):
        watch(settings)


@pytest.mark.skipif(
    os.geteuid() != 0, reason="the refusal of another user's folder: only root can give one away"
)
def test_a_folder_of_another_user_is_refused(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    put(settings)
    with pytest.raises(ConfigError, match="belongs to user 12345"):
        watch(settings)


def test_a_folder_is_made_for_its_user_alone(settings: Settings, tmp_path: Path) -> None:
    put(settings)
    watch(settings)
    made = [tmp_path / "checkpoints", *(tmp_path / "checkpoints").rglob("*")]
    assert {path.stat().st_mode & 0o077 for path in made} == {0}


def test_the_topic_of_the_store_is_created_compacted_with_the_others(tmp_path: Path) -> None:
    overrides = {"log.kind": "kafka", "checkpoint.store": "topic", "topics.partitions": 6}
    specs = topic_specs(load_settings(None, {}, overrides))
    [spec] = [spec for spec in specs if spec.name == "andon.checkpoints"]
    assert (spec.partitions, spec.compact, spec.retention_hours) == (6, True, None)
