"""The composition root: settings in, working parts out. The only place that knows them all.

Pure code gets plain values of its own, never a settings object.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from alerts.notice import Notice
from alerts.notifier import Notifier
from alerts.outbox import Outbox, OutboxError
from andon.alert_feed import AlertFeed
from andon.checkpoints import checkpoint_topics, model_keeper
from andon.endpoints import open_endpoints
from andon.kafka_security import kafka_security
from andon.monitoring import notifier_monitor
from andon.settings import Settings
from andon.training import load_trained
from models.baselines import NATIVE, factory
from models.detector import DetectorSettings
from models.stack_member import known_members
from stream.checkpointing import CheckpointRules
from stream.effects import Effect
from stream.errors import AndonError, ConfigError, LogUnavailable, TopicMissing
from stream.input_limits import InputLimits
from stream.ledger import LedgerSettings
from stream.line import AlarmSettings, LineSettings
from stream.line_watch import WatchSettings
from stream.local import LocalLog
from stream.log import Log, Record, TopicSpec
from stream.task import Task, TaskSettings
from stream.worker import Outputs, Worker

Observe = Callable[[Record, list[Effect]], None]


@contextmanager
def opened_log(settings: Settings) -> Iterator[Log]:
    """The log that the settings name, closed at the end; passwords come from ``os.environ``."""
    event_log = _open_log(settings, os.environ)
    try:
        if settings.log.kind == "kafka":
            _first_answer(event_log, settings.topics.events)
        yield event_log
    finally:
        event_log.close()


@contextmanager
def ready_log(settings: Settings) -> Iterator[Log]:
    """The log with its topics: a local log gets them made, a cluster's are its keeper's to make."""
    with opened_log(settings) as event_log:
        if settings.log.kind == "local":
            event_log.create_topics(topic_specs(settings))
        yield event_log


def _open_log(settings: Settings, environ: Mapping[str, str]) -> Log:
    if settings.log.kind == "local":
        return LocalLog(settings.log.path, lease_seconds=settings.log.lease_seconds)
    # Imported here, because a machine that runs on the local log needs none of it.
    from stream.kafka import KafkaConnection, KafkaLog
    from stream.kafka_handshake import check_handshake

    kafka = settings.kafka
    connection = KafkaConnection(
        bootstrap_servers=kafka.bootstrap_servers,
        client_id=kafka.client_id,
        delivery_timeout_s=kafka.delivery_timeout_s,
        session_timeout_s=kafka.session_timeout_s,
        replication=kafka.replication,
        security=kafka_security(kafka, environ),
    )
    check_handshake(connection)
    return KafkaLog(connection)


def _first_answer(event_log: Log, topic: str) -> None:
    """Find out whether the cluster answers: one error of ours, not forty lines of its client."""
    client = logging.getLogger("kafka")
    level = client.level
    client.setLevel(logging.CRITICAL)
    try:
        with suppress(TopicMissing):
            event_log.partitions(topic)
    except LogUnavailable:
        from stream.kafka import KafkaLog
        from stream.kafka_handshake import check_advertised

        if isinstance(event_log, KafkaLog):
            check_advertised(event_log.connection)
        raise
    finally:
        client.setLevel(level)


def topic_specs(settings: Settings) -> list[TopicSpec]:
    """The topics that the settings name, as they are to be created."""
    topics = settings.topics
    hours = topics.retention_hours or None
    names = [topics.events, topics.alerts, topics.dead_letters, topics.notices]
    if topics.risks:
        names.append(topics.risks)
    own = [TopicSpec(name, topics.partitions, hours) for name in names]
    return own + checkpoint_topics(settings)


def input_limits(settings: Settings) -> InputLimits:
    """The bounds on one message."""
    limits = settings.limits
    return InputLimits(
        message_bytes=limits.message_bytes,
        depth=limits.depth,
        values=limits.values,
        name_bytes=limits.name_bytes,
        text_bytes=limits.text_bytes,
        magnitude=limits.magnitude,
    )


def task_settings(settings: Settings) -> TaskSettings:
    """What the tasks' behaviour depends on; raises `ConfigError` if the model cannot be made."""
    detector, alerts = settings.detector, settings.alerts
    try:
        if detector.model not in NATIVE:
            factory(detector.model, detector.seed)(0)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"detector.model: {error}") from None
    try:
        members = known_members(detector.members)
    except ValueError as error:
        raise ConfigError(f"detector.{error}") from None
    return TaskSettings(
        group=settings.worker.group,
        topic=settings.topics.events,
        limits=input_limits(settings),
        dead_letter_bytes=settings.limits.dead_letter_bytes,
        line=LineSettings(
            detector=DetectorSettings(
                model=detector.model,
                members=members,
                seed=detector.seed,
                window_parts=detector.window_parts,
                window_hours=detector.window_hours,
                window_fails=detector.window_fails,
                window_max_parts=detector.window_max_parts,
                copies=detector.copies,
                replicates=detector.replicates,
                rank=detector.rank,
                prior_rate=detector.prior_rate,
                backend=detector.backend,
                min_fails=detector.min_fails,
                min_passes=detector.min_passes,
            ),
            ledger=LedgerSettings(
                expire_hours=settings.parts.expire_hours,
                late_hours=settings.parts.late_hours,
                open_parts=settings.limits.open_parts,
                kept_outcomes=settings.limits.kept_outcomes,
                label_test=settings.parts.label_test,
            ),
            alarms=AlarmSettings(
                budget=alerts.budget,
                min_lift=alerts.min_lift,
                clear_ratio=alerts.clear_ratio,
                reasons=alerts.reasons,
            ),
            watch=WatchSettings(
                drift=alerts.drift,
                drift_sigma=alerts.drift_sigma,
                silent=alerts.silent,
                sensors=alerts.sensors,
                degraded=alerts.degraded,
                surge=alerts.surge,
                flood_alarms=alerts.flood_alarms,
                flood_minutes=alerts.flood_minutes,
            ),
        ),
    )


