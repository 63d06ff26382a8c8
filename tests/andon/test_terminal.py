"""Progress and stopping."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from andon.terminal import Stop, metered, stopped_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_for_a_stop_and_is_remembered(number: signal.Signals) -> None:
    with stopped_by_signals() as stop:
        os.kill(os.getpid(), number)
        assert stop.wait(10)
        assert stop.number == number


def test_a_second_ctrl_c_interrupts_at_once() -> None:
    with stopped_by_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(10)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_afterwards_signals_do_what_they_did_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopped_by_signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_off_the_main_thread_nothing_is_installed() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def work() -> None:
        with stopped_by_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_items_flow_until_the_stop_which_is_then_known_to_have_cut_them_off() -> None:
    stop = Stop()
    taken = []
    for item in stop.until(range(10)):
        taken.append(item)
        if item == 3:
            stop.set()
    assert (taken, stop.cut) == ([0, 1, 2, 3], True)


def test_items_that_end_by_themselves_are_not_cut_off() -> None:
    stop = Stop()
    assert list(stop.until(range(3))) == [0, 1, 2]
    stop.set()
    assert not stop.cut


def test_a_meter_is_silent_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with metered("replaying") as meter:
        meter.bytes(10, 20)
        meter.events(5)
    assert capsys.readouterr() == ("", "")
