"""The checkpoints of a worker, as the settings ask for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from andon.checkpoint_section import CheckpointSection
from andon.secret_files import read_secret_file, read_secret_variable
from andon.settings import Settings
from models.plain_state import NoPlainState, Opaque
from stream.checkpoint_directory import CheckpointDirectory
from stream.checkpoint_store import CheckpointStore, Step, unheard
from stream.checkpointing import LEAVING_S, CheckpointRules, Told
from stream.errors import ConfigError
from stream.line import Line, LineSettings
from stream.line_state import line_state
from stream.log import Log, TopicSpec
from stream.signed_pickle import SignedPickle, Unlisted

_KEY_BYTES = 32


@dataclass(frozen=True)
class TakeUp:
    """What to do with checkpoints that are there: nothing (``from_scratch``), or all that goes."""

    from_scratch: bool = False
    migrate: bool = False


@contextmanager
def opened_checkpoints(
    settings: Settings,
    event_log: Log,
    take_up: TakeUp | None = None,
    observe: Callable[[Told], None] | None = None,
    step: Step = unheard,
) -> Iterator[CheckpointRules | None]:
    """The rules for a worker on this log, None for no checkpoints; closed at the end."""
    checkpoint = settings.checkpoint
    if checkpoint.store == "off":
        yield None
        return
    take_up = take_up or TakeUp()
    store = _store(settings, event_log, step)
    try:
        yield CheckpointRules(
            store,
            every_records=checkpoint.every_records,
            every_seconds=checkpoint.every_seconds,
            leaving_s=min(LEAVING_S, session_s(settings) / 4),
            from_scratch=take_up.from_scratch,
            migrate=take_up.migrate,
            observe=observe,
            step=step,
        )
    finally:
        store.close()


def model_keeper(settings: Settings, line: LineSettings) -> Opaque | None:
    """Who keeps models that have no plain state, if that is allowed.

    Raises `ConfigError` when there are to be checkpoints and the model cannot be kept.
    """
    checkpoint = settings.checkpoint
    if checkpoint.store == "off":
        return None
    keeper = None
    if checkpoint.allow_pickle and checkpoint.has_key:
        keeper = SignedPickle(_key(checkpoint))
    try:
        line_state(Line("", line), keeper)
    except NoPlainState:
        raise ConfigError(
            f"checkpoint.store is '{checkpoint.store}' and only pickle can keep the model "
            f"{settings.detector.model!r}: write another model, checkpoint.store = 'off', or allow "
            f"it with checkpoint.allow_pickle and a key (checkpoint.key_file or key_env)"
        ) from None
    except Unlisted as error:
        raise ConfigError(
            f"checkpoint.store is '{checkpoint.store}' and the model {settings.detector.model!r} "
            f"could not be read back: {error}; write checkpoint.store = 'off', or the import path "
            f"of a function that makes the model of River's own classes alone"
        ) from None
    return keeper


def session_s(settings: Settings) -> float:
    """Seconds of silence after which a worker's partitions go to others."""
    if settings.log.kind == "kafka":
        return settings.kafka.session_timeout_s
    return settings.log.lease_seconds


def checkpoint_topics(settings: Settings) -> list[TopicSpec]:
    """The topic of the store, if it is one."""
    if settings.checkpoint.store != "topic":
        return []
    from stream.checkpoint_topic import COMPACTION

    partitions = settings.topics.partitions
    return [TopicSpec(settings.checkpoint.topic, partitions, None, True, COMPACTION)]


def _store(settings: Settings, event_log: Log, step: Step) -> CheckpointStore:
    checkpoint = settings.checkpoint
    group, events = settings.worker.group, settings.topics.events
    key = _key(checkpoint) if checkpoint.has_key else b""
    if checkpoint.store == "directory":
        return CheckpointDirectory(checkpoint.directory, group, events, key=key, step=step)
    # Imported here, because a machine that runs on the local log needs none of it.
    from stream.checkpoint_topic import CheckpointTopic
    from stream.kafka import KafkaLog

    if not isinstance(event_log, KafkaLog):
        raise ConfigError(
            "checkpoint.store is 'topic' and log.kind is not 'kafka': write 'directory'"
        )
    return CheckpointTopic(
        event_log, event_log.connection, checkpoint.topic, group, events, key=key, step=step
    )


def _key(checkpoint: CheckpointSection) -> bytes:
    if checkpoint.key_file is not None:
        return _key_in(checkpoint.key_file)
    variable = checkpoint.key_env or ""
    remedy = f"give it {_KEY_BYTES} bytes or more, such as 'openssl rand -hex 32' writes"
    found = read_secret_variable("checkpoint.key_env", variable, os.environ, remedy)
    key = found.strip().encode()
    if len(key) < _KEY_BYTES:
        raise ConfigError(
            f"checkpoint.key_env: environment variable {variable} has {len(key)} bytes: {remedy}"
        )
    return key


def _key_in(path: Path) -> bytes:
    key = read_secret_file(
        "checkpoint.key_file",
        path,
        f"give the path of a file with {_KEY_BYTES} bytes or more",
    ).strip()
    if len(key) < _KEY_BYTES:
        raise ConfigError(
            f"checkpoint.key_file {path} has {len(key)} bytes: give it {_KEY_BYTES} or more, such "
            f"as 'openssl rand -hex 32' writes"
        )
    return key
