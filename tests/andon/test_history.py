"""A history named on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.history import History
from producers.event_file import write_events
from producers.families import family
from producers.simulator import SimulatedLine
from stream.errors import ConfigError

EVENTS = list(SimulatedLine(family("demo"), seed=3).events(parts=5))
MAP = """
line = "press-1"
[part]
column = "id"
[time]
column = "at"
zone = "UTC"
[result]
column = "ok"
pass = ["yes"]
fail = ["no"]
delay = "2h"
[[station]]
name = "press"
features = ["force"]
"""


def never(place: str, reason: str) -> None:
    raise AssertionError(f"{place}: {reason}")


def test_files_of_events_are_read_one_after_the_other(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    write_events(first, EVENTS[:20])
    write_events(second, EVENTS[20:])
    assert list(History([first, second], None, on_bad=never)) == EVENTS


def test_a_line_that_is_no_event_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_events(path, EVENTS)
    path.write_bytes(b"{}\n" + path.read_bytes())
    bad: list[str] = []
    history = History([path], None, on_bad=lambda place, reason: bad.append(place))
    assert list(history) == EVENTS
    assert bad == [f"{path}, line 1"]


def test_a_table_is_read_by_its_map_and_a_cell_that_is_wrong_is_told(tmp_path: Path) -> None:
    table, table_map = tmp_path / "shots.csv", tmp_path / "map.toml"
    table.write_text(
        "id,at,force,ok\nA,2026-01-05T08:00:00,12.5,yes\nB,2026-01-05T08:01:00,high,no\n"
    )
    table_map.write_text(MAP)
    bad: list[tuple[str, str]] = []
    progress: list[tuple[int, int]] = []
    events = list(
        History(
            [table],
            table_map,
            on_bad=lambda place, reason: bad.append((place, reason)),
            on_bytes=lambda done, total: progress.append((done, total)),
        )
    )
    assert [event.type for event in events].count("result") == 2
    [(place, reason)] = bad
    assert place == f"{table}, row 2, column 'force'"
    assert reason.startswith("'high': ")
    done, total = progress[-1]
    assert done == total > 0


@pytest.mark.parametrize(
    ("names", "table_map", "said"),
    [
        (["a.jsonl", "b.csv"], None, "mixes files of events and tables"),
        (["a.jsonl"], Path("map.toml"), "leave --map out"),
        (["a.csv"], None, "needs --map FILE"),
        (["a.csv"], Path("missing.toml"), "missing.toml: the map cannot be read"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_read(
    names: list[str], table_map: Path | None, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        History([Path(name) for name in names], table_map, on_bad=never)
