"""Every mistake in an ingest map has a message of its own.

``ingest_maps/`` holds one small map per mistake; its first line is the exact message.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from producers.ingest_map import load_ingest_map
from stream.errors import ConfigError

MAPS = Path(__file__).parent / "ingest_maps"
EXAMPLES = Path(__file__).parents[2] / "docs" / "maps"

BAD_MAPS = sorted(path for path in MAPS.glob("*.toml") if path.stem != "good")


@pytest.mark.parametrize("path", BAD_MAPS, ids=lambda path: path.stem)
def test_a_mistake_is_named_with_its_key_its_value_and_the_remedy(path: Path) -> None:
    message = path.read_text("utf-8").split("\n")[0].removeprefix("# ")
    with pytest.raises(ConfigError) as caught:
        load_ingest_map(path)
    assert str(caught.value) == f"{path}: {message}"


def test_no_two_bad_maps_have_the_same_message() -> None:
    messages = {path.read_bytes().split(b"\n")[0] for path in BAD_MAPS}
    assert len(messages) == len(BAD_MAPS) >= 60


def test_the_map_that_the_bad_ones_were_made_from_is_good() -> None:
    ingest_map = load_ingest_map(MAPS / "good.toml")
    assert ingest_map.gap == timedelta(seconds=30)
    assert ingest_map.tick == timedelta(minutes=1)
    assert [topic.kind for topic in ingest_map.topics] == ["measurement", "result"]


def test_a_map_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: the map cannot be read: No such file"):
        load_ingest_map(tmp_path / "none.toml")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("ingest-*.toml")), ids=lambda path: path.stem)
def test_the_maps_in_the_docs_load(path: Path) -> None:
    assert {topic.kind for topic in load_ingest_map(path).topics} == {"measurement", "result"}
