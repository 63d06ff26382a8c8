"""Files that are written whole or not at all, in folders that are nobody else's."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from stream.errors import ConfigError

OpenFile = Callable[[Path], BinaryIO]


def open_new(path: Path) -> BinaryIO:
    """A file of this user alone, empty, open for writing."""
    return os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb"
    )


def private_folder(path: Path, named: str = "checkpoint.directory") -> Path:
    """The folder, made with mode 0700 if it is not there; errors say where it was ``named``.

    Raises `ConfigError` for one that another user owns, or that group or others may write to: they
    could put a state there that this worker would believe.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = path.lstat()
    except OSError as error:
        raise ConfigError(
            f"{named} {path} cannot be used ({error.strerror}): give a folder that "
            f"andon may make or write to"
        ) from error
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"{named} {path} is no folder: give the path of one")
    if found.st_uid != os.geteuid():
        raise ConfigError(
            f"{named} {path} belongs to user {found.st_uid}, andon runs as "
            f"{os.geteuid()}: give a folder that is andon's own"
        )
    if found.st_mode & 0o022:
        raise ConfigError(
            f"{named} {path} has mode {stat.S_IMODE(found.st_mode):04o}, others may "
            f"write to it: run 'chmod 700' on it, or give another folder"
        )
    return path


def claim_file(path: Path, content: bytes) -> bool:
    """Create the file for ever; False if somebody has done so before (O_EXCL)."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return True


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
