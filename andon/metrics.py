"""The metrics: one table of every name, from which the instruments and docs/metrics.md are made.

Names follow Prometheus' conventions: base units, ``_total`` for counters. Labels are bounded: lines
by `LineLabels`, everything else by the code or by the settings; no label ever holds a part.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

# The time at which each counter began would double the number of series.
disable_created_metrics()  # type: ignore[no-untyped-call]

LABELLED_LINES = 200
OTHER = "other"

ALERT_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
PAUSE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ATTEMPT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)

Kind = Literal["counter", "gauge", "histogram"]
WORKER, NOTIFIER, PRODUCER = "watch", "notify", "simulate, produce, ingest"
READERS, EVERY = "watch, notify", "every long-running command"


class Metric(NamedTuple):
    """One row of the table; ``by`` says which commands serve it."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    by: str
    buckets: tuple[float, ...] = ()


METRICS = (
    Metric("andon_build_info", "gauge", ("version", "command"), "always 1; which andon this is",
           EVERY),
    Metric("andon_heartbeat_age_seconds", "gauge", (), "time since the loop last turned", EVERY),
    Metric("andon_ready", "gauge", (), "1 when /readyz says so, else 0", EVERY),
    Metric("andon_lag_records", "gauge", ("group", "topic", "partition"),
           "records of the partition that the group has not read: its end less the next offset",
           READERS),
    Metric("andon_rebuild_records", "gauge", ("partition",),
           "records until the partition's state is what it was before the worker took it over",
           WORKER),
    Metric("andon_tasks_discarded_total", "counter", (),
           "times that all state was thrown away because the log was lost in mid-work", WORKER),
    Metric("andon_checkpoints_total", "counter", ("outcome",),
           "checkpoints, by outcome: written, failed (disk or cluster), refused (damaged, passed "
           "over for the one before), left (no time, to the next owner's replay)", WORKER),
    Metric("andon_checkpoint_age_seconds", "gauge", ("partition",),
           "time since the partition's last checkpoint", WORKER),
    Metric("andon_checkpoint_bytes", "gauge", ("partition",),
           "size of the state in the partition's last checkpoint", WORKER),
    Metric("andon_checkpoint_written_bytes_total", "counter", (),
           "bytes that checkpoints have written: of a state only what has changed", WORKER),
    Metric("andon_checkpoint_pause_seconds", "histogram", (),
           "time that a partition stood still for its checkpoint", WORKER, PAUSE_SECONDS),
    Metric("andon_events_total", "counter", ("line", "kind", "taken_as"),
           "events in the line's state, those read again by a rebuild included; kind is the "
           "event's type, taken_as what it was to the line, such as first, rework, duplicate, "
           "late; result, corrected, orphan", WORKER),
    Metric("andon_values_wrong_kind_total", "counter", ("line",),
           "values of another kind than their feature's, taken as dropped", WORKER),
    Metric("andon_values_left_out_total", "counter", ("line",),
           "values beyond the 20,000 features or 1,000 stations that the detector keeps of a line",
           WORKER),
    Metric("andon_parts_expired_total", "counter", ("line",),
           "parts given up without a result", WORKER),
    Metric("andon_parts_evicted_total", "counter", ("line",),
           "those of them given up for the bound on open parts: limits.open_parts", WORKER),
    Metric("andon_risks_collapsed_total", "counter", ("line",),
           "scored events of parts beyond the 4,096 whose risks are kept one by one: the part's "
           "last risk takes the place of the one before", WORKER),
    Metric("andon_outcomes_forgotten_total", "counter", ("line",),
           "outcomes no longer kept for corrections, for the bound on them: limits.kept_outcomes",
           WORKER),
    Metric("andon_dead_letters_total", "counter", ("stage", "reason"),
           "records put aside, by the stage that refused them and why", WORKER),
    Metric("andon_alerts_total", "counter", ("line", "type", "severity"),
           "alerts published by this process", WORKER),
    Metric("andon_alerts_withheld_total", "counter", ("line", "reason"),
           "alerts not raised, because shelved by a person, suppressed by the plant or withheld in "
           "a flood, those of a rebuild included", WORKER),
    Metric("andon_alert_latency_seconds", "histogram", (),
           "time from the append of an event to its alert being acknowledged by the log", WORKER,
           ALERT_SECONDS),
    Metric("andon_lines", "gauge", (), "lines that this worker holds", WORKER),
    Metric("andon_lines_unlabelled", "gauge", (),
           f"lines beyond the first {LABELLED_LINES}, counted together as line=\"{OTHER}\" and "
           "without the metrics that cannot be added up", WORKER),
    Metric("andon_open_journeys", "gauge", ("line",), "parts that wait for their result", WORKER),
    Metric("andon_kept_outcomes", "gauge", ("line",), "outcomes remembered for corrections",
           WORKER),
    Metric("andon_event_time_seconds", "gauge", ("line",),
           "the line's event time, in seconds since 1970", WORKER),
    Metric("andon_detector_trained", "gauge", ("line",), "1 when the line gets risks, else 0",
           WORKER),
    Metric("andon_results_learnt_total", "counter", ("line", "outcome"),
           "results that the detector has learnt, by pass and fail", WORKER),
    Metric("andon_model_age_seconds", "gauge", ("line",),
           "event time since the newest result that was learnt", WORKER),
    Metric("andon_window_results", "gauge", ("line",), "results in the answering model's window",
           WORKER),
    Metric("andon_window_fails", "gauge", ("line",), "fails among them", WORKER),
    Metric("andon_alarm_threshold", "gauge", ("line",), "the risk from which an alert is raised",
           WORKER),
    Metric("andon_alarm_rate", "gauge", ("line",),
           "share of the recent 1,000 scored parts that an alarm was raised for", WORKER),
    Metric("andon_alarm_budget", "gauge", ("line",), "the share that may be: alerts.budget",
           WORKER),
    Metric("andon_skill_parts", "gauge", ("line",),
           "recent tested parts with a risk, at most 20,000, on which the three below rest",
           WORKER),
    Metric("andon_skill_average_precision", "gauge", ("line",),
           "average precision of the last risk before the result; guessing earns the fail rate",
           WORKER),
    Metric("andon_skill_roc_auc", "gauge", ("line",),
           "chance that a failed part had a higher last risk than a passed one; guessing earns 0.5",
           WORKER),
    Metric("andon_skill_brier", "gauge", ("line",),
           "Brier skill of the last risk; always saying the fail rate earns 0, less is worse",
           WORKER),
    Metric("andon_member_weight", "gauge", ("line", "member"),
           "a member's share of what moves the log-odds, 0 to 1; of the stack only", WORKER),
    Metric("andon_member_roc_auc", "gauge", ("line", "member"),
           "ROC-AUC of a member's own margin over the last 3,000 results with a risk", WORKER),
    Metric("andon_member_earns", "gauge", ("line", "member"),
           "log loss a result, in nats, that the stack without the member would have more over "
           "the last 3,000; 0 or less: it does not earn its time, see detector.members", WORKER),
    Metric("andon_outbox_alerts", "gauge", ("endpoint", "state"),
           "alerts that wait for an attempt (pending) or were given up (exhausted)", NOTIFIER),
    Metric("andon_endpoint_disabled", "gauge", ("endpoint",),
           "1 when the receiver said that it is gone for good, else 0", NOTIFIER),
    Metric("andon_delivery_attempts_total", "counter", ("endpoint", "outcome"),
           "attempts, by outcome: delivered, retry, disabled, exhausted", NOTIFIER),
    Metric("andon_delivery_attempt_seconds", "histogram", ("endpoint",),
           "time that an attempt took", NOTIFIER, ATTEMPT_SECONDS),
    Metric("andon_produced_events_total", "counter", ("kind",),
           "events handed to the log or file, by type", PRODUCER),
    Metric("andon_input_unusable_total", "counter", (),
           "cells, rows or messages of the input that could not be used", PRODUCER),
    Metric("andon_visits_cut_total", "counter", (),
           "visits of a part to a station that were told before they were over, for the bounds on "
           "gathered readings: limits.gathered_bytes for all, 1,000 readings and the limits of an "
           "event for one", PRODUCER),
)  # fmt: skip

