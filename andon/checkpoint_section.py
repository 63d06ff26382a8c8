"""The settings of checkpoints: where a worker keeps what its tasks know, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from andon.sections import FilePath, Section, TopicName, Variable


class CheckpointSection(Section):
    """Where workers keep what they have learnt, so that a restart need not read it all again."""

    store: Literal["off", "directory", "topic"] = Field(
        "off",
        description="off: a restart reads the retained events again; directory: on this machine's "
        "disk; topic: on a compacted Kafka topic, for workers on several machines",
    )
    directory: FilePath = Field(
        Path("state/checkpoints"),
        description="the folder of the store directory, which andon makes for its user alone",
    )
    topic: TopicName = Field(
        "andon.checkpoints", description="the topic of the store topic, compacted"
    )
    every_records: int = Field(
        5000, ge=1, le=10_000_000, description="records of a partition between two checkpoints"
    )
    every_seconds: float = Field(
        10.0,
        ge=0.1,
        le=3600,
        description="seconds between two checkpoints of a partition, if those records take longer",
    )
    allow_pickle: bool = Field(
        False,
        description="whether River models that only pickle can keep are kept, signed with the key "
        "of key_file or key_env, one of which is needed then",
    )
    key_file: FilePath | None = Field(
        None,
        description="file with 32 bytes or more, readable by andon alone, that seals checkpoints: "
        "those sealed otherwise are refused; left out: a checksum guards against damage only",
    )
    key_env: Variable | None = Field(
        None,
        description="environment variable that holds that key, instead of a file",
    )

    @property
    def has_key(self) -> bool:
        """Whether a key is named."""
        return self.key_file is not None or self.key_env is not None
