"""The command line as a user meets it: what each command does, says and ends with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Commands

from alerts.receiver import Receiver
from andon import services
from producers.event_file import write_events
from producers.families import family
from producers.simulator import SimulatedLine
from stream.local import LocalLog
from stream.log import TopicSpec

MAPS = Path(__file__).parents[2] / "docs" / "maps"
PLANT_MAP = Path(__file__).parents[2] / "deploy" / "compose" / "plant.toml"
SECRET = "whsec_" + "QUJD" * 8


def endpoints(url: str) -> str:
    return f"""
[topics]
partitions = 1
[[endpoints]]
name = "mes"
url = "{url}"
allow_http = true
allow_networks = ["127.0.0.1=127.0.0.1/32"]
allow_ports = [{url.rpartition(":")[2].partition("/")[0]}]
secrets_env = ["ANDON_SECRET_MES"]
"""


def simulate(andon: Commands, name: str, parts: int) -> None:
    assert andon("simulate", "--parts", str(parts), "--out", name).code == 0


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of events in which there is something to warn of."""
    path = tmp_path_factory.mktemp("history") / "line.jsonl.gz"
    write_events(path, SimulatedLine(family("demo"), seed=1).events(parts=1200))
    return path


# -- the way of an alert ---------------------------------------------------------------------------


def test_a_line_is_watched_from_its_events_to_a_webhook(
    andon: Commands, folder: Path, told: Path
) -> None:
    with Receiver([SECRET]) as receiver:
        (folder / "andon.toml").write_text(endpoints(receiver.url))
        produced = andon("produce", told, "--json")
        watched = andon("watch", "--until-end", "--json")
        alerts = [json.loads(line) for line in watched.out.splitlines()]
        delivered = andon("notify", "--drain", "60", "--json", ANDON_SECRET_MES=SECRET)
        received = {one.id for one in receiver.received}
        listed = andon("endpoints", "list", "--json")
    assert produced.json["bad"] == 0
    assert produced.json["events"] > 1200
    assert alerts
    assert (delivered.code, delivered.json) == (0, {"pending": 0})
    assert received == {alert["id"] for alert in alerts}
    assert listed.json[0]["delivered"] == len(alerts)


def test_a_replay_raises_the_alerts_that_watching_the_log_raises(
    andon: Commands, folder: Path, told: Path
) -> None:
    replayed = andon("replay", told, "--out", "out", "--json")
    andon("produce", told)
    watched = andon("watch", "--until-end", "--json")
    assert watched.out == (folder / "out" / "alerts.jsonl").read_text()
    assert replayed.json == json.loads((folder / "out" / "report.json").read_text())


def test_an_alert_is_told_once_however_often_the_log_is_watched(
    andon: Commands, told: Path
) -> None:
    andon("produce", told)
    first = andon("watch", "--until-end")
    assert "is at risk after" in first.out
    assert andon("watch", "--until-end").out == ""
    french = {"ANDON_ALERTS__LANGUAGE": "fr", "ANDON_WORKER__GROUP": "another"}
    again = andon("watch", "--until-end", **french)
    assert again.out.count("est à risque après") == first.out.count("is at risk after")


def test_quiet_watching_prints_nothing_and_leaves_the_alerts_on_the_log(
    andon: Commands, folder: Path, told: Path
) -> None:
    with Receiver([SECRET]) as receiver:
        url = receiver.url  # nobody listens there from here on
    (folder / "andon.toml").write_text(endpoints(url))
    andon("produce", told)
    assert andon("watch", "--until-end", "--quiet").out == ""
    done = andon("notify", "--drain", "1", ANDON_SECRET_MES=SECRET)
    assert done.code == 1
    assert "alerts wait for a later attempt" in done.out


def test_a_simulated_plant_speaks_in_its_own_words_for_ingest_to_read(andon: Commands) -> None:
    told = andon("simulate", "--plant", "plant", "--parts", "5", "--json").json
    assert told["to"] == "plant.measurements and plant.results"
    read = andon("ingest", "--map", PLANT_MAP, "--until-end", "--json").json
    assert read["records"] == told["events"] > 40
    assert (read["events"] - read["ticks"], read["dead_letters"]) == (read["records"], 0)


