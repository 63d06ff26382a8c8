"""``andon`` commands in processes that are forked from a warm one.

A real process each, with the real command line, but without the seconds in which Python imports
and compiles: a fault test starts many of them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from service_process import ROOT

_fork = multiprocessing.get_context("forkserver")


def run_command(arguments: list[str], folder: Path, said: Path) -> None:
    """The body of the process."""
    from andon.__main__ import main

    with said.open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.chdir(folder)
    sys.argv = ["andon", *arguments]
    main()


class ForkedService:
    """One command in a process; killed when the block ends, unless it has ended by itself."""

    def __init__(self, config: Path, *arguments: str) -> None:
        self._said = config.resolve().parent / f"{arguments[0]}.{os.urandom(3).hex()}.log"
        paths = [str(ROOT), str(ROOT / "tests/support"), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        _fork.set_forkserver_preload(["warm_process"])
        self._process = _fork.Process(
            target=run_command,
            args=([*arguments, "--config", str(config.resolve())], self._said.parent, self._said),
            daemon=True,
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def said(self) -> str:
        """Standard output and error so far."""
        with suppress(FileNotFoundError):
            return self._said.read_text(errors="replace")
        return ""

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.is_alive()

    def freeze(self) -> None:
        """Stop it as a machine that sleeps does (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        self._process.join()
        assert self._process.exitcode == -signal.SIGKILL, self.said

    def terminate(self, seconds: float = 10.0) -> float:
        """Ask it to end (SIGTERM); answers how long it took to end with code 0."""
        began = time.monotonic()
        self._process.terminate()
        self._process.join(seconds)
        assert self._process.exitcode == 0, f"code {self._process.exitcode}: {self.said}"
        return time.monotonic() - began

    def finish(self, seconds: float = 240.0) -> None:
        """Wait until it ends by itself, and well."""
        self._process.join(seconds)
        assert self._process.exitcode == 0, f"code {self._process.exitcode}: {self.said}"

    def peak_mib(self) -> float:
        """The most memory that it has held so far (VmHWM), in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        [line] = [each for each in status.splitlines() if each.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024

    def __enter__(self) -> ForkedService:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.join()
