"""French, with its spaces: a no-break one before a colon and %, a narrow one before a semicolon."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.alert import Alert, Cell, Reason
from alerts.words import Words, plain

NBSP, NARROW = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"
COLON = f"{NBSP}: "
_TITLES = {"part.at_risk": "est à risque", "part.cleared": "n'est plus à risque"}


def quoted(text: str) -> str:
    """Text between French quotation marks.

    >>> quoted("8722").replace(NBSP, "~")
    '«~8722~»'
    """
    return f"«{NBSP}{text}{NBSP}»"


class French(Words):
    """
    >>> French().number(0.00123), French().percent(0.031).replace(NBSP, "~")
    ('0,00123', '3,1~%')
    """

    decimal = ","
    thousands = NARROW
    before_percent = NBSP
    colon = COLON
    semicolon = f"{NARROW}; "
    alarm_cleared = "alarme levée"

    def name(self, cell: Cell | Reason) -> str:
        return f"{quoted(plain(cell.feature))} à {plain(cell.station)}"

    def subject(self, alert: Alert) -> str:
        said = _TITLES.get(alert.type, alert.type)
        subject = f"la pièce {plain(alert.part)} {said}" if alert.part else said
        where = f" après {plain(alert.station)}" if alert.station else ""
        return f"{plain(alert.line)}{COLON}{subject}{where}"

    def to_fail(self, risk: float) -> str:
        return f", avec {self.percent(risk)} de risque d'échec"

    def alarm_from(self, threshold: float) -> str:
        return f" (alarme à partir de {self.percent(threshold)})"

    def share(self, share: float) -> str:
        return f", {self.percent(share)} de ce risque"

    def measured(self, name: str, value: str) -> str:
        return f"{name} vaut {value}"

    def pinned(self, name: str, value: str) -> str:
        return f"{name} est en butée à la limite du capteur, {value}"

    def distance(self, sigma: float, usual: str) -> str:
        side = "au-dessus" if sigma >= 0 else "au-dessous"
        # The plural begins at two.
        unit = "écarts-types" if abs(sigma) >= 1.95 else "écart-type"
        figure = self.fixed(abs(sigma), 1)
        return f", soit {figure} {unit} {side} de sa valeur habituelle de {usual}"

    def truth(self, name: str, value: bool, expected: float | None) -> str:
        usual = "" if expected is None else f" (oui pour {self.percent(expected)} des pièces)"
        return f"{name} vaut {'oui' if value else 'non'}{usual}"

    def category(self, name: str, value: str | None) -> str:
        if value is None:
            return f"{name} porte un nom encore inconnu"
        return f"{name} vaut {quoted(value)}"

    def dropped(self, name: str, filled: str | None) -> str:
        counted = "" if filled is None else f" et compte pour {filled}"
        return f"{name} n'a donné aucune mesure{counted}"

    def passed_by(self, station: str) -> str:
        return f"la pièce n'est pas passée par {station}"

    def ahead(self, station: str) -> str:
        return f"ce qu'on attend de {station}, où la pièce passera encore"

    def reached(self, station: str) -> str:
        return f"ce qu'on attendait de {station} ne compte plus"

    def fragile(self, cells: Sequence[Cell]) -> str:
        names = f"{COLON}{self.names(cells)}" if cells else ""
        return f"verdict fragile, qui repose sur des mesures imputées{names}"

    def and_more(self, count: int) -> str:
        return f" et {count} de plus"