def test_topics_of_other_names_are_created_once_and_on_request(andon: Commands) -> None:
    create = ("topics", "create", "--also", "plant.a", "--also", "andon.events", "--json")
    assert andon(*create).json["created"][-1] == "plant.a"
    assert andon(*create).json == {"created": []}


# -- results that a script can read ----------------------------------------------------------------


def test_every_result_is_json_on_request(andon: Commands) -> None:
    assert andon("simulate", "--parts", "5", "-o", "a.jsonl", "--json").json["line"] == "gearbox-A"
    assert andon("produce", "a.jsonl", "--json").json["to"] == "andon.events"
    assert andon("topics", "create", "--json").json == {"created": []}
    assert andon("check-config", "--json").json["alerts"]["budget"] == 0.05
    assert andon("schema", "--out", "schemas", "--json").json["written"][0].endswith(".json")
    assert andon("endpoints", "list", "--json").json == []
    assert andon("endpoints", "list", "--exhausted", "--json").json == []
    assert andon("replay", "a.jsonl", "--json").json["overall"]


def test_a_report_says_where_what_could_not_be_used_is_listed(
    andon: Commands, folder: Path
) -> None:
    simulate(andon, "good.jsonl", parts=5)
    with (folder / "good.jsonl").open("a") as file:
        file.write("not JSON\n")
    done = andon("replay", "good.jsonl", "--out", "out")
    assert "1 cells or rows could not be used: out/bad.jsonl" in done.out
    assert json.loads((folder / "out" / "bad.jsonl").read_text())["place"].startswith("good.jsonl")


def test_the_version_is_told(andon: Commands) -> None:
    assert andon("--version").out.startswith("andon ")


def test_without_arguments_there_is_help(andon: Commands) -> None:
    done = andon()
    assert done.code == 2
    assert "Commands" in done.out + done.err


def test_the_settings_are_shown_without_secrets(andon: Commands, folder: Path) -> None:
    (folder / "andon.toml").write_text(endpoints("http://127.0.0.1:8080/token-in-a-path"))
    done = andon("check-config", ANDON_SECRET_MES=SECRET)
    assert done.out.endswith("The settings are sound.\n")
    assert 'name = "mes"' in done.out
    assert "token" not in done.out
    assert SECRET not in done.out


# -- mistakes --------------------------------------------------------------------------------------

