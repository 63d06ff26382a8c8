"""Every mistake in a map has a message of its own.

``maps/`` holds one small map per mistake; its first line is the exact message.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from producers.map import TableMap, load_map, matches
from producers.tables import load_any_map
from stream.errors import ConfigError

MAPS = Path(__file__).parent / "maps"
EXAMPLES = Path(__file__).parents[2] / "docs" / "maps"

BAD_MAPS = sorted(path for path in MAPS.glob("*.toml") if path.stem != "good")


@pytest.mark.parametrize("path", BAD_MAPS, ids=lambda path: path.stem)
def test_a_mistake_is_named_with_its_key_its_value_and_the_remedy(path: Path) -> None:
    message = path.read_bytes().split(b"\n")[0].decode().removeprefix("# ")
    with pytest.raises(ConfigError) as caught:
        load_map(path)
    assert str(caught.value) == f"{path}: {message}"


def test_no_two_bad_maps_have_the_same_message() -> None:
    messages = {path.read_bytes().split(b"\n")[0] for path in BAD_MAPS}
    assert len(messages) == len(BAD_MAPS) >= 40


def test_the_map_that_the_bad_ones_were_made_from_is_good() -> None:
    table = load_map(MAPS / "good.toml")
    assert table.line == "A"
    assert table.result is not None
    assert table.result.delay == timedelta(hours=2)
    assert table.stations[0].features == ("force", "die")
    assert table.unmapped == "error"


def test_a_map_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: the map cannot be read: No such file"):
        load_map(tmp_path / "none.toml")


def test_a_folder_is_no_map(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the map cannot be read: Is a directory"):
        load_map(tmp_path)


def test_a_map_without_results_or_with_numbered_parts_is_a_map() -> None:
    table = TableMap.model_validate(
        {
            "line_column": "machine",
            "part": {"row_number": True},
            "time": {"column": "at"},
            "station": [{"name": "press", "features": ["f*"]}],
        }
    )
    assert table.result is None
    assert table.part.row_number


def test_only_star_and_question_mark_are_special_in_a_pattern() -> None:
    assert matches("t?[C]", "t1[C]")
    assert not matches("t[C]", "tC")
    assert not matches("f*", "af1")


@pytest.mark.parametrize(
    "path",
    sorted(path for path in EXAMPLES.glob("*.toml") if not path.stem.startswith("ingest-")),
    ids=lambda path: path.stem,
)
def test_the_maps_in_the_docs_load(path: Path) -> None:
    assert load_any_map(path).result is not None


def test_the_docs_have_a_map_for_each_of_the_data_sets() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.toml")} >= {"bosch", "diecasting", "secom"}
