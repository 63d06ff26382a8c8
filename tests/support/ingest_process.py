"""``andon ingest`` as a process of its own on a real Kafka, to be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from plants import as_toml

ROOT = Path(__file__).parents[2]
# What is meant for the tests is no setting of the process.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}


class IngestProcess:
    """Runs the command line with settings and a map of its own in ``folder``."""

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        topics: dict[str, Any],
        ingest_map: dict[str, Any],
        log: dict[str, Any] | None = None,
    ) -> None:
        self._folder = folder
        self.map = folder / "plant.toml"
        self.map.write_text(as_toml(ingest_map), "utf-8")
        self._config = folder / "andon.toml"
        sections = {
            "log": log or {"kind": "kafka"},
            "kafka": {"bootstrap_servers": [bootstrap], "session_timeout_s": 6.0},
            "topics": topics,
        }
        self._config.write_text(as_toml(sections), "utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def _command(self, *options: str) -> list[str]:
        command = [sys.executable, "-m", "andon", "ingest", "--map", str(self.map)]
        return [*command, "--config", str(self._config), *options]

    def start(self, *options: str) -> None:
        """Begin, with its log in ``ingest.log``."""
        with (self._folder / "ingest.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(*options), stdout=log, stderr=log, cwd=ROOT, env=ENVIRONMENT
            )

    def kill(self) -> None:
        """End it as a power switch would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def check_alive(self) -> None:
        """Fail with its log if it has ended by itself."""
        assert self._process is not None
        assert self._process.poll() is None, self.log()

    def terminate(self, timeout: float = 30.0) -> int:
        """SIGTERM; answers the exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(timeout)
        self._process = None
        return code

    def run(self, *options: str, timeout: float = 240.0) -> dict[str, Any]:
        """Run to the end; answers what it prints with ``--json``."""
        done = subprocess.run(
            self._command("--json", *options),
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=ENVIRONMENT,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def log(self) -> str:
        """What it said, its last lines."""
        return "\n".join((self._folder / "ingest.log").read_text("utf-8").splitlines()[-20:])
