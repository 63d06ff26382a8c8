"""Pictures of lines as metrics: one series a line, and one together for those beyond the bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from prometheus_client.core import Metric

from andon.line_state import LineState
from andon.metrics import OTHER, LineLabels, family

_KINDS = ("measurement", "result", "feedback", "control", "tick")


def line_families(lines: Sequence[LineState] | None, labels: LineLabels) -> list[Metric]:
    """All metrics of these lines, without any value if the lines are not known yet.

    >>> [family.name for family in line_families([], LineLabels())][:2]
    ['andon_lines', 'andon_lines_unlabelled']
    """
    held, unlabelled = family("andon_lines"), family("andon_lines_unlabelled")
    if lines is not None:
        held.add_metric([], len(lines))
        unlabelled.add_metric([], sum(labels.of(line.name) == OTHER for line in lines))
    known = lines or ()
    return [held, unlabelled, *_added_up(known, labels), *_of_each(known, labels)]


def _added_up(lines: Sequence[LineState], labels: LineLabels) -> list[Metric]:
    """What lines beyond the bound have together."""
    sums: dict[str, Counter[tuple[str, ...]]] = {
        name: Counter()
        for name in (
            "andon_events_total",
            "andon_values_wrong_kind_total",
            "andon_values_left_out_total",
            "andon_parts_expired_total",
            "andon_parts_evicted_total",
            "andon_outcomes_forgotten_total",
            "andon_risks_collapsed_total",
            "andon_alerts_withheld_total",
            "andon_open_journeys",
            "andon_kept_outcomes",
            "andon_results_learnt_total",
        )
    }
    for line in lines:
        label = labels.of(line.name)
        for key, count in line.counts.items():
            kind, _, taken_as = key.partition(".")
            if kind in _KINDS:
                sums["andon_events_total"][label, kind, taken_as or kind] += count
            elif kind == "withheld":
                sums["andon_alerts_withheld_total"][label, taken_as] += count
        sums["andon_values_wrong_kind_total"][label,] += line.counts.get("value.wrong_kind", 0)
        sums["andon_values_left_out_total"][label,] += line.left_out
        sums["andon_parts_expired_total"][label,] += line.counts.get("part.expired", 0)
        sums["andon_parts_evicted_total"][label,] += line.evicted
        sums["andon_outcomes_forgotten_total"][label,] += line.forgotten
        sums["andon_risks_collapsed_total"][label,] += line.counts.get("risk.collapsed", 0)
        sums["andon_open_journeys"][label,] += line.open_journeys
        sums["andon_kept_outcomes"][label,] += line.kept_outcomes
        sums["andon_results_learnt_total"][label, "fail"] += line.fails_learnt
        sums["andon_results_learnt_total"][label, "pass"] += line.passes_learnt
    told: list[Metric] = []
    for name, values in sums.items():
        metric = family(name)
        for label_values, value in sorted(values.items()):
            metric.add_metric(list(label_values), value)
        told.append(metric)
    return told


def _of_each(lines: Sequence[LineState], labels: LineLabels) -> list[Metric]:
    """What cannot be added up, for lines with a label of their own; nothing where unknown."""
    told = {
        name: family(name)
        for name in (
            "andon_event_time_seconds",
            "andon_detector_trained",
            "andon_model_age_seconds",
            "andon_window_results",
            "andon_window_fails",
            "andon_alarm_threshold",
            "andon_alarm_rate",
            "andon_alarm_budget",
            "andon_skill_parts",
            "andon_skill_average_precision",
            "andon_skill_roc_auc",
            "andon_skill_brier",
            "andon_member_weight",
            "andon_member_roc_auc",
            "andon_member_earns",
        )
    }
    for line in lines:
        if labels.of(line.name) == OTHER:
            continue
        figures = line.figures
        values = {
            "andon_event_time_seconds": line.event_time,
            "andon_detector_trained": float(line.trained),
            "andon_model_age_seconds": line.model_age,
            "andon_window_results": line.window_results,
            "andon_window_fails": line.window_fails,
            "andon_alarm_threshold": line.threshold,
            "andon_alarm_rate": line.alarm_rate,
            "andon_alarm_budget": line.budget,
            "andon_skill_parts": None if figures is None else figures.parts,
            "andon_skill_average_precision": None if figures is None else figures.average_precision,
            "andon_skill_roc_auc": None if figures is None else figures.roc_auc,
            "andon_skill_brier": None if figures is None else figures.brier_skill,
        }
        for name, value in values.items():
            if value is not None:
                told[name].add_metric([line.name], value)
        for member in () if figures is None else figures.members:
            of_member = {
                "andon_member_weight": member.weight,
                "andon_member_roc_auc": member.roc_auc,
                "andon_member_earns": member.earns,
            }
            for name, value in of_member.items():
                if value is not None:
                    told[name].add_metric([line.name, member.name], value)
    return [*told.values()]
