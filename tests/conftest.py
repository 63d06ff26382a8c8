"""What tests share: a real Kafka broker and the directory of the real data.

What cannot run here is skipped aloud: once per test and once more at the end of the session.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from kafka_broker import KafkaBroker
from required_broker import NO_KAFKA, running

from andon.logs import QUIETED

NO_DATA = "REAL DATA TESTS DID NOT RUN"


@dataclass(frozen=True)
class RunningBroker:
    """A broker that somebody else runs: it has an address, and is not ours to stop."""

    bootstrap: str


@pytest.fixture(autouse=True)
def _logging_of_a_fresh_process() -> Iterator[None]:
    """What one test's command sets up for logging is no other test's."""
    levels = {name: logging.getLogger(name).level for name in ("", *QUIETED)}
    yield
    structlog.reset_defaults()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture(scope="session")
def broker() -> Iterator[KafkaBroker | RunningBroker]:
    """A broker for the session; ``ANDON_TEST_KAFKA=host:port`` names one to use instead."""
    address = os.environ.get("ANDON_TEST_KAFKA")
    if address:
        yield RunningBroker(address)
        return
    with running(KafkaBroker()) as started:
        yield started


@pytest.fixture(scope="session")
def fragile_broker() -> Iterator[KafkaBroker]:
    """A broker of our own in any case, to be stopped, killed and suspended.

    A test that breaks it must leave it running.
    """
    with running(KafkaBroker()) as started:
        yield started


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The directory of the real data, which ``ANDON_TEST_DATA`` names."""
    named = os.environ.get("ANDON_TEST_DATA")
    if not named:
        pytest.skip(f"{NO_DATA}: set ANDON_TEST_DATA")
    directory = Path(named)
    if not directory.is_dir():
        pytest.fail(f"ANDON_TEST_DATA names {named!r}, which is no directory", pytrace=False)
    return directory


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, None, None]:
    """Say once more, behind everything else, what did not run and why, and what was measured."""
    yield
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, figure in getattr(report, "user_properties", ()):
                terminalreporter.write_line(f"{report.nodeid}: {name}: {figure}")
    for outcome, said in (("skipped", "skipped"), ("error", "failed")):
        told: dict[str, list[str]] = {}
        for report in terminalreporter.stats.get(outcome, []):
            reason = _reason(report)
            suite = next((name for name in (NO_KAFKA, NO_DATA) if reason.startswith(name)), "")
            if outcome == "skipped" and not suite:
                reason = f"DID NOT RUN: {reason}"
            elif not suite:
                continue  # an error that has nothing to do with what is missing here
            told.setdefault(suite or reason, []).append(reason)
        for reasons in told.values():
            line = f"{reasons[0]}; {len(reasons)} tests {said}"
            terminalreporter.write_sep("=", line, red=True, bold=True)


def _reason(report: pytest.TestReport) -> str:
    where = report.longrepr
    text = where[2] if isinstance(where, tuple) else report.longreprtext
    return text.removeprefix("Skipped: ").strip()
