"""A part's journey told in words, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.alert import Cell, Evidence, Reason
from alerts.explanation import AlertNote, Explanation, Missing, MissingCell, Outcome, Step
from alerts.telling import explanation_text
from stream.testing import at

TORQUE = Reason(
    station="press", feature="torque", value=14.2, expected=12.3, sigma=3.1, contribution=0.8,
    spread=0.61, direction="above", amount=0.7,
)  # fmt: skip
REACHED = Reason(station="press", feature="", direction="reached", contribution=0.1, amount=-0.1)


def step(station: str, minutes: float, **fields: Any) -> Step:
    return Step(**{"at": at(minutes), "station": station, "trained": True,
                   "evidence": Evidence(), **fields})  # fmt: skip


STORY = Explanation(
    line="A",
    part="P-7",
    model="linear",
    source="x.jsonl",
    steps=(
        step("press", 0, trained=False),
        step(
            "press",
            1,
            again=True,
            risk=0.31,
            interval=(0.2, 0.44),
            threshold=0.25,
            fragile=True,
            rests_on=(Cell(station="press", feature="heat"),),
            moved=(TORQUE, REACHED),
            others=0.02,
            learnt=0.001,
            dropped=(MissingCell(station="press", feature="heat", why="null"),),
            saturated=(MissingCell(station="press", feature="force", why="limit"),),
            alerts=(
                AlertNote(id="1", type="part.at_risk", severity="medium", reason="r"),
                AlertNote(id="2", type="part.cleared", severity="low", reason="r"),
            ),
        ),
    ),
    missing=Missing(
        dropped=(MissingCell(station="press", feature="heat", why="kind"),),
        left_out=(Cell(station="press", feature="zone"),),
        skipped=("wash", "weld"),
        not_reached=("oven",),
    ),
    result=Outcome(at=at(90), outcome="fail", test="EOL-2", reason="leak"),
)

ENGLISH = """\
A: part P-7

2026-01-05 00:00  press  no risk yet, as too little had been learnt

2026-01-05 00:01  press (again)  31 % to fail (with 90 %: 20 % to 44 %)
    odds times 2.01  torque at press is 14.2, 3.1 sigma above its usual 12.3
    odds times 0.90  what was expected of press no longer counts
    odds times 1.02  all other readings
    no reading: 1 (heat at press)
    pinned at the sensor's limit: 1 (force at press)
    fragile, as it rests on imputed readings: heat at press
    ALARM, medium: from 25 % on
    alarm cleared

Missing at the end:
    a value of another kind, not used: 1 (heat at press)
    not spoken of by a visited station: 1 (zone at press)
    stations passed by: 2 (wash, weld)
    stations not reached: 1 (oven)
Result, 2026-01-05 01:30: failed its test (EOL-2, leak)"""

FRENCH = """\
A : pièce P-7

2026-01-05 00:00  press  pas encore de risque, faute d'apprentissage suffisant

2026-01-05 00:01  press (à nouveau)  31 % de risque d'échec (à 90 % : de 20 % à 44 %)
    cote fois 2,01  « torque » à press vaut 14,2, soit 3,1 écarts-types au-dessus de sa valeur \
habituelle de 12,3
    cote fois 0,90  ce qu'on attendait de press ne compte plus
    cote fois 1,02  toutes les autres mesures
    aucune mesure : 1 (« heat » à press)
    en butée à la limite du capteur : 1 (« force » à press)
    verdict fragile, qui repose sur des mesures imputées : « heat » à press
    ALARME, moyenne : à partir de 25 %
    alarme levée

Ce qui manque à la fin :
    valeur d'un autre type, inutilisée : 1 (« heat » à press)
    tues par un poste visité : 1 (« zone » à press)
    postes évités : 2 (wash, weld)
    postes non atteints : 1 (oven)
Résultat, 2026-01-05 01:30 : échec au test (EOL-2, leak)"""


def test_a_journey_in_english() -> None:
    assert explanation_text(STORY) == ENGLISH


def test_a_journey_in_french_with_no_break_before_its_signs() -> None:
    text = explanation_text(STORY, "fr")
    assert text.replace("\N{NO-BREAK SPACE}", " ") == FRENCH
    assert {text[i - 1] for i, c in enumerate(text) if c in "%»"} == {"\N{NO-BREAK SPACE}"}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_names_from_the_plant_forge_no_line(language: Any) -> None:
    hostile = "x\x1b[2J\n"
    story = STORY.model_copy(
        update={
            "line": hostile,
            "part": hostile,
            "steps": (step(hostile, 0, moved=(TORQUE.model_copy(update={"station": hostile}),)),),
            "missing": Missing(skipped=(hostile,), left_out=(Cell(station=hostile, feature="f"),)),
            "result": Outcome(at=at(1), outcome="pass", reason=hostile),
        }
    )
    assert "\x1b" not in explanation_text(story, language)
    assert len(explanation_text(story, language).splitlines()) == 9
