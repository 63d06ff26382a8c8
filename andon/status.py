"""How it goes: lines, lag and endpoints, as another process can see them.

The lag comes from the log, the endpoints from the outbox, the lines from what their workers write
down (`andon.state_file`). What cannot be seen from here is None, and said to be unknown.
"""

from __future__ import annotations

import time
from typing import Any

from alerts.outbox import Outbox, OutboxError
from andon.build import opened_log
from andon.line_state import LineState
from andon.settings import Settings
from andon.state_file import PartitionState, read_states
from stream.errors import LogError
from stream.log import Log, TopicPartition


def status(settings: Settings, now: float | None = None) -> dict[str, Any]:
    """What is known, as plain values; ``now`` in seconds since 1970."""
    now = time.time() if now is None else now
    states = read_states(settings.monitoring.state, settings.worker.group, settings.topics.events)
    lag, log_problem = _lag(settings)
    endpoints, outbox_problem = _endpoints(settings)
    return {
        "lines": [line for state in states for line in _lines(state, settings, now)],
        "lag": lag,
        "endpoints": endpoints,
        "problems": [problem for problem in (log_problem, outbox_problem) if problem],
    }


def _lines(state: PartitionState, settings: Settings, now: float) -> list[dict[str, Any]]:
    age = max(now - state.written_at, 0.0)
    told = []
    for line in state.lines:
        figures = line.figures
        told.append(
            {
                "line": line.name,
                "partition": state.partition,
                "trained": line.trained,
                "results_learnt": line.results_learnt,
                "fails_learnt": line.fails_learnt,
                "window": line.window_results,
                "window_fails": line.window_fails,
                "threshold": line.threshold,
                "alarm_rate": line.alarm_rate,
                "budget": line.budget,
                "open_parts": line.open_journeys,
                "model_age_s": line.model_age,
                "parts": None if figures is None else figures.parts,
                "average_precision": None if figures is None else figures.average_precision,
                "roc_auc": None if figures is None else figures.roc_auc,
                "brier_skill": None if figures is None else figures.brier_skill,
                "last_checkpoint": _checkpoint(state, line, now),
                "age_s": round(age, 1),
                "current": age < max(30.0, 4 * settings.monitoring.interval_s),
                "worker": f"{state.host}:{state.pid}",
            }
        )
    return told


def _checkpoint(state: PartitionState, line: LineState, now: float) -> dict[str, Any] | None:
    """The partition's last checkpoint; without one what the line began from; None for nothing."""
    last = state.checkpoint
    if last is not None:
        return {
            "kind": "checkpoint",
            "results_learnt": None,
            "next_offset": last.next_offset,
            "path": None,
            "bytes": last.size or None,
            "written_at": round(last.written_at, 3),
            "age_s": round(max(now - last.written_at, 0.0), 1),
        }
    began = line.last_checkpoint
    if began is None:
        return None
    file = began.file
    return {
        "kind": began.kind,
        "results_learnt": began.results_learnt,
        "next_offset": None,
        "path": None if file is None else file.path,
        "bytes": None if file is None else file.size,
        "written_at": None if file is None else round(file.written_at, 3),
        "age_s": None if file is None else round(max(now - file.written_at, 0.0), 1),
    }


def _lag(settings: Settings) -> tuple[list[dict[str, Any]], str]:
    if settings.log.kind == "local" and not settings.log.path.exists():
        return [], f"log: there is none yet at {settings.log.path}"
    groups = (
        (settings.worker.group, settings.topics.events),
        (settings.notifier.group, settings.topics.alerts),
    )
    try:
        with opened_log(settings) as event_log:
            told = [_group_lag(event_log, group, topic) for group, topic in groups]
    except LogError as error:
        return [], f"log: {error}"
    return [row for rows in told for row in rows], ""


def _group_lag(event_log: Log, group: str, topic: str) -> list[dict[str, Any]]:
    stored = event_log.stored_offsets(group, topic)
    told = []
    for number in range(event_log.partitions(topic)):
        at = TopicPartition(topic, number)
        begin, end, offset = event_log.begin(at), event_log.end(at), stored.get(at)
        told.append(
            {
                "group": group,
                "topic": topic,
                "partition": number,
                "next_offset": offset,
                "end": end,
                # A group that has stored nothing begins at the first retained record.
                "lag": max(end - max(begin, offset or 0), 0),
            }
        )
    return told


def _endpoints(settings: Settings) -> tuple[list[dict[str, Any]], str]:
    path = settings.notifier.outbox
    named = [endpoint.name for endpoint in settings.endpoints]
    depth: dict[str, dict[str, int]] = {}
    disabled: dict[str, str] = {}
    problem = ""
    if path.exists():
        try:
            with Outbox(path) as outbox:
                depth, disabled = outbox.depth(), outbox.disabled()
        except OutboxError as error:
            problem = str(error)
    elif named:
        problem = f"outbox: there is none yet at {path}"
    seen = path.exists() and not problem
    return [
        {
            "endpoint": name,
            "configured": name in named,
            "pending": depth.get(name, {}).get("pending", 0) if seen else None,
            "exhausted": depth.get(name, {}).get("exhausted", 0) if seen else None,
            "disabled": name in disabled if seen else None,
            "reason": disabled.get(name, ""),
        }
        for name in sorted({*named, *depth, *disabled})
    ], problem
