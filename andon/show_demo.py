"""The demo on a terminal: alerts as they are delivered, then the account."""

from __future__ import annotations

import json
import sys
import threading
import time

import typer

from alerts.alert import Alert
from alerts.receiver import Received
from alerts.wording import headline
from alerts.words import Language
from andon.demo import Demo, DemoAccount
from andon.terminal import metered, out
from andon.text_table import table_text

_COLOURS = {"high": "red", "medium": "yellow", "low": "white"}
_LEAST_SECONDS = 0.4


class _Ticker:
    """Prints alerts as they come, but no faster than a person can read."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._last = 0.0
        self._held_back = 0
        self._lock = threading.Lock()

    def show(self, received: Received) -> None:
        """One delivered alert."""
        with self._lock:
            now = time.monotonic()
            alert = Alert.model_validate(received.alert)
            if now - self._last < _LEAST_SECONDS:
                self._held_back += 1
                return
            more = f"  (+{self._held_back} more)" if self._held_back else ""
            self._last, self._held_back = now, 0
            text = f"{alert.at:%a %H:%M}  {headline(alert, self._language)}{more}"
            out.print(text, style=_COLOURS[alert.severity])


def show_demo(
    *,
    seed: int,
    parts: int | None,
    seconds: float,
    language: Language,
    as_json: bool,
    stop: threading.Event,
) -> bool:
    """Run the demo to its end or a stop, and show it; False if an alert was not delivered."""
    with metered("the line is running") as meter:
        demo = Demo(
            seed=seed,
            parts=parts,
            seconds=seconds,
            stop=stop,
            on_start=(lambda url: None) if as_json else (lambda url: _open(demo, url)),
            on_alert=(lambda received: None) if as_json else _Ticker(language).show,
            on_progress=meter.events,
        )
        account = demo.run()
    if as_json:
        sys.stdout.write(json.dumps(account.to_dict(), indent=2) + "\n")
    else:
        _close(account)
    return account.delivered == account.alerts


def _open(demo: Demo, url: str) -> None:
    spec = demo.line.spec
    stations = ", ".join(station.name for station in spec.stations)
    typer.echo(
        f"Line {spec.name}: a part every {spec.takt:.0f} s, {spec.features} features at "
        f"{len(spec.stations)} stations ({stations}).\n"
        f"About {100 * spec.fail_rate:.0f} % of the parts fail their test, and that is known "
        f"{spec.delay:.0f} hours later.\n"
        f"It runs {demo.speed:,.0f} times as fast as a real one. Alerts are delivered to {url}, "
        f"signed.\n"
        f"The first ones come when enough results have been learnt from.\n"
    )


def _close(account: DemoAccount) -> None:
    lift = account.true_alarms / account.random_would_catch if account.random_would_catch else 0.0
    out.print()
    out.print(
        f"{account.events:,} events in {account.seconds:.0f} s. The first "
        f"{account.untrained_parts:,} parts got no risk: too little had been learnt."
    )
    out.print(
        f"Of the {account.parts:,} parts after that {account.fails:,} failed their test. "
        f"{account.alarmed_parts:,} had an alarm before their result; "
        f"{account.true_alarms:,} of those failed."
    )
    out.print(
        f"Caught: {account.true_alarms:,} fails; as many alarms at random would have caught "
        f"{account.random_would_catch:.0f} ({lift:.1f} times as many)."
    )
    if account.minutes_early is not None and account.stations_early is not None:
        out.print(
            f"Early: {account.minutes_early:.0f} minutes before the result and "
            f"{account.stations_early:.0f} stations before the end of the line, at the median."
        )
    out.print(
        f"Delivered: {account.delivered:,} of {account.alerts:,} alerts, every signature "
        f"checked ({account.refused_signatures} refused)."
    )
    rows = [
        [
            cause.cause,
            cause.station,
            str(cause.fails),
            str(cause.caught),
            str(cause.fails - cause.caught),
        ]
        for cause in account.causes
    ]
    out.print("\nWhat was missed:")
    out.print(table_text(["KNOWN CAUSE", "STATION", "FAILS", "CAUGHT", "MISSED"], rows), end="")
