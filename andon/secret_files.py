"""Secrets, which the settings only point to: in a file that is andon's alone, or in a variable.

No message shows a secret, nor what might be one that was pasted where a file's name belongs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from andon.mistakes import nearest, plain
from stream.errors import ConfigError

SECRET_BYTES = 4096


def read_secret_file(key: str, path: Path, remedy: str = "write the secret into it") -> bytes:
    """The first `SECRET_BYTES` of a file that a setting names, as they are.

    Raises `ConfigError`, naming ``key``, for a file that cannot be read or that others may read.
    """
    shown = _shown(path)
    try:
        with path.open("rb") as file:
            _check_mode(key, shown, os.fstat(file.fileno()))
            return file.read(SECRET_BYTES)
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "not a path"
        raise ConfigError(f"{key} {shown} cannot be read ({why}): {remedy}") from None


def read_secret_variable(key: str, variable: str, environ: Mapping[str, str], remedy: str) -> str:
    """What the environment holds under a name that a setting gives.

    Raises `ConfigError`, naming ``key``, if it holds nothing of that name.
    """
    if variable in environ:
        return environ[variable]
    meant = nearest(variable, [name for name in environ if "SECRET" in name])
    hint = f"did you mean {plain(meant)}?" if meant else remedy
    raise ConfigError(f"{key}: environment variable {variable} is not set: {hint}")


def check_private(key: str, path: Path) -> None:
    """Raise `ConfigError` for a file that cannot be looked at or that others may read."""
    shown = _shown(path)
    try:
        found = path.stat()
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "not a path"
        raise ConfigError(f"{key} {shown} cannot be read ({why}): name a PEM file") from None
    _check_mode(key, shown, found)


def password(
    file_key: str, path: Path | None, env_key: str, variable: str | None, environ: Mapping[str, str]
) -> str | None:
    """The password in the file or the variable, None if neither is named.

    A file's last line break is no part of it. Raises `ConfigError` if there is none to be had.

    >>> password("a.password_file", None, "a.password_env", "PW", {"PW": "x y"})
    'x y'
    >>> password("a.password_file", None, "a.password_env", "PW", {})
    Traceback (most recent call last):
    stream.errors.ConfigError: a.password_env: environment variable PW is not set: set it, or ...
    """
    if path is not None:
        where = f"{file_key} {_shown(path)}"
        content = read_secret_file(file_key, path, "write the password into it")
        if len(content) == SECRET_BYTES:
            raise ConfigError(f"{where} holds {SECRET_BYTES} bytes or more: no password is so long")
        try:
            found = content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise ConfigError(f"{where} is not UTF-8: write the password as UTF-8") from None
    elif variable is not None:
        where = f"{env_key}: environment variable {variable}"
        found = read_secret_variable(env_key, variable, environ, "set it, or name another")
    else:
        return None
    if not found or not found.isprintable():
        raise ConfigError(f"{where} is empty or holds several lines: write one password into it")
    return found


def _check_mode(key: str, shown: str, found: os.stat_result) -> None:
    # A container's secrets belong to root, and its user reads them by its group.
    roots = found.st_uid == 0 and os.geteuid() != 0
    mode = stat.S_IMODE(found.st_mode)
    if mode & (0o037 if roots else 0o077):
        raise ConfigError(
            f"{key} {shown} has mode {mode:04o}: others may read it; run 'chmod 600' on it"
            + (" (or 640, as it is root's)" if roots else "")
        )


def _shown(path: Path) -> str:
    """The path, unless it may be a secret itself: one that leads nowhere, without a folder."""
    try:
        somewhere = path.exists() or (path.parent != Path() and path.parent.is_dir())
    except (OSError, ValueError):
        somewhere = False
    return plain(str(path)) if somewhere else "(a path that leads nowhere, not shown)"