PROCESS = (
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
)
"""What `prometheus_client.ProcessCollector` adds on Linux."""

_BY_NAME = {metric.name: metric for metric in METRICS}


def counter(name: str, registry: CollectorRegistry) -> Counter:
    """The counter of that name, registered.

    >>> registry = CollectorRegistry()
    >>> counter("andon_produced_events_total", registry).labels("tick").inc()
    >>> registry.get_sample_value("andon_produced_events_total", {"kind": "tick"})
    1.0
    """
    metric = _BY_NAME[name]
    return Counter(name, metric.meaning, metric.labels, registry=registry)


def histogram(name: str, registry: CollectorRegistry) -> Histogram:
    """The histogram of that name, registered."""
    metric = _BY_NAME[name]
    return Histogram(name, metric.meaning, metric.labels, registry=registry, buckets=metric.buckets)


def family(name: str) -> GaugeMetricFamily | CounterMetricFamily:
    """An empty family of that name, for a collector to fill."""
    metric = _BY_NAME[name]
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(name, metric.meaning, labels=metric.labels)


class LineLabels:
    """The label of each line: its name for the first lines met, then "other" for all the rest.

    A line keeps its label as long as the process lives, so that no series changes its meaning.

    >>> labels = LineLabels(2)
    >>> labels.meet(["body-B", "body-A", "body-C"])
    >>> [labels.of(name) for name in ("body-A", "body-B", "body-C")]
    ['body-A', 'body-B', 'other']
    """

    def __init__(self, most: int = LABELLED_LINES) -> None:
        self._most = most
        self._known: set[str] = set()

    def meet(self, lines: Iterable[str]) -> None:
        """These lines are here now."""
        for name in sorted(lines):
            # A line that is called "other" would be mixed up with those beyond the bound.
            if len(self._known) < self._most and name != OTHER:
                self._known.add(name)

    def of(self, line: str) -> str:
        """The label."""
        return line if line in self._known else OTHER


def metrics_reference() -> str:
    """A Markdown table of all metrics.

    >>> metrics_reference().splitlines()[2].split(" | ")[:2]
    ['| `andon_build_info`', 'gauge']
    """
    rows = ["| Metric | Kind | Labels | Meaning | Served by |", "| --- | --- | --- | --- | --- |"]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
        rows.append(
            f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} | {metric.by} |"
        )
    rows += ["", "Of the process itself, on Linux: " + ", ".join(f"`{n}`" for n in PROCESS) + "."]
    return "\n".join(rows) + "\n"
