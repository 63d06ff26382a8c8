"""Snapshots of a line, so that the next part of it is explained from nearby.

A snapshot is named by a digest of all that it depends on: the settings, the versions, what was
learnt before, and every record of the line up to there. So it is found only where a replay would
come to the same state, and an explanation that begins at one is that of the whole replay, to the
bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from andon.part_search import Mark
from models.plain_state import NoPlainState, State
from stream import checkpoint
from stream.checkpoint import CheckpointError
from stream.errors import AndonError, ConfigError
from stream.fingerprint import fingerprint
from stream.line import Line
from stream.line_state import line_state
from stream.private_files import private_folder
from stream.task import Task, TaskSettings

log = structlog.get_logger()


class Snapshots:
    """The snapshots in a folder of this user's own, made if need be.

    Parameters
    ----------
    folder
        May hold those of other histories and settings too; any file may be removed at any time.
    settings
        Of the tasks whose states are kept.
    trained
        What lines start from, by name.

    Raises `ConfigError` for a folder that others may write to, or a model that only pickle keeps.
    """

    def __init__(
        self, folder: Path, settings: TaskSettings, trained: Mapping[str, State] | None = None
    ) -> None:
        try:
            line_state(Line("", settings.line))
        except NoPlainState:
            model = settings.line.detector.model
            raise ConfigError(
                f"--snapshots {folder}: only pickle can keep the model {model!r}, and a snapshot "
                f"holds none: leave --snapshots out"
            ) from None
        self._folder = private_folder(folder, "--snapshots")
        told = hashlib.sha256()
        for known in (repr(settings), json.dumps(fingerprint(settings), sort_keys=True)):
            told.update(known.encode() + b"\0")
        told.update(checkpoint.dumps(dict(sorted((trained or {}).items()))))
        self._depends = told.hexdigest()

    def newest(self, marks: Sequence[Mark]) -> tuple[int, State | None]:
        """The last of ``marks`` of which there is a sound snapshot: records behind it, and state.

        0 and None if there is none.
        """
        for mark in reversed(marks):
            path = self._path(mark)
            if not path.exists():
                continue
            try:
                return mark.records, checkpoint.read(path)
            except CheckpointError as error:
                log.warning("andon.snapshot_refused", path=str(path), error=str(error))
        return 0, None

    def keep(self, mark: Mark, task: Task) -> None:
        """Keep the task's state at ``mark``; one that is there is written anew.

        Raises `AndonError` if the disk does not take it.
        """
        path = self._path(mark)
        try:
            checkpoint.write(path, task.state())
        except OSError as error:
            raise AndonError(
                f"--snapshots {path.parent}: no snapshot could be written "
                f"({error.strerror or error}): make room there, name another folder, or leave "
                f"--snapshots out"
            ) from error

    def _path(self, mark: Mark) -> Path:
        name = hashlib.sha256(f"{self._depends} {mark.records} {mark.digest}".encode()).hexdigest()
        return self._folder / f"{name[:40]}.snapshot"
