"""docs/ten-minutes.md, typed as it stands there, in an empty folder beside the documents.

Commands of andon run in this process, all others in a shell; ports and the names on a shared broker
are the only things that are changed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from commands import Commands, environment
from kafka_broker import KafkaBroker, free_ports
from local_logs import wait_until

from andon.settings import load_settings
from andon.state_file import read_states

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "ten-minutes.md").read_text("utf-8")
PATHS = ("Data engineer", "Quality engineer", "Data scientist", "Operator or integrator")
BLOCK = re.compile(
    r"(?P<before>[^\n]*(?:\n[^\n]+)*)\n\n```(?P<kind>\w*)\n(?P<text>.*?)```", re.DOTALL
)
SAVE = re.compile(r"[Ss]ave (?:this|these) as `([\w.]+)`")
PORT = "8799"


class Step(NamedTuple):
    """A command to type, or a file to save."""

    command: str = ""
    file: str = ""
    text: str = ""


def steps(path: str) -> list[Step]:
    """What a section asks its reader to do, in order."""
    [section] = re.findall(rf"^## {path}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    found = []
    for block in BLOCK.finditer(section):
        named = SAVE.search(block["before"])
        if block["kind"] == "console":
            lines = block["text"].splitlines()
            assert all(line.startswith("$ ") for line in lines), lines
            found += [Step(command=line[2:]) for line in lines]
        elif named is not None:
            found.append(Step(file=named[1], text=block["text"]))
    return found


class Reader:
    """Does what the page says."""

    def __init__(
        self, andon: Commands, folder: Path, patch: pytest.MonkeyPatch, ends: ExitStack
    ) -> None:
        self._andon, self._folder, self._patch, self._ends = andon, folder, patch, ends
        self.change: Callable[[str], str] = lambda text: text
        self.printed: dict[str, str] = {}

    def follow(self, path: str) -> None:
        for step in steps(path):
            if step.file:
                (self._folder / step.file).write_text(self.change(step.text), "utf-8")
            else:
                self.printed[step.command] = self._type(self.change(step.command))

    def _type(self, command: str) -> str:
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self._patch.setenv(name, self._shell(f"printf %s {value}"))
            return ""
        if command.endswith("&"):
            return self._begin(command)
        words, _, to = command.partition(" > ")
        variables = dict(re.findall(r"(ANDON_\w+)=(\S+) ", words))
        words = re.sub(r"^(?:ANDON_\w+=\S+ )+", "", words)
        if not words.startswith("andon ") or "|" in words:
            return self._shell(command)
        done = self._andon(*shlex.split(words)[1:], **variables)
        assert done.code == 0, f"{command}\n{done.err}"
        if to:
            (self._folder / to).write_text(done.out, "utf-8")
        return done.out

    def _shell(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-ceo", "pipefail", command],
            capture_output=True, text=True, check=False, env=self._environment(), timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout

    def _begin(self, command: str) -> str:
        # Into a file, as nobody would read a pipe: a full one stops whoever prints into it.
        printed = self._folder / f"background-{len(self.printed)}.out"
        with printed.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command[:-1]}"],
                env=self._environment(), stdout=out, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        self._ends.callback(process.wait)
        self._ends.callback(process.kill)
        wait_until(lambda: "\n" in printed.read_text("utf-8"))
        return printed.read_text("utf-8").partition("\n")[0] + "\n"

    @staticmethod
    def _environment() -> dict[str, str]:
        # The first on the path is what `source .venv/bin/activate` puts there.
        return environment({"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})


@pytest.fixture
def reader(andon: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    (folder / "docs").symlink_to(DOCS)
    with ExitStack() as ends:
        yield Reader(andon, folder, monkeypatch, ends)


def json_lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def assert_alerts_came_of_the_plants_topics(reader: Reader, folder: Path) -> None:
    printed = reader.printed
    assert "20 events, 0 rejected" in printed["andon ingest --map plant.toml --dry-run 20"]
    told = printed["andon ingest --map plant.toml --until-end"]
    assert re.search(r"^(1[\d,]+) records became \1 events", told), told
    alerts = printed["andon watch --until-end"].splitlines()
    assert any(line.startswith("press-shop: part P-") for line in alerts)
    others = [line for line in alerts if not line.startswith("press-shop: part P-")]
    assert all(line.startswith("press-shop: ") for line in others), others
    [line] = read_states(folder / "state/status", *_group_and_topic())[-1].lines
    assert (line.name, line.trained) == ("press-shop", True)
    assert "press-shop  yes" in printed["andon status"]


def _group_and_topic() -> tuple[str, str]:
    settings = load_settings(None, os.environ)
    return settings.worker.group, settings.topics.events


def test_a_data_engineer_gets_from_plant_topics_to_alerts_on_the_local_log(
    reader: Reader, folder: Path
) -> None:
    reader.follow("Data engineer")
    assert_alerts_came_of_the_plants_topics(reader, folder)


@pytest.mark.kafka
def test_a_data_engineer_gets_from_plant_topics_to_alerts_on_kafka(
    reader: Reader, folder: Path, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"t{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("ANDON_LOG__KIND", "kafka")
    monkeypatch.setenv("ANDON_KAFKA__BOOTSTRAP_SERVERS", broker.bootstrap)
    monkeypatch.setenv("ANDON_WORKER__GROUP", f"{own}.andon")
    monkeypatch.setenv("ANDON_NOTIFIER__GROUP", f"{own}.notifier")
    for topic in ("events", "alerts", "dead_letters", "notices"):
        monkeypatch.setenv(f"ANDON_TOPICS__{topic.upper()}", f"{own}.{topic}")
    reader.change = lambda text: re.sub(r"plant\.press|andon-ingest\.press", rf"{own}.\g<0>", text)
    reader.follow("Data engineer")
    assert_alerts_came_of_the_plants_topics(reader, folder)


def test_a_quality_engineer_gets_from_a_table_to_a_line_that_starts_trained(
    reader: Reader, folder: Path
) -> None:
    reader.follow("Quality engineer")
    rows = reader.printed[
        "python docs/examples/side_by_side.py out/today out/stricter out/shorter"
    ].splitlines()
    assert [row.split()[0] for row in rows[1:]] == ["out/today", "out/stricter", "out/shorter"]
    flagged = {row.split()[0]: float(row.split()[2]) for row in rows[1:]}
    assert flagged["out/stricter"] < flagged["out/today"]
    cold, warm = (
        json.loads((folder / "out" / run / "report.json").read_text("utf-8"))["overall"]
        for run in ("today", "second")
    )
    assert cold["without_risk"] > 0
    assert warm["without_risk"] == 0


def test_a_data_scientist_sees_two_models_and_the_truth(reader: Reader, folder: Path) -> None:
    reader.follow("Data scientist")
    [said] = [out for command, out in reader.printed.items() if "beside_truth" in command]
    ours, true = (float(x) for x in re.findall(r"ROC-AUC (\d\.\d+)", said))
    report = json.loads((folder / "out/logistic/report.json").read_text("utf-8"))
    assert ours == round(report["overall"]["last"]["auc"], 3)
    assert true > max(ours, 0.7)
    assert {*re.findall(r"`(overall|lines|settings)", PAGE)} <= set(report)
    for place in re.findall(r"\| `overall\.(\w+)`", PAGE):
        assert place in report["overall"], place
    for key in ("auc", "ap", "brier_skill", "calibration_slope"):
        assert key in report["overall"]["last"]
    for key in ("precision", "recall", "mcc"):
        assert key in report["overall"]["alarms"]


def test_an_operator_receives_alerts_and_silences_a_line(reader: Reader, folder: Path) -> None:
    [port] = free_ports(1)
    reader.change = lambda text: text.replace(PORT, str(port))
    reader.follow("Operator or integrator")
    alerts = json_lines(folder / "alerts.jsonl")
    assert alerts
    listed = json.loads(reader._andon("endpoints", "list", "--json").out)
    assert json.dumps(listed).count(f'"delivered": {len(alerts)}') == 1
    assert reader.printed["andon endpoints enable mes"] == "mes was not disabled\n"
    assert json_lines(folder / "silenced.jsonl") == []
    [line] = [
        line
        for state in read_states(folder / "state/status", *_group_and_topic())
        for line in state.lines
    ]
    withheld = sum(n for name, n in line.counts.items() if name.startswith("withheld."))
    assert withheld > 0, line.counts


def test_every_section_is_followed_and_no_block_is_passed_over() -> None:
    assert re.findall(r"^## (.*)$", PAGE, re.MULTILINE) == list(PATHS)
    commands = [step.command for path in PATHS for step in steps(path) if step.command]
    assert PAGE.count("\n$ ") == len(commands)
    assert len(re.findall(SAVE, PAGE)) == sum(bool(s.file) for path in PATHS for s in steps(path))
