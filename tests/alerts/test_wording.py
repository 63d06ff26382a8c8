"""The words of an alert, for every kind of reason, and safe to print."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Cell, Reason
from alerts.wording import headline, plain, sentence
from stream.testing import at


def alert(**fields: Any) -> Alert:
    known = {
        "id": "1",
        "type": "part.at_risk",
        "alarm": "1",
        "line": "A",
        "part": "P-7",
        "station": "press",
        "at": at(0),
        "risk": 0.031,
        "threshold": 0.02,
        "severity": "low",
        "reason": "risk_above_threshold",
    }
    return Alert(**{**known, **fields})


def reason(**fields: Any) -> Reason:
    return Reason(**{"station": "S", "feature": "f", "contribution": 0.62, **fields})


REASONS = {
    "above": (
        reason(value=14.2, expected=12.3, sigma=3.1, spread=0.61, direction="above"),
        "f at S is 14.2, 3.1 sigma above its usual 12.3, 62 % of this risk",
        "« f » à S vaut 14,2, soit 3,1 écarts-types au-dessus de sa valeur habituelle de 12,3, "
        "62 % de ce risque",
    ),
    "below": (
        reason(value=0.5, expected=1.25, sigma=-1.4, direction="below", contribution=0.04),
        "f at S is 0.5, 1.4 sigma below its usual 1.25, 4.0 % of this risk",
        "« f » à S vaut 0,5, soit 1,4 écart-type au-dessous de sa valeur habituelle de 1,25, "
        "4,0 % de ce risque",
    ),
    "a small spread": (
        reason(value=62.004, expected=61.998, sigma=3, spread=0.002, direction="above"),
        "f at S is 62.004, 3.0 sigma above its usual 61.998, 62 % of this risk",
        "« f » à S vaut 62,004, soit 3,0 écarts-types au-dessus de sa valeur habituelle de "
        "61,998, 62 % de ce risque",
    ),
    "large numbers": (
        reason(value=12345.6, expected=11000.0, sigma=2.0, spread=673.0, direction="above"),
        "f at S is 12,346, 2.0 sigma above its usual 11,000, 62 % of this risk",
        "« f » à S vaut 12_346, soit 2,0 écarts-types au-dessus de sa valeur habituelle de "
        "11_000, 62 % de ce risque",
    ),
    "no spread known": (
        reason(value=2.5, direction="above"),
        "f at S is 2.5, 62 % of this risk",
        "« f » à S vaut 2,5, 62 % de ce risque",
    ),
    "dropped": (
        reason(direction="dropped"),
        "f at S gave no reading, 62 % of this risk",
        "« f » à S n'a donné aucune mesure, 62 % de ce risque",
    ),
    "imputed": (
        reason(direction="dropped", imputed=True, filled=14.25, spread=0.6),
        "f at S gave no reading and counts as 14.25, 62 % of this risk",
        "« f » à S n'a donné aucune mesure et compte pour 14,25, 62 % de ce risque",
    ),
    "saturated": (
        reason(value=3.0, expected=1.8, sigma=4.8, direction="saturated"),
        "f at S is pinned at its sensor's limit 3, 4.8 sigma above its usual 1.8, 62 % of this "
        "risk",
        "« f » à S est en butée à la limite du capteur, 3, soit 4,8 écarts-types au-dessus de sa "
        "valeur habituelle de 1,8, 62 % de ce risque",
    ),
    "a category": (
        reason(value="8722", direction="category"),
        "f at S is 8722, 62 % of this risk",
        "« f » à S vaut « 8722 », 62 % de ce risque",
    ),
    "an unknown category": (
        reason(value=None, direction="category"),
        "f at S is a name not known yet, 62 % of this risk",
        "« f » à S porte un nom encore inconnu, 62 % de ce risque",
    ),
    "no": (
        reason(value=False, expected=0.97, sigma=-5.7, direction="below"),
        "f at S is no; yes on 97 % of recent parts, 62 % of this risk",
        "« f » à S vaut non (oui pour 97 % des pièces), 62 % de ce risque",
    ),
    "passed by": (
        reason(feature="", direction="passed_by"),
        "S was passed by, 62 % of this risk",
        "la pièce n'est pas passée par S, 62 % de ce risque",
    ),
    "ahead": (
        reason(feature="", direction="ahead", imputed=True),
        "what is expected of S, which lies ahead, 62 % of this risk",
        "ce qu'on attend de S, où la pièce passera encore, 62 % de ce risque",
    ),
    "reached": (
        reason(feature="", direction="reached"),
        "what was expected of S no longer counts, 62 % of this risk",
        "ce qu'on attendait de S ne compte plus, 62 % de ce risque",
    ),
    "an alert of before, above": (
        reason(value=2.5, expected=1.0, sigma=3.1),
        "f at S is 2.5, 3.1 sigma above its usual 1, 62 % of this risk",
        "« f » à S vaut 2,5, soit 3,1 écarts-types au-dessus de sa valeur habituelle de 1, "
        "62 % de ce risque",
    ),
    "an alert of before, dropped": (
        reason(),
        "f at S gave no reading, 62 % of this risk",
        "« f » à S n'a donné aucune mesure, 62 % de ce risque",
    ),
    "an alert of before, a name": (
        reason(value="8722"),
        "f at S is 8722, 62 % of this risk",
        "« f » à S vaut « 8722 », 62 % de ce risque",
    ),
    "an alert of before, passed by": (
        reason(feature=""),
        "S was passed by, 62 % of this risk",
        "la pièce n'est pas passée par S, 62 % de ce risque",
    ),
}


def ordinary(text: str) -> str:
    """French with plain spaces, and a mark where digits are grouped."""
    return re.sub(r"(?<=\d)\N{NARROW NO-BREAK SPACE}(?=\d)", "_", text).translate(
        {ord("\N{NO-BREAK SPACE}"): " ", ord("\N{NARROW NO-BREAK SPACE}"): " "}
    )


@pytest.mark.parametrize("kind", REASONS, ids=list(REASONS))
def test_every_kind_of_reason_has_its_words_in_both_languages(kind: str) -> None:
    reason, english, french = REASONS[kind]
    assert sentence(reason) == english
    assert ordinary(sentence(reason, "fr")) == french


WHOLE = alert(
    risk=0.31,
    threshold=0.1,
    fragile=True,
    rests_on=(Cell(station="S", feature="f"), Cell(station="T", feature="g")),
    reasons=(reason(value=14.2, expected=12.3, sigma=3.1, spread=0.61, direction="above"),),
)


def test_an_alert_in_english() -> None:
    assert headline(WHOLE) == (
        "A: part P-7 is at risk after press: 31 % to fail (alarm from 10 %); f at S is 14.2, 3.1 "
        "sigma above its usual 12.3, 62 % of this risk; fragile, as it rests on imputed readings: "
        "f at S, g at T"
    )


def test_an_alert_in_french_with_its_spaces() -> None:
    text = headline(WHOLE, "fr")
    assert ordinary(text) == (
        "A : la pièce P-7 est à risque après press, avec 31 % de risque d'échec (alarme à partir "
        "de 10 %) ; « f » à S vaut 14,2, soit 3,1 écarts-types au-dessus de sa valeur habituelle "
        "de 12,3, 62 % de ce risque ; verdict fragile, qui repose sur des mesures imputées : "
        "« f » à S, « g » à T"
    )
    for before, marks in (("\N{NO-BREAK SPACE}", ":%»"), ("\N{NARROW NO-BREAK SPACE}", ";")):
        places = [at for at, character in enumerate(text) if character in marks]
        assert places
        assert {text[at - 1] for at in places} == {before}
    assert "«\N{NO-BREAK SPACE}" in text


def test_a_cleared_alarm_in_both_languages() -> None:
    cleared = alert(type="part.cleared", reason="risk_below_deadband", fragile=True)
    assert headline(cleared) == (
        "A: part P-7 is no longer at risk after press: 3.1 % to fail; alarm cleared"
    )
    assert ordinary(headline(cleared, "fr")) == (
        "A : la pièce P-7 n'est plus à risque après press, avec 3,1 % de risque d'échec ; alarme "
        "levée"
    )


def test_a_fragile_verdict_of_many_imputed_readings_names_the_first() -> None:
    many = tuple(Cell(station="S", feature=f"f{i}") for i in range(8))
    assert headline(alert(fragile=True, rests_on=many)).endswith("f4 at S and 3 more")
    assert headline(alert(fragile=True, rests_on=many), "fr").endswith("et 3 de plus")
    assert headline(alert(fragile=True)).endswith("; fragile, as it rests on imputed readings")


def test_small_risks_keep_a_digit() -> None:
    assert "3.1 % to fail (alarm from 2.0 %)" in headline(alert())


def test_an_alert_of_a_type_not_known_here_still_has_a_headline() -> None:
    text = headline(alert(type="line.drift", part=None, station=None, risk=None))
    assert text == "A: line.drift"
    drift = alert(type="line.drift", part=None, station=None, risk=None)
    assert ordinary(headline(drift, "fr")) == "A : line.drift"


@given(st.text(max_size=40))
def test_no_name_can_forge_a_line(name: str) -> None:
    assert plain(name).isprintable() or not plain(name)


def test_names_from_the_plant_are_made_plain_everywhere() -> None:
    hostile = "x\x1b[2J\n"
    reason = Reason(station=hostile, feature=hostile, value=hostile, contribution=1)
    hostile_alert = alert(line=hostile, part=hostile, station=hostile, reasons=(reason,))
    text = headline(hostile_alert)
    assert text.isprintable()
    assert ordinary(headline(hostile_alert, "fr")).isprintable()
