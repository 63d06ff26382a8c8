"""An alert in the words of the shop floor, the same for every channel, in English or French."""

from __future__ import annotations

from alerts.alert import Alert, Reason
from alerts.line_wording import line_sentence
from alerts.wording_en import English
from alerts.wording_fr import French
from alerts.words import Language, Words
from alerts.words import plain as plain

LANGUAGES: dict[Language, Words] = {"en": English(), "fr": French()}


def headline(alert: Alert, language: Language = "en") -> str:
    """One line for a person.

    >>> from datetime import UTC, datetime
    >>> print(headline(Alert(id="1", type="part.at_risk", alarm="1", line="body-A", part="P-7",
    ...     station="press", at=datetime(2026, 1, 5, tzinfo=UTC), risk=0.31, threshold=0.1,
    ...     severity="high", reason="risk_above_threshold", reasons=(Reason(station="press",
    ...     feature="torque", value=14.2, expected=11.0, sigma=3.1, contribution=0.62),))))
    body-A: part P-7 is at risk after press: 31 % to fail (alarm from 10 %); torque at press is \
14.2, 3.1 sigma above its usual 11, 62 % of this risk
    """
    words = LANGUAGES[language]
    of_line = line_sentence(alert, words, language)
    if of_line is not None:
        return f"{plain(alert.line)}{words.colon}{of_line}"
    return words.headline(alert)


def sentence(reason: Reason, language: Language = "en") -> str:
    """What one cell shows, and its share of the risk.

    >>> sentence(Reason(station="L3", feature="mold", value="8722", contribution=0.4))
    'mold at L3 is 8722, 40 % of this risk'
    """
    return LANGUAGES[language].reason(reason)
