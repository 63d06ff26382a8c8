"""``andon map suggest`` from the outside."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from andon.cli import app
from producers.tables import load_any_map
from stream.errors import ConfigError

TABLE = "serial,at,oil_t,oil_p\n1,2026-01-05T08:00Z,40.5,7\n2,2026-01-05T08:01Z,40.9,8\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "press.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_map_is_printed_as_toml_alone(table: Path) -> None:
    assert tomllib.loads(run("map", "suggest", table))["part"] == {"column": "serial"}


def test_for_programs_it_is_one_json_object(table: Path) -> None:
    said = json.loads(run("map", "suggest", table, "--json"))
    assert tomllib.loads(said["map"])["line"] == "press"


def test_a_file_is_written_once_and_never_over_somebody_s_work(table: Path, tmp_path: Path) -> None:
    to = tmp_path / "press.toml"
    assert "is written to" in run("map", "suggest", table, "--out", to)
    assert load_any_map(to).line == "press"
    to.write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="the file exists, and somebody may have worked on it"):
        run("map", "suggest", table, "--out", to)
    assert to.read_text(encoding="utf-8") == "mine"
