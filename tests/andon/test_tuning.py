"""Settings chosen by history: on its first part, judged once on the rest, and gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copy

import pytest

from andon.replay import as_records
from andon.trials import Trials
from andon.tuning import Search, candidates, spans, tuned
from models.detector import DetectorSettings
from producers.families import family
from producers.simulator import SimulatedLine
from stream.errors import ConfigError
from stream.line import LineSettings
from stream.log import Record
from stream.task import TaskSettings

EVENTS = list(SimulatedLine(family("linear", features=60), 3, remember=0).events(2_400))
RECORDS = list(as_records(EVENTS, "andon.events", 4))

TASK = TaskSettings(line=LineSettings(detector=DetectorSettings(min_fails=3, min_passes=20)))
SEARCH = Search(trials=2)


class Source:
    """Gives the records again and again, the last time cut off after so many."""

    def __init__(self, cut_in: int | None = None) -> None:
        self.cut_in = cut_in
        self.opened = 0

    @contextmanager
    def __call__(self, told: str) -> Iterator[list[Record]]:
        self.opened += 1
        yield RECORDS[:200] if self.opened == self.cut_in else RECORDS


def tune(path: Path, source: Source):
    trials = Trials(path, {"seed": SEARCH.seed})
    return tuned(TASK, 4, len(RECORDS), source, trials, SEARCH)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("tune") / "trials.jsonl"
    return tune(path, Source()), path


def test_what_is_chosen_is_judged_on_later_parts_alone(whole):
    found, path = whole
    results = sum(event.type == "result" for event in EVENTS[spans(len(RECORDS))[2].first :])
    judged = found.figures["present"].parts + found.left_out
    assert judged == results
    assert found.figures["chosen"].parts == found.figures["present"].parts
    spans_of = [json.loads(line)["span"] for line in path.read_text().splitlines()[1:]]
    assert set(spans_of) == {"first half", "choosing", "judging"}


def test_a_search_that_was_stopped_goes_on_to_the_same_answer(whole, tmp_path):
    path = tmp_path / "trials.jsonl"
    assert tune(path, Source(cut_in=2)) is None
    with path.open("a") as file:
        file.write('{"span": "half a li')
    again = Source()
    assert tune(path, again).to_dict() == whole[0].to_dict()
    assert path.read_text() == whole[1].read_text()
    finished = Source()
    assert tune(path, finished).to_dict() == whole[0].to_dict()
    assert finished.opened == 0


def test_trials_made_otherwise_are_refused_with_what_differs(whole):
    with pytest.raises(ConfigError, match=r"made otherwise \(seed differs\): name another file"):
        Trials(whole[1], {"seed": 1})


def test_another_measure_takes_the_trials_that_are_finished(whole, tmp_path):
    path = tmp_path / "trials.jsonl"
    copy(whole[1], path)
    source = Source()
    trials = Trials(path, {"seed": SEARCH.seed})
    found = tuned(TASK, 4, len(RECORDS), source, trials, replace(SEARCH, by="auc"))
    assert found.by == "auc"
    # Only a choice that is another one is left to judge.
    assert source.opened == (dict(found.chosen) != dict(whole[0].chosen))


def test_a_history_without_fails_cannot_choose_and_says_so_after_one_trial(tmp_path):
    source = Source()
    with pytest.raises(ConfigError, match=r"too few fails .*results, \d+ of them fails\): give a "):
        tuned(TASK, 4, 300, source, Trials(tmp_path / "t.jsonl", {}), SEARCH)
    assert source.opened == 1


def test_the_choice_of_candidates_follows_the_seed_and_begins_with_the_present_settings():
    now = DetectorSettings()
    first = candidates(now, Search(trials=8, seed=1))
    assert first[0] == {}
    assert first == candidates(now, Search(trials=8, seed=1))
    assert first != candidates(now, Search(trials=8, seed=2))
    assert len({json.dumps(one) for one in first}) == 8
    assert not [one for one in first if "members" in one and one.get("model") != "stack"]


def test_the_fragment_is_toml_of_what_differs(whole):
    import tomllib

    found, _ = whole
    table = tomllib.loads(found.toml)
    assert table.get("detector", {}) == dict(found.chosen)
    assert found.better or "nothing to change" in found.told() or "as good" in found.told()
