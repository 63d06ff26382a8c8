"""`andon.status` as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from andon.mistakes import plain
from andon.text_table import table_text

UNKNOWN = "unknown"


def status_text(told: dict[str, Any]) -> str:
    """The status as tables; what is not known is called so.

    >>> print(status_text({"lines": [], "lag": [], "endpoints": [], "problems": ["log: away"]}))
    Lines: unknown: no worker has written down any on this machine
    Lag: unknown
    Endpoints: none
    log: away
    """
    parts = [_lines(told["lines"]), _lag(told["lag"]), _endpoints(told["endpoints"])]
    return "\n".join([*parts, *(plain(problem, len(problem)) for problem in told["problems"])])


def _lines(lines: Sequence[dict[str, Any]]) -> str:
    if not lines:
        return "Lines: unknown: no worker has written down any on this machine"
    head = ["LINE", "TRAINED", "LEARNT", "FAILS", "WINDOW", "FAILS", "ALARM FROM", "ALARMS",
            "BUDGET", "AP", "AUC", "BRIER SKILL", "PARTS", "MODEL AGE", "LAST CHECKPOINT",
            "AS OF"]  # fmt: skip
    rows = [
        [
            line["line"],
            "yes" if line["trained"] else "not yet",
            f"{line['results_learnt']:,}",
            f"{line['fails_learnt']:,}",
            f"{line['window']:,}",
            f"{line['window_fails']:,}",
            _share(line["threshold"]),
            _share(line["alarm_rate"]),
            _share(line["budget"]),
            _figure(line["average_precision"], line["parts"]),
            _figure(line["roc_auc"], line["parts"]),
            _figure(line["brier_skill"], line["parts"]),
            UNKNOWN if line["parts"] is None else f"{line['parts']:,}",
            UNKNOWN if line["model_age_s"] is None else _time(line["model_age_s"]),
            _checkpoint(line["last_checkpoint"]),
            f"{_time(line['age_s'])} ago" + ("" if line["current"] else ", no longer renewed"),
        ]
        for line in lines
    ]
    return table_text(head, rows)


def _checkpoint(began: dict[str, Any] | None) -> str:
    """What a line comes back to, or, without checkpoints, what it began from.

    >>> _checkpoint(None)
    'none'
    >>> _checkpoint({"kind": "trained", "results_learnt": 2340, "path": "a.ckpt", "age_s": 7200})
    'trained on 2,340 results, a.ckpt of 2 h ago'
    >>> _checkpoint({"kind": "checkpoint", "next_offset": 5000, "age_s": 12.0})
    '12 s ago, at 5,000'
    """
    if began is None:
        return "none"
    if began["kind"] == "checkpoint":
        return f"{_time(began['age_s'])} ago, at {began['next_offset']:,}"
    told = f"{began['kind']} on {began['results_learnt']:,} results"
    if began["path"] is None:
        return told
    return f"{told}, {began['path']} of {_time(began['age_s'])} ago"


def _lag(lag: Sequence[dict[str, Any]]) -> str:
    if not lag:
        return "Lag: unknown"
    rows = [
        [
            row["group"],
            f"{row['topic']}[{row['partition']}]",
            "none stored" if row["next_offset"] is None else f"{row['next_offset']:,}",
            f"{row['end']:,}",
            f"{row['lag']:,}",
        ]
        for row in lag
    ]
    return table_text(["GROUP", "PARTITION", "NEXT OFFSET", "END", "LAG"], rows)


def _endpoints(endpoints: Sequence[dict[str, Any]]) -> str:
    if not endpoints:
        return "Endpoints: none"
    rows = [
        [
            row["endpoint"] + ("" if row["configured"] else " (not in the settings)"),
            UNKNOWN if row["pending"] is None else f"{row['pending']:,}",
            UNKNOWN if row["exhausted"] is None else f"{row['exhausted']:,}",
            UNKNOWN if row["disabled"] is None else (row["reason"] or "no"),
        ]
        for row in endpoints
    ]
    return table_text(["ENDPOINT", "PENDING", "EXHAUSTED", "DISABLED"], rows)


def _share(value: float | None) -> str:
    return "none yet" if value is None else f"{100 * value:.1f} %"


def _figure(value: float | None, parts: int | None) -> str:
    if parts is None:
        return UNKNOWN
    return "none yet" if value is None else f"{value:.3f}"


def _time(seconds: float) -> str:
    """A span in its largest fitting unit.

    >>> _time(4.2), _time(300), _time(7200), _time(200_000)
    ('4 s', '5 min', '2 h', '2 d')
    """
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= (2 if unit == "d" else 1) * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