def build_worker(
    settings: Settings,
    event_log: Log,
    observe: Observe | None = None,
    on_turn: Callable[[Worker], None] | None = None,
    checkpoints: CheckpointRules | None = None,
) -> Worker:
    """A worker on the log; for its checkpoints see `andon.checkpoints.opened_checkpoints`."""
    pure = task_settings(settings)
    trained = load_trained(settings.detector.trained, pure.line.detector)
    keeper = model_keeper(settings, pure.line)
    topics = settings.topics
    return Worker(
        event_log,
        Outputs(topics.events, topics.alerts, topics.dead_letters, topics.risks),
        group=settings.worker.group,
        member=settings.worker.member or None,
        make_task=lambda partition: Task(partition, pure, trained, opaque=keeper),
        poll_records=settings.worker.poll_records,
        checkpoints=checkpoints,
        observe=observe,
        on_turn=on_turn,
    )


@contextmanager
def opened_outbox(settings: Settings) -> Iterator[Outbox]:
    """The notifier's outbox; raises `AndonError` for one that cannot be used, now or later."""
    path = settings.notifier.outbox
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with Outbox(path) as outbox:
            yield outbox
    except OutboxError as error:
        raise AndonError(f"notifier.outbox: {error}") from error


@contextmanager
def built_notifier(
    settings: Settings, alert_log: Log, environ: Mapping[str, str]
) -> Iterator[Notifier]:
    """A notifier on the alert topic, with its outbox.

    Raises `ConfigError` when there is no endpoint, or for a missing secret.
    """
    if not settings.endpoints:
        raise ConfigError(
            "endpoints: there is none to deliver to: add a table [[endpoints]] with name, url and "
            "secrets_env to the settings file (docs/andon.example.toml shows one)"
        )
    endpoints = open_endpoints(settings.endpoints, environ)
    topics = settings.topics

    def tell(notice: Notice) -> None:
        alert_log.append(topics.notices, notice.endpoint.encode(), notice.to_json())
        alert_log.flush()

    with opened_outbox(settings) as outbox:
        feed = AlertFeed(alert_log, topics.alerts, settings.notifier.group)
        names = [endpoint.name for endpoint in endpoints]
        try:
            with notifier_monitor(settings, alert_log, feed, outbox, names) as monitor:
                yield Notifier(
                    feed,
                    outbox,
                    endpoints,
                    on_notice=tell,
                    on_attempt=monitor.attempted,
                    on_turn=monitor.turned,
                    keep_days=settings.notifier.keep_days,
                    behind=feed.behind,
                )
        finally:
            feed.close()
