"""The demo, shortened: the real log, worker, notifier and receiver in one process."""

from __future__ import annotations

import threading

import pytest
from commands import Commands

from andon.demo import Demo
from stream.errors import AndonError


def test_the_demo_catches_parts_that_fail_and_delivers_every_alert(andon: Commands) -> None:
    done = andon("demo", "--parts", "1200", "--seconds", "5", "--json")
    account = done.json
    assert done.code == 0
    assert account["delivered"] == account["alerts"] > 0
    assert account["refused_signatures"] == 0
    assert account["true_alarms"] >= 1
    assert account["minutes_early"] > 0
    assert account["parts"] + account["untrained_parts"] == 1200
    assert sum(cause["fails"] for cause in account["causes"]) == account["fails"]
    assert sum(cause["caught"] for cause in account["causes"]) == account["true_alarms"]


def test_the_demo_tells_what_it_does_and_what_came_of_it(andon: Commands) -> None:
    done = andon("demo", "--parts", "800", "--seconds", "5", "--lang", "fr")
    assert done.code == 0
    for said in ("Line gearbox-A", "est à risque après", "Delivered:", "What was missed"):
        assert said in done.out
    assert done.err == ""


def test_a_demo_that_is_stopped_accounts_for_what_it_has_seen() -> None:
    stop = threading.Event()
    demo = Demo(parts=None, seconds=1000.0, stop=stop, on_start=lambda url: stop.set())
    account = demo.run()
    assert (account.events, account.alerts, account.parts) == (0, 0, 0)


def test_what_goes_wrong_in_a_thread_of_the_demo_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(self: Demo, *given: object) -> None:
        raise AndonError("the worker is broken")

    monkeypatch.setattr(Demo, "_observe", broken)
    with pytest.raises(AndonError, match="the worker is broken"):
        Demo(parts=500, seconds=1.0).run()
