"""What a run over history amounts to: ``report.json`` for programs, a page for people.

Pure formatting: every figure comes from `models.figures` or from the counters handed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from andon.mistakes import plain
from andon.promised import promised
from andon.terminal import plain_json
from models.figures import Evaluation, Spread
from models.label_free import Expected, Waiting, expected
from models.member_worth import MemberWorth

REPORT_FILE = "report.json"
REPORT_MAJOR = 1

_GLOSSES = {
    "duplicate": "the same message again, ignored",
    "rework": "a station measured a part again, the newer values count",
    "stale": "a station's older values came after its newer ones, passed over",
    "late": "measured after the part's result, too late to score",
    "corrected": "a result that replaced an earlier one",
    "repeated": "a result that said nothing new",
    "orphan": "a result of a part that nothing had been measured of",
    "expired": "parts whose result never came",
}


@dataclass(frozen=True)
class RunReport:
    """All that a run has to say.

    ``overall`` and ``lines`` (by name) are the figures; ``events`` counts events by kind,
    ``alerts`` alerts by type, ``dead_letters`` records put aside by reason, ``journeys`` what was
    unusual about parts (duplicate, rework, late, corrected, orphan, expired). ``seconds`` is the
    wall time of the run, ``model`` the detector's name, ``settings`` the settings' fingerprint.
    ``waiting`` and ``lines_waiting`` (by name) are what the risks promise of the parts whose
    results have not come (`models.label_free`). ``members`` is what each member of a line's stack
    earned over the last 3,000 results.
    """

    overall: Evaluation
    lines: Mapping[str, Evaluation]
    seconds: float
    source: str
    model: str
    settings: str
    events: Mapping[str, int] = field(default_factory=dict)
    alerts: Mapping[str, int] = field(default_factory=dict)
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    journeys: Mapping[str, int] = field(default_factory=dict)
    waiting: Expected = field(default_factory=lambda: expected(Waiting.joined([]), 0.0))
    lines_waiting: Mapping[str, Expected] = field(default_factory=dict)
    members: Mapping[str, Sequence[MemberWorth]] = field(default_factory=dict)

    @property
    def events_per_second(self) -> float | None:
        """Events over wall time; None if no time passed."""
        return sum(self.events.values()) / self.seconds if self.seconds > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """The content of ``report.json``; only ``speed`` differs between runs of one history."""
        speed = self.events_per_second
        return {
            "v": REPORT_MAJOR,
            "source": self.source,
            "model": self.model,
            "settings": self.settings,
            "events": dict(self.events),
            "alerts": dict(self.alerts),
            "dead_letters": dict(self.dead_letters),
            "journeys": dict(self.journeys),
            "overall": self.overall.to_dict(),
            "lines": {name: line.to_dict() for name, line in self.lines.items()},
            "waiting": {
                "overall": self.waiting.to_dict(),
                "lines": {name: line.to_dict() for name, line in self.lines_waiting.items()},
            },
            "members": {
                name: [one._asdict() for one in found] for name, found in self.members.items()
            },
            "speed": {
                "seconds": round(self.seconds, 3),
                "events_per_second": None if speed is None else round(speed, 1),
            },
        }


def write_report(folder: Path, report: RunReport) -> Path:
    """Write ``report.json`` into ``folder``, made if need be; answers where it lies.

    The file appears whole or not at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / REPORT_FILE
    text = plain_json(
        json.dumps(report.to_dict(), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    )
    unfinished = path.with_suffix(".json.part")
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(path)
    return path


def summary(report: RunReport) -> str:
    """The run on one page: what was seen, how good the risk was, what the alarms were worth."""
    evaluation = report.overall
    sections = [
        ("What was seen", _seen(report)),
        ("How good the risk was, at a part's last risk before its result", _skill(evaluation)),
        (
            "How good it already was before, by how many of its events a part had behind it",
            _quarters(evaluation),
        ),
        ("What the alarms were worth", _alarms(evaluation)),
        (
            "What the risks promise by themselves, without any result",
            promised(evaluation, report.waiting),
        ),
    ]
    if len(report.lines) > 1:
        sections.append(("By line", _lines(report.lines)))
    if report.members:
        sections.append(
            ("What each member of the stack earned over its last results", _members(report.members))
        )
    return "\n\n".join(
        "\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in sections if lines
    )


def _seen(report: RunReport) -> list[str]:
    evaluation = report.overall
    speed = report.events_per_second
    pace = "" if speed is None else f", {_round(speed)} a second"
    lines = [
        f"{_counted(sum(report.events.values()), 'event')}{pace}{_listed(report.events)}",
        f"{_counted(evaluation.parts, 'part')} with a result on "
        f"{_counted(len(report.lines), 'line')}, "
        f"{evaluation.fails:,} of them failed ({_percent(evaluation.fails, evaluation.parts)})",
    ]
    if evaluation.without_risk:
        lines.append(
            f"{_counted(evaluation.without_risk, 'part')} got no risk, because too little had been "
            "learnt by then: left out below"
        )
    lines += [
        f"{name}: {count:,}" + (f" ({_GLOSSES[name]})" if name in _GLOSSES else "")
        for name, count in _present(report.journeys)
    ]
    letters = sum(report.dead_letters.values())
    if letters:
        lines.append(
            f"{_counted(letters, 'record')} could not be used and went to the dead letters"
            f"{_listed(report.dead_letters)}"
        )
    return lines


def _skill(evaluation: Evaluation) -> list[str]:
    last = evaluation.last
    if last.auc is None:
        return [
            f"not known: of {_counted(last.parts, 'part')} with a risk {last.fails:,} failed, "
            "and both kinds are needed"
        ]
    fail_rate = last.fails / last.parts
    rows = [
        (
            "ROC-AUC",
            f"{last.auc:.3f}{_interval(last.auc_interval)}",
            "how often a failed part was rated above a passed one; guessing 0.5",
        ),
        (
            "Average precision",
            f"{_decimal(last.ap)}{_interval(last.ap_interval)}",
            f"share of fails among flagged parts, over all thresholds; guessing {fail_rate:.3f}",
        ),
        (
            "Recall at budget",
            _decimal(last.recall_at_budget),
            f"share of all fails that the riskiest {_percent(evaluation.budget, 1)} of parts hold; "
            f"guessing {evaluation.budget:.3f}",
        ),
        (
            "Brier skill",
            _decimal(last.brier_skill),
            "1 is perfect, 0 no better than always naming the fail rate",
        ),
        (
            "Calibration slope",
            _decimal(last.calibration_slope),
            "1 is right, below 1 the risks are too bold, above 1 too timid",
        ),
        ("Mean risk", _decimal(last.mean_risk), f"to be compared with the fails, {fail_rate:.3f}"),
    ]
    lines = [f"{name:<19}{value:<25}{gloss}" for name, value, gloss in rows]
    if last.auc_interval or last.ap_interval:
        lines.append("(in brackets: where 95 of 100 resampled histories fall)")
    return lines


def _quarters(evaluation: Evaluation) -> list[str]:
    quarters = (evaluation.q1, evaluation.q2, evaluation.q3, evaluation.q4)
    if all(skill.auc is None for skill in quarters):
        return []
    return [
        f"{'behind it':<16}{'parts':>10}{'ROC-AUC':>10}{'av. prec.':>11}{'at budget':>11}",
        *(
            f"{share:<16}{skill.parts:>10,}{_decimal(skill.auc):>10}{_decimal(skill.ap):>11}"
            f"{_decimal(skill.recall_at_budget):>11}"
            for share, skill in zip(
                ("a quarter", "half", "three quarters", "all"), quarters, strict=True
            )
        ),
    ]


def _alarms(evaluation: Evaluation) -> list[str]:
    alarms, lead = evaluation.alarms, evaluation.lead
    fails = alarms.true_alarms + alarms.missed
    flagged = alarms.true_alarms + alarms.false_alarms
    parts = fails + alarms.false_alarms + alarms.left_alone
    if not parts:
        return ["no part had a risk, so none could be flagged"]
    lines = [
        f"{flagged:,} of {_counted(parts, 'part')} flagged before the result "
        f"({_percent(flagged, parts)}; the budget is {_percent(evaluation.budget, 1)})"
    ]
    if flagged:
        lines.append(
            f"right: {alarms.true_alarms:,} of {flagged:,} flagged parts failed "
            f"({_percent(alarms.true_alarms, flagged)}), {alarms.false_alarms:,} passed"
        )
    if fails:
        times = _times_chance(alarms.true_alarms / fails, flagged / parts)
        lines.append(
            f"caught: {alarms.true_alarms:,} of {_counted(fails, 'fail')} "
            f"({_percent(alarms.true_alarms, fails)}{times}), {alarms.missed:,} missed"
        )
    if alarms.mcc is not None:
        lines.append(
            f"MCC {alarms.mcc:.3f}: how far alarms and fails agree, 1 wholly, 0 as by chance"
        )
    if lead.stations is not None and lead.minutes is not None:
        lines.append(
            f"early: {_spread(lead.stations, 'station')} and {_spread(lead.minutes, 'minute')} "
            "before the result at the median of right alarms"
        )
    return lines


def _lines(lines: Mapping[str, Evaluation]) -> list[str]:
    named = {name: plain(name) for name in lines}
    width = max(len("line"), *map(len, named.values())) + 2
    head = f"{'line':<{width}}{'parts':>10}{'fails':>8}{'ROC-AUC':>10}{'av. prec.':>11}"
    return [
        f"{head}{'right':>8}{'caught':>8}",
        *(
            f"{named[name]:<{width}}{line.parts:>10,}{line.fails:>8,}{_decimal(line.last.auc):>10}"
            f"{_decimal(line.last.ap):>11}{_share(line.alarms.precision):>8}"
            f"{_share(line.alarms.recall):>8}"
            for name, line in sorted(lines.items())
        ),
    ]


def _members(lines: Mapping[str, Sequence[MemberWorth]]) -> list[str]:
    named = {name: plain(name) for name in lines}
    width = max(len("line"), *map(len, named.values())) + 2
    return [
        f"{'line':<{width}}{'member':<10}{'weight':>8}{'ROC-AUC':>10}{'earns':>10}",
        *(
            f"{named[name]:<{width}}{one.name:<10}{one.weight:>8.2f}{_decimal(one.roc_auc):>10}"
            f"{'-' if one.earns is None else f'{one.earns:+.4f}':>10}"
            for name, members in sorted(lines.items())
            for one in members
        ),
        "(earns: log loss a result that the stack without it would have had more; 0 or less: none)",
    ]


def _present(counts: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    return ((name, count) for name, count in sorted(counts.items()) if count)


def _listed(counts: Mapping[str, int]) -> str:
    text = ", ".join(f"{name} {count:,}" for name, count in _present(counts))
    return f": {text}" if text else ""


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _percent(part: float, whole: float) -> str:
    """Two figures of a share, so that small rates stay legible: 0.043 %, 2.1 %, 43 %."""
    if not whole:
        return "none"
    share = 100.0 * part / whole
    if share >= 9.95 or share == 0.0:
        return f"{share:.0f} %"
    return f"{share:.1f} %" if share >= 0.995 else f"{share:.2g} %"


def _share(value: float | None) -> str:
    return "-" if value is None else _percent(value, 1)


def _decimal(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _round(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _interval(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else f" ({bounds[0]:.3f} to {bounds[1]:.3f})"


def _times_chance(recall: float, flagged: float) -> str:
    return f", {_round(recall / flagged)} times what as many random alarms catch" if recall else ""


def _spread(spread: Spread, noun: str) -> str:
    middle = f"{_number(spread.median)} {noun}{'' if spread.median == 1 else 's'}"
    return f"{middle} (most {_number(spread.p10)} to {_number(spread.p90)})"


def _number(value: float) -> str:
    whole = value == round(value) or abs(value) >= 10
    return f"{value:,.0f}" if whole else f"{value:.1f}"
