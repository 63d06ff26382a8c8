"""A part's journey as a text for a person, in English or French."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from alerts.explanation import Explanation, MissingCell, Step
from alerts.wording import LANGUAGES
from alerts.wording_fr import COLON, NBSP
from alerts.words import Language, Words, plain

_SAID = 0.005  # log-odds; less moves nothing that a person could see
_INDENT = "    "


@dataclass(frozen=True)
class Labels:
    """What a journey's text needs besides the words of alerts."""

    part: str
    risk: str
    spread: str
    untrained: str
    again: str
    odds: str
    others: str
    learnt: str
    null: str
    dead: str
    kind: str
    limit: str
    at_risk: str
    cleared: str
    left_out: str
    skipped: str
    not_reached: str
    missing: str
    nothing: str
    outcomes: dict[str, str]
    no_result: str
    read_from: str


_ENGLISH = Labels(
    part="{line}: part {part}",
    risk="{risk} to fail",
    spread=" (with 90 %: {low} to {high})",
    untrained="no risk yet, as too little had been learnt",
    again=" (again)",
    odds="odds times {factor}",
    others="all other readings",
    learnt="what was learnt of other parts meanwhile",
    null="no reading: {count} ({names})",
    dead="no reading, as the sensor is dead: {count} ({names})",
    kind="a value of another kind, not used: {count} ({names})",
    limit="pinned at the sensor's limit: {count} ({names})",
    at_risk="ALARM, {severity}: from {threshold} on",
    cleared="alarm cleared",
    left_out="not spoken of by a visited station: {count} ({names})",
    skipped="stations passed by: {count} ({names})",
    not_reached="stations not reached: {count} ({names})",
    missing="Missing at the end:",
    nothing="nothing",
    outcomes={
        "fail": "Result, {at}: failed its test",
        "pass": "Result, {at}: passed its test",
        "untested": "Result, {at}: was not tested",
    },
    no_result="No result is known.",
    read_from="Read from offset {offset} on: what was learnt from the events before is missing, so "
    "these risks may differ from those that were told at the time.",
)
_FRENCH = Labels(
    part="{line}" + COLON + "pièce {part}",
    risk="{risk} de risque d'échec",
    spread=" (à 90" + NBSP + "%" + COLON + "de {low} à {high})",
    untrained="pas encore de risque, faute d'apprentissage suffisant",
    again=" (à nouveau)",
    odds="cote fois {factor}",
    others="toutes les autres mesures",
    learnt="ce que d'autres pièces ont appris entre-temps",
    null="aucune mesure" + COLON + "{count} ({names})",
    dead="aucune mesure, le capteur étant mort" + COLON + "{count} ({names})",
    kind="valeur d'un autre type, inutilisée" + COLON + "{count} ({names})",
    limit="en butée à la limite du capteur" + COLON + "{count} ({names})",
    at_risk="ALARME, {severity}" + COLON + "à partir de {threshold}",
    cleared="alarme levée",
    left_out="tues par un poste visité" + COLON + "{count} ({names})",
    skipped="postes évités" + COLON + "{count} ({names})",
    not_reached="postes non atteints" + COLON + "{count} ({names})",
    missing="Ce qui manque à la fin" + COLON.rstrip(),
    nothing="rien",
    outcomes={
        "fail": "Résultat, {at}" + COLON + "échec au test",
        "pass": "Résultat, {at}" + COLON + "test réussi",
        "untested": "Résultat, {at}" + COLON + "pièce non testée",
    },
    no_result="Aucun résultat n'est connu.",
    read_from="Lu à partir de la position {offset}" + COLON + "l'apprentissage des événements "
    "précédents manque, ces risques peuvent donc différer de ceux annoncés sur le moment.",
)
_LABELS: dict[Language, Labels] = {"en": _ENGLISH, "fr": _FRENCH}
_SEVERITIES: dict[Language, dict[str, str]] = {
    "en": {},
    "fr": {"low": "faible", "medium": "moyenne", "high": "élevée"},
}


def explanation_text(told: Explanation, language: Language = "en") -> str:
    """The journey station by station, what was missing at its end, and its result.

    >>> print(explanation_text(Explanation(line="A", part="P-7", model="linear", source="x",
    ...                                    steps=())))
    A: part P-7
    <BLANKLINE>
    Missing at the end:
        nothing
    No result is known.
    """
    return "\n".join(_lines(told, language))


def _lines(told: Explanation, language: Language) -> Iterator[str]:
    words, labels = LANGUAGES[language], _LABELS[language]
    yield labels.part.format(line=plain(told.line), part=plain(told.part))
    if told.read_from:
        yield labels.read_from.format(offset=told.read_from)
    for step in told.steps:
        yield ""
        yield _heading(step, words, labels)
        for line in _step(step, language, words, labels):
            yield _INDENT + line
    yield ""
    yield labels.missing
    lines = list(_missing(told, words, labels))
    for line in lines or [labels.nothing]:
        yield _INDENT + line
    if told.result is None:
        yield labels.no_result
    else:
        text = labels.outcomes[told.result.outcome].format(at=f"{told.result.at:%Y-%m-%d %H:%M}")
        why = [plain(each) for each in (told.result.test, told.result.reason) if each]
        yield text + (f" ({', '.join(why)})" if why else "")


def _heading(step: Step, words: Words, labels: Labels) -> str:
    station = plain(step.station) + (labels.again if step.again else "")
    said = labels.untrained
    if step.risk is not None and step.trained:
        said = labels.risk.format(risk=words.percent(step.risk))
        low, high = (words.percent(each) for each in step.interval or (step.risk, step.risk))
        if low != high:
            said += labels.spread.format(low=low, high=high)
    return f"{step.at:%Y-%m-%d %H:%M}  {station}  {said}"


def _step(step: Step, language: Language, words: Words, labels: Labels) -> Iterator[str]:
    moves = [(each.amount or 0.0, words.cell(each)) for each in step.moved]
    moves += [(step.others or 0.0, labels.others), (step.learnt or 0.0, labels.learnt)]
    for amount, said in moves:
        if abs(amount) >= _SAID:
            yield f"{labels.odds.format(factor=words.fixed(math.exp(amount), 2))}  {said}"
    yield from _cells((*step.dropped, *step.saturated), words, labels)
    if step.fragile:
        yield words.fragile(step.rests_on)
    for alert in step.alerts:
        if alert.type == "part.cleared":
            yield labels.cleared
        else:
            severity = _SEVERITIES[language].get(alert.severity, alert.severity)
            threshold = "?" if step.threshold is None else words.percent(step.threshold)
            yield labels.at_risk.format(severity=severity, threshold=threshold)


def _cells(cells: tuple[MissingCell, ...], words: Words, labels: Labels) -> Iterator[str]:
    for why, label in (
        ("null", labels.null),
        ("dead", labels.dead),
        ("kind", labels.kind),
        ("limit", labels.limit),
    ):
        found = [cell for cell in cells if cell.why == why]
        if found:
            yield label.format(count=len(found), names=words.names(found))


def _missing(told: Explanation, words: Words, labels: Labels) -> Iterator[str]:
    missing = told.missing
    yield from _cells((*missing.dropped, *missing.saturated), words, labels)
    for label, names in (
        (labels.left_out, [words.name(cell) for cell in missing.left_out]),
        (labels.skipped, [plain(name) for name in missing.skipped]),
        (labels.not_reached, [plain(name) for name in missing.not_reached]),
    ):
        if names:
            yield label.format(count=len(names), names=words.listed(names))
