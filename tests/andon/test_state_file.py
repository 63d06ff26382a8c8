"""State files: whole or not there, one a partition, the newest owner's."""

from __future__ import annotations

import threading
from pathlib import Path

from structlog.testing import capture_logs

from andon.line_state import line_state
from andon.state_file import PartitionState, read_states, write_state
from stream.line import Line, LineSettings


def state(
    partition: int = 0, *, offset: int = 0, group: str = "andon", pid: int = 1
) -> PartitionState:
    lines = tuple(line_state(Line(f"l-{n}", LineSettings()), None) for n in range(offset % 40))
    return PartitionState(
        group=group, topic="andon.events", partition=partition, next_offset=offset, end=None,
        rebuild_left=0, written_at=1.0, host="here", pid=pid, lines=lines,
    )  # fmt: skip


def test_partitions_come_by_number_and_the_last_writer_is_heard(tmp_path: Path) -> None:
    for number in (10, 2, 0):
        write_state(tmp_path / "new", state(number))
    write_state(tmp_path / "new", state(2, offset=7, pid=2))
    found = read_states(tmp_path / "new", "andon", "andon.events")
    assert [(each.partition, each.next_offset) for each in found] == [(0, 0), (2, 7), (10, 0)]
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_other_groups_and_topics_are_not_ours(tmp_path: Path) -> None:
    write_state(tmp_path, state(group="../../else\n"))
    assert read_states(tmp_path, "andon", "andon.events") == []
    assert len(read_states(tmp_path, "../../else\n", "andon.events")) == 1
    assert all(path.parent == tmp_path for path in tmp_path.rglob("*"))


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert read_states(tmp_path / "nowhere", "andon", "andon.events") == []


def test_what_cannot_be_read_is_said_and_passed_over(tmp_path: Path) -> None:
    write_state(tmp_path, state(0))
    write_state(tmp_path, state(1))
    [first, _] = sorted(tmp_path.iterdir())
    first.write_bytes(b'{"group": "andon"')
    with capture_logs() as logged:
        assert [each.partition for each in read_states(tmp_path, "andon", "andon.events")] == [1]
    assert [entry["event"] for entry in logged] == ["andon.state_unreadable"]


def test_a_reader_never_sees_a_piece(tmp_path: Path) -> None:
    stop = threading.Event()
    write_state(tmp_path, state())

    def write() -> None:
        offset = 0
        while not stop.is_set():
            offset += 1
            write_state(tmp_path, state(offset=offset))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with capture_logs() as logged:
            for _ in range(300):
                [found] = read_states(tmp_path, "andon", "andon.events")
                assert len(found.lines) == found.next_offset % 40
    finally:
        stop.set()
        writer.join(20)
    assert logged == []
