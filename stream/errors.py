"""Every error that andon raises on purpose.

::

    AndonError
    +-- ConfigError            a setting, a map or a command line that cannot work
    +-- CheckpointNotWritten   the disk or the cluster did not take a checkpoint   (retriable)
    +-- StaleEpoch             another process has begun to checkpoint the partition
    +-- LogError               the event log
        +-- SecurityRefused    TLS or SASL do not fit what the brokers ask for
        +-- TopicMissing       the topic does not exist
        +-- TopicMismatch      it exists with another number of partitions than asked for
        +-- LeaseLost          another process has taken the partition
        +-- OffsetOutOfRange   the offset asked for is not retained
        +-- StateUnusable      a checkpoint does not belong to the topic as it is now
        |   +-- StateOffsetOutOfRange   its offset is not retained
        |   +-- TopicRecreated          its last record is another one now
        |   +-- TopicRepartitioned      the topic had another number of partitions
        +-- LogUnavailable     the log does not answer                     (retriable)
        +-- SendFailed         a record was not acknowledged in time       (retriable)

Bad *input* is not an error: `stream.codec.decode` answers a `Rejected`, which becomes a dead
letter. Every message names what was asked for, what was found and what to do about it, and never
a secret.
"""

from __future__ import annotations


class AndonError(Exception):
    """Base of all errors that andon raises on purpose.

    ``retriable`` says whether the same call may succeed later without anybody changing anything;
    ``exit_code`` is what a command ends with when nothing handles the error.
    """

    retriable: bool = False
    exit_code: int = 1


class ConfigError(AndonError):
    """A setting, a map or an argument that cannot work: names the key, the value and the remedy."""

    exit_code = 2


class CheckpointNotWritten(AndonError):
    """A checkpoint could not be stored; the ones before it are as they were."""

    retriable = True


class StaleEpoch(AndonError):
    """Another process has claimed a later epoch of the partition: this one's time is over."""

    exit_code = 3

    def __init__(self, partition: int, epoch: int, highest: int | None) -> None:
        later = "a later epoch" if highest is None else f"epoch {highest}"
        super().__init__(
            f"partition {partition} is checkpointed in epoch {epoch} here, {later} was claimed by "
            f"another process: if both are meant to run, give them different groups"
        )
        self.partition, self.epoch, self.highest = partition, epoch, highest


class LogError(AndonError):
    """The event log did not do what was asked."""

    exit_code = 3


class SecurityRefused(LogError):
    """TLS or SASL of a connection do not fit what the brokers ask for; ``reason`` says in what."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TopicMissing(LogError):
    """A topic that must exist does not."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic!r} does not exist: create it with 'andon topics create'")
        self.topic = topic


class TopicMismatch(LogError):
    """A topic exists with another number of partitions than asked for."""

    def __init__(self, topic: str, found: int, wanted: int) -> None:
        super().__init__(
            f"topic {topic!r} has {found} partitions, {wanted} are wanted: events, alerts and dead "
            f"letters need the same number; create a topic under another name or set partitions "
            f"to {found}"
        )
        self.topic, self.found, self.wanted = topic, found, wanted


class LeaseLost(LogError):
    """Another process of the group now owns the partition."""

    def __init__(self, topic: str, partition: int, group: str) -> None:
        super().__init__(f"group {group!r} no longer holds {topic}[{partition}] in this process")
        self.topic, self.partition, self.group = topic, partition, group


class OffsetOutOfRange(LogError):
    """The offset asked for is no longer, or not yet, in the log."""

    def __init__(self, topic: str, partition: int, offset: int, begin: int, end: int) -> None:
        super().__init__(
            f"{topic}[{partition}] has offsets {begin} to {end}, {offset} was asked for: "
            f"its records were removed by retention, or the topic was created again"
        )
        self.topic, self.partition, self.offset = topic, partition, offset
        self.begin, self.end = begin, end


_AGAIN = (
    "start once with 'andon watch --from-scratch' to rebuild the state from what is retained "
    "(what was learnt from removed records is lost)"
)


class StateUnusable(LogError):
    """A checkpoint that does not belong to the topic as it is now."""


class StateOffsetOutOfRange(StateUnusable):
    """The log no longer has, or does not have, the offset at which a checkpoint goes on."""

    def __init__(self, topic: str, partition: int, offset: int, begin: int, end: int) -> None:
        super().__init__(
            f"{topic}[{partition}] has offsets {begin} to {end}, the checkpoint goes on at "
            f"{offset}: records that it has not seen were removed by retention, or the topic was "
            f"created again; {_AGAIN}"
        )
        self.topic, self.partition, self.offset = topic, partition, offset
        self.begin, self.end = begin, end


class TopicRecreated(StateUnusable):
    """The record that a checkpoint saw last is another one now."""

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        super().__init__(
            f"{topic}[{partition}] has another record at offset {offset} than the one that the "
            f"checkpoint saw there: the topic was created again; {_AGAIN}"
        )
        self.topic, self.partition, self.offset = topic, partition, offset


class TopicRepartitioned(StateUnusable):
    """The topic has another number of partitions than when a checkpoint was made."""

    def __init__(self, topic: str, found: int, wanted: int) -> None:
        super().__init__(
            f"topic {topic!r} has {found} partitions, it had {wanted} when the state was built, so "
            f"its lines lie elsewhere now; {_AGAIN}"
        )
        self.topic, self.found, self.wanted = topic, found, wanted


class LogUnavailable(LogError):
    """The log does not answer: broker away, database locked for too long."""

    retriable = True


class SendFailed(LogError):
    """A record was not acknowledged before its deadline."""

    retriable = True
