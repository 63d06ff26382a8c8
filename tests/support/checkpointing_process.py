"""Workers with checkpoints in processes of their own, which may end themselves after a step.

Such a worker is what ``andon watch --until-end`` builds, but for the step that it listens to. The
processes are forked from one that has everything imported and compiled (`warm_process`): a real
process each, without the seconds that Python takes to begin.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from service_process import ROOT

from andon import build
from andon.checkpoints import opened_checkpoints
from andon.logs import configure_logging
from andon.settings import load_settings

CRASHED = 77
_fork = multiprocessing.get_context("forkserver")


def work(config: Path, said: Path, step: str, hits: int) -> None:
    """Read all there is, from the folder of the settings file; the body of the process."""
    with said.open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.chdir(config.parent)
    settings = load_settings(config, {})
    configure_logging(settings.logging.level, settings.logging.format)

    def crash(name: str) -> None:
        nonlocal hits
        if name == step:
            hits -= 1
            if hits == 0:
                os._exit(CRASHED)

    with (
        build.ready_log(settings) as log,
        opened_checkpoints(settings, log, step=crash) as checkpoints,
    ):
        build.build_worker(settings, log, checkpoints=checkpoints).run(
            lambda: False, until_end=True
        )


class CheckpointingService:
    """A worker as a process; killed when the block ends, unless it has ended by itself.

    ``crash`` is the step after which it ends itself, at its ``hit``-th time.
    """

    def __init__(self, config: Path, crash: str = "", hit: int = 0) -> None:
        self._said = config.parent / f"worker.{os.urandom(3).hex()}.log"
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests/support")])
        _fork.set_forkserver_preload(["warm_process"])
        self._process = _fork.Process(
            target=work, args=(config.resolve(), self._said.resolve(), crash, hit), daemon=True
        )
        self._process.start()

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

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        assert self.wait() in (-signal.SIGKILL, 0)

    def wait(self, seconds: float = 240.0) -> int | None:
        """Its exit code, None if it has not ended by then."""
        self._process.join(seconds)
        return self._process.exitcode

    def finish(self) -> None:
        """Wait until it ends by itself, and well."""
        assert self.wait() == 0, self.said

    def __enter__(self) -> CheckpointingService:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.join()
