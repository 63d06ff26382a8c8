"""The outbox on a real SQLite file."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from webhooks import message

from alerts.delivery import Verdict
from alerts.outbox import Outbox, OutboxClosed, OutboxError
from alerts.source import AlertMessage

DELIVERED = Verdict("delivered")
EXHAUSTED = Verdict("exhausted", "status 500")
GONE = Verdict("disabled", "status 410")


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "outbox.db") as opened:
        yield opened


def fill(outbox: Outbox, count: int, *endpoints: str, now: float = 0.0) -> list[AlertMessage]:
    messages = [message(n) for n in range(count)]
    pairs = [(name, m) for m in messages for name in endpoints]
    outbox.accept(pairs, {"alerts/0": count - 1}, now)
    return messages


def test_what_was_accepted_is_there_after_opening_anew(tmp_path):
    path = tmp_path / "outbox.db"
    with Outbox(path) as outbox:
        messages = fill(outbox, 3, "mes", "chat")
    with Outbox(path) as outbox:
        assert [d.body for d in outbox.due("mes", 0.0)] == [m.body for m in messages]
        assert outbox.counts() == {"chat": {"pending": 3}, "mes": {"pending": 3}}
        assert outbox.positions() == {"alerts/0": 2}


def test_commits_are_synced(outbox):
    assert outbox._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert outbox._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_file_is_for_its_owner_alone(tmp_path):
    old = os.umask(0)
    try:
        with Outbox(tmp_path / "outbox.db") as outbox:
            fill(outbox, 1, "mes")
            modes = [stat.S_IMODE(f.stat().st_mode) for f in tmp_path.glob("outbox.db*")]
    finally:
        os.umask(old)
    assert modes
    assert set(modes) == {0o600}


def test_the_same_alert_is_accepted_once_and_keeps_its_state(outbox):
    fill(outbox, 2, "mes")
    outbox.record(outbox.due("mes", 0.0)[0], DELIVERED, 1.0)
    assert outbox.accept([("mes", message(0)), ("mes", message(1))], {}, 5.0) == 0
    assert outbox.counts() == {"mes": {"delivered": 1, "pending": 1}}
    assert outbox.due("mes", 0.0)[0].next_at == 0.0


def test_a_batch_is_accepted_whole_or_not_at_all(outbox):
    with pytest.raises(sqlite3.Error):
        outbox.accept([("mes", message(0)), (None, message(1))], {"s": 1}, 0.0)  # type: ignore[list-item]
    with pytest.raises(sqlite3.Error):
        outbox.accept([("mes", message(0))], {"s": object()}, 0.0)  # type: ignore[dict-item]
    assert (outbox.counts(), outbox.positions()) == ({}, {})
    assert outbox.accept([("mes", message(0))], {"s": 1}, 0.0) == 1


def test_a_retry_is_due_at_its_time_and_counts_the_attempt(outbox):
    fill(outbox, 1, "mes")
    outbox.record(outbox.due("mes", 0.0)[0], Verdict("retry", "status 500", after=5.0), 10.0)
    assert outbox.due("mes", 14.9) == []
    assert outbox.next_due("mes") == 15.0
    (delivery,) = outbox.due("mes", 15.0)
    assert (delivery.attempts, delivery.error) == (1, "status 500")


def test_what_is_longest_due_comes_first_and_no_more_than_asked_for(outbox):
    messages = fill(outbox, 5, "mes")
    first = outbox.due("mes", 0.0)[0]
    outbox.record(first, Verdict("retry", after=1.0), 0.0)
    assert [d.id for d in outbox.due("mes", 9.0, limit=4)] == [m.id for m in messages[1:]]
    assert outbox.due("mes", 9.0)[-1].id == first.id


def test_a_disabled_endpoint_gets_nothing_until_it_is_enabled_and_then_everything(outbox):
    fill(outbox, 2, "mes", "chat")
    outbox.record(outbox.due("mes", 0.0)[0], GONE, 1.0)
    assert outbox.disabled() == {"mes": "status 410"}
    assert (outbox.due("mes", 99.0), outbox.next_due("mes")) == ([], None)
    assert len(outbox.due("chat", 99.0)) == 2
    outbox.accept([("mes", message(7))], {}, 2.0)
    assert outbox.enable("mes")
    assert not outbox.enable("mes")
    assert len(outbox.due("mes", 99.0)) == 3


def test_exhausted_alerts_are_listed_and_can_be_queued_again(outbox):
    fill(outbox, 3, "mes")
    for delivery in outbox.due("mes", 0.0)[:2]:
        outbox.record(delivery, EXHAUSTED, 1.0)
    assert [(d.attempts, d.error) for d in outbox.exhausted("mes")] == [(1, "status 500")] * 2
    assert len(outbox.due("mes", 99.0)) == 1
    assert outbox.requeue("mes", 50.0) == 2
    assert sorted(d.attempts for d in outbox.due("mes", 99.0)) == [0, 0, 0]


def test_the_depth_counts_what_is_not_delivered(outbox):
    fill(outbox, 4, "mes", "chat")
    for delivery, verdict in zip(
        outbox.due("mes", 0.0), (DELIVERED, Verdict("exhausted"), Verdict("retry")), strict=False
    ):
        outbox.record(delivery, verdict, 1.0)
    assert outbox.depth() == {"chat": {"pending": 4}, "mes": {"pending": 2, "exhausted": 1}}


def test_a_late_attempt_does_not_unsettle_what_is_settled(outbox):
    fill(outbox, 1, "mes")
    (delivery,) = outbox.due("mes", 0.0)
    outbox.record(delivery, DELIVERED, 1.0)
    outbox.record(delivery, Verdict("retry", "no answer", after=5.0), 2.0)
    assert outbox.counts() == {"mes": {"delivered": 1}}


def test_only_what_was_delivered_long_ago_is_forgotten(outbox):
    fill(outbox, 4, "mes")
    a, b, c, _ = outbox.due("mes", 0.0)
    outbox.record(a, DELIVERED, 10.0)
    outbox.record(b, DELIVERED, 20.0)
    outbox.record(c, EXHAUSTED, 10.0)
    assert outbox.prune(before=20.0) == 1
    assert outbox.counts() == {"mes": {"delivered": 1, "exhausted": 1, "pending": 1}}


def test_one_process_delivers_and_others_may_look(tmp_path):
    path = tmp_path / "outbox.db"
    with Outbox(path) as first, Outbox(path) as second:
        first.hold()
        first.hold()
        with pytest.raises(OutboxError, match="in use by another notifier"):
            second.hold()
        fill(first, 1, "mes")
        assert second.counts() == {"mes": {"pending": 1}}
        first.close()
        second.hold()


def test_a_closed_outbox_says_so(outbox):
    outbox.close()
    with pytest.raises(OutboxClosed, match="is closed"):
        outbox.counts()


def test_a_file_that_is_no_outbox_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "outbox.db"
    path.write_bytes(b"no database at all, but a letter to somebody" * 100)
    before = path.read_bytes()
    with pytest.raises(OutboxError, match="move the file away"):
        Outbox(path)
    assert path.read_bytes() == before
    with pytest.raises(OutboxError, match="cannot be used"):
        Outbox(tmp_path / "nowhere" / "outbox.db")


def test_an_outbox_of_a_later_version_is_refused(tmp_path):
    path = tmp_path / "outbox.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(OutboxError, match="has schema 9, this andon knows 1"):
        Outbox(path)


def test_threads_share_an_outbox(outbox):
    def accept(stream: str) -> None:
        for n in range(25):
            outbox.accept([("mes", message(n, stream=stream))], {stream: n}, 0.0)

    threads = [threading.Thread(target=accept, args=(f"s/{k}",)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outbox.counts() == {"mes": {"pending": 100}}
    assert outbox.positions() == {f"s/{k}": 24 for k in range(4)}


@settings(max_examples=10, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=6))
def test_however_alerts_are_repeated_and_chunked_each_is_kept_once(tmp_path_factory, batches):
    path = tmp_path_factory.mktemp("law") / "outbox.db"
    with Outbox(path) as outbox:
        new = sum(outbox.accept([("mes", message(n)) for n in b], {}, 0.0) for b in batches)
        kept = {d.id for d in outbox.due("mes", 0.0)}
    assert kept == {message(n).id for batch in batches for n in batch}
    assert new == len(kept)
