"""A line's own alarms in French (`alerts.line_wording`)."""

from __future__ import annotations

_SENTENCES = {
    (
        "line.drift",
        "level_moved",
    ): "{station} dérive : {feature} vaut maintenant environ {value}, "
    "à {sigma} écarts {side} de sa valeur habituelle {expected}{more}",
    (
        "line.drift",
        "levels_moved",
    ): "toute la ligne dérive : {count} autres postes à la fois",
    (
        "line.drift",
        "risk_level",
    ): "le risque des pièces a changé : {value} maintenant, {expected} d'habitude",
    ("line.drift", "new_station"): "{station} est un nouveau poste",
    (
        "line.drift",
        "new_feature",
    ): "{station} mesure quelque chose de nouveau : {feature}{more}",
    (
        "station.silent",
        "no_report",
    ): "{station} se tait : {count} pièces auraient dû être "
    "signalées depuis ses dernières nouvelles",
    (
        "sensor.dead",
        "no_reading",
    ): "{feature} à {station} est mort : aucune mesure {count} fois de suite{more}",
    (
        "sensor.dead",
        "constant",
    ): "{feature} à {station} est mort : la même valeur {count} fois de suite{more}",
    ("sensor.saturated", "at_limit"): "{feature} à {station} est en butée à sa limite, {count} "
    "fois de suite{more}",
    (
        "detector.degraded",
        "skill_lost",
    ): "le détecteur distingue moins bien : ROC-AUC {value}, {expected} auparavant",
    ("detector.degraded", "fails_beyond_risk"): "plus de pièces échouent que prévu par le "
    "détecteur : {value} d'entre elles, {expected} attendues",
    (
        "detector.degraded",
        "results_overdue",
    ): "les résultats d'essai tardent : aucun pour les {count} dernières pièces",
    (
        "line.risk_surge",
        "alarm_rate_above_budget",
    ): "bien plus d'alarmes que prévu au budget : {count} pièces",
    (
        "alarm.flood",
        "alarms_above_limit",
    ): "trop d'alarmes à la fois ({count} pièces) : les "
    "alarmes de pièces sont retenues jusqu'à la fin",
    (
        "alarm.cleared",
        "level_steady",
    ): "{station} ne dérive plus : son niveau est stable",
    ("alarm.cleared", "product_change"): "alarme levée : le produit a changé",
    ("alarm.cleared", "usual_by_now"): "ce qui était nouveau à {station} est désormais habituel",
    ("alarm.cleared", "reports_again"): "{station} donne de nouveau des nouvelles",
    ("alarm.cleared", "taken_as_removed"): "{station} se tait depuis si longtemps que le poste "
    "est tenu pour retiré",
    ("alarm.cleared", "reading_again"): "{station} a de nouveau ses mesures",
    ("alarm.cleared", "within_limits"): "{station} n'est plus en butée",
    ("alarm.cleared", "skill_settled"): "le détecteur est de nouveau stable",
    ("alarm.cleared", "results_again"): "les résultats d'essai reviennent",
    ("alarm.cleared", "rate_normal"): "les alarmes sont de nouveau dans le budget",
    ("alarm.cleared", "flood_over"): "les alarmes de pièces sont de nouveau annoncées",
}

# A colon never begins a line.
SENTENCES = {key: text.replace(" :", "\N{NO-BREAK SPACE}:") for key, text in _SENTENCES.items()}
THE_LINE = "la ligne"
ABOVE, BELOW, MORE = "au-dessus", "au-dessous", " (et d'autres du poste)"
