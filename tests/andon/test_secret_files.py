"""A secret is read from where the settings point, if nobody else can read it there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from andon.secret_files import check_private, password, read_secret_file
from stream.errors import ConfigError


def secret(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def read(path: Path) -> str | None:
    return password("a.password_file", path, "a.password_env", None, {})


def test_a_files_last_line_break_is_no_part_of_the_password(tmp_path: Path) -> None:
    assert read(secret(tmp_path, b" p w\r\n")) == " p w"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret(tmp_path, b"CANARY", mode)
    for reading in (read_secret_file, check_private):
        with pytest.raises(ConfigError, match=rf"^a.file {path} has mode {mode:04o}: .*chmod 600"):
            reading("a.file", path)


@pytest.mark.parametrize(("mode", "taken"), [(0o440, True), (0o640, True), (0o444, False)])
def test_what_a_container_mounts_as_roots_may_be_read_by_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, taken: bool
) -> None:
    path = secret(tmp_path, b"CANARY", mode)
    if path.stat().st_uid != 0:
        pytest.skip("the rule for containers: only root can make a file of root's")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    if taken:
        assert read(path) == "CANARY"
    else:
        with pytest.raises(ConfigError, match=r"chmod 600.*or 640, as it is root's"):
            read(path)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"CANARY\nmore", b"CANARY\0", b"\xff", b"C" * 5000]
)
def test_what_is_no_password_is_refused_without_being_shown(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^a.password_file /.*: ") as refusal:
        read(secret(tmp_path, content))
    assert "CANARY" not in str(refusal.value)


def test_a_password_in_the_place_of_its_files_name_is_not_shown() -> None:
    with pytest.raises(ConfigError, match="a path that leads nowhere, not shown") as refusal:
        read(Path("CANARY"))
    assert "CANARY" not in str(refusal.value)


def test_a_missing_file_in_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}/none cannot be read .No such file"):
        read(tmp_path / "none")


def test_a_variable_that_is_not_set_is_named_with_the_one_that_was_meant() -> None:
    environ = {"ANDON_SECRET_KAFKA": "CANARY"}
    with pytest.raises(ConfigError, match=r"did you mean ANDON_SECRET_KAFKA\?"):
        password("a.password_file", None, "a.password_env", "ANDON_SECRET_KAKFA", environ)
    assert password("f", None, "e", "ANDON_SECRET_KAFKA", environ) == "CANARY"
