"""Every alarm of a line has its sentence."""

from __future__ import annotations

from string import Formatter

import pytest

from alerts import line_wording_fr
from alerts.alert import Affected, Alert, Reason
from alerts.line_wording_en import SENTENCES
from alerts.wording import headline
from alerts.words import Language
from stream.testing import at

DRIFTED = Reason(
    station="S", feature="temp", value=12.5, expected=11.0, sigma=-1.5, contribution=1.0
)


def said(kind: str, reason: str, language: Language = "en", **fields: object) -> str:
    known = {
        "id": "1",
        "type": kind,
        "alarm": "1",
        "line": "A",
        "station": "S",
        "at": at(0),
        "severity": "low",
        "reason": reason,
        "reasons": (DRIFTED,),
        "affected": Affected(count=37, what="readings"),
    }
    return headline(Alert(**{**known, **fields}), language)  # type: ignore[arg-type]


def fields_of(sentence: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(sentence) if field}


@pytest.mark.parametrize(("kind", "reason"), SENTENCES)
def test_each_sentence_names_what_it_has_room_for(kind: str, reason: str) -> None:
    sentence = said(kind, reason)
    assert sentence.startswith("A: ")
    assert "{" not in sentence
    for field, text in {"count": "37", "feature": "temp", "value": "12.5"}.items():
        assert (text in sentence) == (field in fields_of(SENTENCES[kind, reason]))


def test_the_same_is_said_in_french() -> None:
    assert line_wording_fr.SENTENCES.keys() == SENTENCES.keys()
    for key, sentence in SENTENCES.items():
        assert fields_of(line_wording_fr.SENTENCES[key]) == fields_of(sentence)


def test_french_numbers_have_a_comma_and_signs_a_space_before_them() -> None:
    drifted = said("line.drift", "level_moved", language="fr").replace("\N{NO-BREAK SPACE}", "~")
    assert drifted == (
        "A~: S dérive~: temp vaut maintenant environ 12,5, à 1,5 écarts au-dessous de sa valeur "
        "habituelle 11"
    )


def test_a_drift_says_where_to_and_how_far() -> None:
    assert said("line.drift", "level_moved") == (
        "A: S drifts: temp is now about 12.5, 1.5 spreads below its usual 11"
    )


def test_names_from_the_plant_can_forge_no_line_on_a_terminal() -> None:
    assert "\x1b" not in said("station.silent", "no_report", station="S\x1b[31m{count}")
