"""The settings of what bounds memory and time, whatever comes in."""

from __future__ import annotations

from pydantic import Field

from andon.sections import Section


class LimitsSection(Section):
    """What bounds memory, whatever comes in."""

    message_bytes: int = Field(
        524_288, ge=1024, le=16_777_216, description="bytes; longer records go to the dead letters"
    )
    depth: int = Field(
        16, ge=2, le=100, description="levels of objects and lists within each other in a message"
    )
    values: int = Field(
        4096, ge=16, le=1_000_000, description="values in a message, those within others counted"
    )
    name_bytes: int = Field(
        256, ge=16, le=1024, description="bytes of a name; 256 characters in any case"
    )
    text_bytes: int = Field(
        1024, ge=16, le=4096, description="bytes of a text; 1,024 characters in any case"
    )
    magnitude: float = Field(
        1e12, ge=1, le=1e300, description="how far from zero a measured number may lie"
    )
    open_parts: int = Field(
        200_000, ge=100, le=10_000_000, description="most parts per line that wait for their result"
    )
    kept_outcomes: int = Field(
        200_000,
        ge=100,
        le=10_000_000,
        description="most results per line remembered, to know a corrected or repeated one",
    )
    gathered_bytes: int = Field(
        268_435_456,
        ge=1_048_576,
        le=68_719_476_736,
        description="bytes of memory for all readings that andon ingest gathers; beyond, the "
        "visits that have been silent longest are told as they are",
    )
    dead_letter_bytes: int = Field(
        65_536, ge=0, le=900_000, description="bytes kept of a dead letter that is too long"
    )
