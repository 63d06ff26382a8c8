"""A worker with checkpoints in a process of its own, which may end itself after a step.

    python tests/support/checkpointing_process.py watch --config andon.toml [--crash STEP HIT]

It is what ``andon watch --until-end`` builds, but for the step that it listens to.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from recorded_task import RecordedTask
from service_process import Service

from andon import build
from andon.checkpoints import opened_checkpoints
from andon.logs import configure_logging
from andon.settings import load_settings

CRASHED = 77


class CheckpointingService(Service):
    """This file as a process."""

    program = (__file__,)


def main() -> None:
    """Work until all there is has been read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--crash", nargs=2, default=("", "0"))
    given = parser.parse_args()
    settings = load_settings(given.config, {})
    configure_logging(settings.logging.level, settings.logging.format)
    step, hits = given.crash[0], int(given.crash[1])

    def crash(name: str) -> None:
        nonlocal hits
        if name == step:
            hits -= 1
            if hits == 0:
                os._exit(CRASHED)

    build.Task = RecordedTask  # type: ignore[misc]
    with (
        build.ready_log(settings) as log,
        opened_checkpoints(settings, log, step=crash) as checkpoints,
    ):
        build.build_worker(settings, log, checkpoints=checkpoints).run(
            lambda: False, until_end=True
        )


if __name__ == "__main__":
    main()