MISTAKES = [
    ("simulate --family nope --parts 5", "family is 'nope': choose one of demo"),
    ("simulate --family linear --features 7 --parts 5", "features is 7: it must be at least 24"),
    ("simulate --parts 5 --out x.txt", "--out x.txt: end its name in .jsonl"),
    ("simulate --parts 5 --speed 0 --out x.jsonl", "speed is 0.0: give a positive number"),
    ("simulate --parts 5 --line= --out x.jsonl", '--line is "": give 1 to 256'),
    ("simulate --parts 5 --out there/is/x.jsonl/y.jsonl", "there/is/x.jsonl"),
    ("simulate --parts 5 --plant p --out x.jsonl", "--plant and --out are both given"),
    ("simulate --parts 5 --plant a/b", '--plant is "a/b.measurements": give a topic\'s name'),
    ("simulate --parts 5 --plant p -c plant.toml", "'p.results' is one of andon's own"),
    ("topics create --also a/b", '--also is "a/b": give a topic\'s name'),
    ("produce missing.jsonl", "missing.jsonl cannot be opened"),
    ("produce missing.csv", "is a table, which needs --map"),
    ("replay missing.csv --map no.toml", "no.toml: the map cannot be read"),
    ("replay table.csv --map bad.toml", "bad.toml"),
    ("replay table.csv --map {maps}/diecasting.toml", "part.column names column 'id'"),
    ("replay missing.csv --map {maps}/diecasting.toml", "missing.csv: no such file"),
    ("replay table.csv events.jsonl", "SOURCE mixes files"),
    ("replay events.jsonl --map bad.toml", "leave --map out"),
    ("replay empty.jsonl", "empty.jsonl: no event could be read: give another"),
    ("replay garbage.jsonl", "no event could be read (1 could not be used: out/bad.jsonl)"),
    ("replay events.jsonl --model nope", 'detector.model is "nope"'),
    ("replay events.jsonl --budget 7", "alerts.budget is 7.0"),
    ("replay events.jsonl --out events.jsonl", "events.jsonl"),
    ("check-config --config missing.toml", "missing.toml: the settings file cannot be read"),
    ("schema --out events.jsonl", "events.jsonl: File exists"),
    ("notify --drain 1", "endpoints: there is none to deliver to: add a table [[endpoints]]"),
    ("notify --config secretless.toml", "environment variable ANDON_SECRET_MES is not set"),
    ("check-config --config secretless.toml", "ANDON_SECRET_MES is not set"),
    ("endpoints enable nobody", "endpoint nobody is in neither the settings nor the outbox"),
    ("endpoints requeue mess -c secretless.toml", "did you mean mes?"),
    ("watch --config junklog.toml", "events.jsonl cannot be used as a log"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=[case[0] for case in MISTAKES])
def test_a_mistake_is_one_line_that_names_it(
    andon: Commands, folder: Path, arguments: str, said: str
) -> None:
    simulate(andon, "events.jsonl", parts=5)
    (folder / "there" / "is").mkdir(parents=True)
    (folder / "there" / "is" / "x.jsonl").write_text("a file, no folder")
    (folder / "table.csv").write_text("a,b\n1,2\n")
    (folder / "bad.toml").write_text("[[")
    (folder / "empty.jsonl").write_text("\n\n")
    (folder / "garbage.jsonl").write_text("garbage\n")
    (folder / "secretless.toml").write_text(endpoints("http://127.0.0.1:8080/"))
    (folder / "plant.toml").write_text('[topics]\nalerts = "p.results"\n')
    (folder / "junklog.toml").write_text('[log]\npath = "events.jsonl"\n')
    done = andon(*arguments.format(maps=MAPS).split())
    assert done.code == 2
    assert [line for line in done.said if said in line] == done.said != []
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    "arguments",
    ["nonsense", "simulate --features 0", "produce", "demo --seconds 1", "watch --nonsense"],
)
def test_a_wrong_argument_points_at_the_help(andon: Commands, arguments: str) -> None:
    done = andon(*arguments.split())
    assert done.code == 2
    assert "--help" in done.err
    assert "Traceback" not in done.err


def test_a_log_of_another_shape_ends_with_three(andon: Commands, folder: Path) -> None:
    path = folder / "state" / "andon.sqlite"
    path.parent.mkdir()
    log = LocalLog(path)
    log.create_topics([TopicSpec("andon.events", 2)])
    log.close()
    done = andon("watch", "--until-end")
    assert done.code == 3
    assert "has 2 partitions, 4 are wanted" in done.said[0]


def test_an_outbox_that_cannot_be_used_ends_with_one(andon: Commands, folder: Path) -> None:
    (folder / "andon.toml").write_text(endpoints("http://127.0.0.1:8080/"))
    (folder / "junk").write_text("no database, and long enough to be told from an empty one")
    done = andon("notify", "--drain", "1", ANDON_NOTIFIER__OUTBOX="junk", ANDON_SECRET_MES=SECRET)
    assert done.code == 1
    assert done.said[0].startswith("andon: notifier.outbox: outbox junk cannot be used")
    assert "Traceback" not in done.err


def test_a_defect_of_ours_is_one_line_for_people_and_a_whole_one_for_the_log(
    andon: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(services, "check", broken)
    done = andon("check-config")
    assert done.code == 1
    [logged, said] = done.err.splitlines()
    assert said.startswith(r"andon: RuntimeError: two\nlines: this is a defect of andon")
    assert json.loads(logged)["event"] == "andon.defect"
    assert "in broken" in json.loads(logged)["exception"]
