"""``andon watch`` and ``andon notify`` as real processes, with a settings file of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from stream.worker import Outputs

ROOT = Path(__file__).parents[2]
_CONFIG = """
[log]
{log}
[topics]
events = "{topics.events}"
alerts = "{topics.alerts}"
dead_letters = "{topics.dead_letters}"
risks = "{topics.risks}"
notices = "{topics.events}.notices"
partitions = {partitions}
[worker]
group = "{topics.events}"
member = "{member}"
poll_records = 100
[detector]
min_fails = 3
min_passes = 20
[alerts]
budget = 0.2
min_lift = 1.0
[logging]
level = "warning"
"""


def write_config(
    folder: Path,
    topics: Outputs,
    partitions: int,
    *,
    member: str = "",
    kafka: str = "",
    session_s: float = 6.0,
    more: str = "",
) -> Path:
    """The settings of a worker that learns soon, on ``andon.sqlite`` or on the broker ``kafka``,
    which misses it after ``session_s``; ``more`` is TOML to go behind them."""
    log = 'path = "andon.sqlite"\nlease_seconds = 5.0'
    if kafka:
        log = f'kind = "kafka"\n[kafka]\nbootstrap_servers = ["{kafka}"]\n'
        log += f"session_timeout_s = {session_s}"
    config = folder / "andon.toml"
    told = _CONFIG.format(log=log, topics=topics, partitions=partitions, member=member)
    config.write_text(told + more)
    return config


class Service:
    """One command in a process; killed when the block ends, unless it has ended by itself."""

    def __init__(self, config: Path, *arguments: str, **variables: str) -> None:
        self._said = config.parent / f"{arguments[0]}.{os.urandom(3).hex()}.log"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "andon", *arguments, "--config", str(config)],
                stdout=said,
                stderr=said,
                cwd=config.parent,
                env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
            )

    @property
    def said(self) -> str:
        """Standard output and error so far."""
        return self._said.read_text(errors="replace")

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    def freeze(self) -> None:
        """Stop it as a machine that sleeps does (SIGSTOP)."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL

    def terminate(self, seconds: float = 10.0) -> int:
        """Ask it to end (SIGTERM); its exit code. Fails after ``seconds``."""
        self.process.terminate()
        return self.process.wait(seconds)

    def finish(self, seconds: float = 240.0) -> None:
        """Wait until it ends by itself, and well."""
        code = self.process.wait(seconds)
        assert code == 0, self.said

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
