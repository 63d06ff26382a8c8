"""A line's own alarms in the words of the shop floor: one table a language, a sentence a reason.

The fields in braces are filled from the alert: ``station``, ``count`` (of ``affected``), and of the
first reason ``feature``, ``value``, ``expected``, ``sigma`` (without its sign) and ``side``.
"""

from __future__ import annotations

from types import ModuleType

from alerts import line_wording_en, line_wording_fr
from alerts.alert import Alert
from alerts.words import Language, Words, plain

TABLES: dict[Language, ModuleType] = {"en": line_wording_en, "fr": line_wording_fr}


def line_sentence(alert: Alert, words: Words, language: Language = "en") -> str | None:
    """What a line's alert says; None for an alert about a part.

    >>> from datetime import UTC, datetime
    >>> from alerts.wording_fr import French
    >>> silent = Alert(id="1", type="station.silent", alarm="1", line="A", station="L3",
    ...     at=datetime(2026, 1, 5, tzinfo=UTC), severity="high", reason="no_report",
    ...     affected={"count": 20, "what": "expected_visits"})
    >>> line_sentence(silent, French(), "fr").replace("\N{NO-BREAK SPACE}", " ")
    'L3 se tait : 20 pièces auraient dû être signalées depuis ses dernières nouvelles'
    """
    table = TABLES[language]
    sentence: str | None = table.SENTENCES.get((alert.type, alert.reason))
    if sentence is None:
        return None
    first = alert.reasons[0] if alert.reasons else None
    sigma = 0.0 if first is None or first.sigma is None else first.sigma
    return sentence.format(
        station=plain(alert.station) or table.THE_LINE,
        count=0 if alert.affected is None else alert.affected.count,
        feature="" if first is None else plain(first.feature),
        value=_number(None if first is None else first.value, words),
        expected=_number(None if first is None else first.expected, words),
        sigma=words.fixed(abs(sigma), 1),
        side=table.BELOW if sigma < 0 else table.ABOVE,
        more=table.MORE if len(alert.reasons) > 1 else "",
    )


def _number(value: float | bool | str | None, words: Words) -> str:
    return words.number(value) if isinstance(value, float) else plain(str(value))
