"""Dead letters by reason, and what became of them, as text and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from andon.dead_letter_events import Left, Made
from andon.dead_letter_replay import Summary
from andon.dead_letters import Reason, short
from andon.mistakes import plain
from andon.text_table import table_text
from producers.source_place import Place

_WIDEST = 200


def listing_text(reasons: Sequence[Reason], foreign: int = 0) -> str:
    """The table of reasons.

    >>> reason = Reason("not_json", "decode", "shots", "no", 2, 1000, 61000, examples=["0:3"])
    >>> print(listing_text([reason]))
    COUNT  REASON    STAGE   FROM   FIRST                 LAST                  SUCH AS
    2      not_json  decode  shots  1970-01-01T00:00:01Z  1970-01-01T00:01:01Z  0:3
    2 dead letters
    """
    counts_replayed = any(one.replayed is not None for one in reasons)
    head = ["COUNT", "REPLAYED", "REASON", "STAGE", "FROM", "FIRST", "LAST", "SUCH AS"]
    rows = []
    for one in reasons:
        said = one.to_dict()
        times = [said[name].partition(".")[0].rstrip("Z") + "Z" for name in ("first", "last")]
        count, replayed = f"{one.count:,}", f"{one.replayed or 0:,}"
        rows.append([count, replayed, one.error, one.stage, one.topic, *times])
        rows[-1].append(" ".join(one.examples))
    if not counts_replayed:
        del head[1]
        for row in rows:
            del row[1]
    text = table_text(head, rows) if rows else ""
    text += f"{sum(one.count for one in reasons):,} dead letters"
    if foreign:
        text += f"\n{foreign:,} records carry no reason of andon's and are left out"
    return text


def summary_text(summary: Summary, events: str, dry_run: bool = False) -> str:
    """What became of the letters, and for each reason the first that stays."""
    became, remain = ("would become", "would remain") if dry_run else ("became", "remain")
    lines = [
        f"{summary.replayed:,} of {summary.letters:,} dead letters {became} {summary.events:,} "
        f"events on {events}; {summary.already:,} were replayed before, the map passes over "
        f"{summary.passed_over:,}, {summary.remaining:,} {remain}"
    ]
    lines += [
        f"  {one['count']:,} {plain(one['reason'])}, such as {one['place']}: "
        f"{plain(one['message'])}"
        for one in summary.to_dict()["reasons"]
    ]
    return "\n".join(lines)


def outcome_text(outcome: Made | Left) -> str:
    """What a dry run says of one event, or of one item that stays.

    >>> from stream.codec import Rejected
    >>> why = Rejected("decode", "not_json", "no\\x1b")
    >>> print(outcome_text(Left(Place("dead", 0, 3), Place("shots", 1, 7), why)))
    0:3 from shots/1:7 remains: not_json: no\\x1b
    """
    if isinstance(outcome, Left):
        why = outcome.why
        text = f"{_from(outcome.letter, outcome.origin)} remains: {why.error}: {why.message}"
    else:
        more = f" +{len(outcome.letters) - 1}" if len(outcome.letters) > 1 else ""
        text = _from(outcome.letters[0], outcome.origins[0])
        text += f"{more} becomes: {outcome.value.decode()}"
    return plain(text, _WIDEST)


def outcome_dict(outcome: Made | Left) -> dict[str, Any]:
    """The same for a script."""
    if isinstance(outcome, Left):
        return {
            "letters": [short(outcome.letter)],
            "source": [_origin(outcome.origin)],
            "rejected": outcome.why._asdict(),
        }
    return {
        "letters": [short(place) for place in outcome.letters],
        "source": [_origin(place) for place in outcome.origins],
        "event": orjson.loads(outcome.value),
    }


def _from(letter: Place, origin: Place) -> str:
    return f"{short(letter)} from {_origin(origin)}"


def _origin(place: Place) -> str:
    item = f".{place.item}" if place.item else ""
    return f"{place.topic}/{place.partition}:{place.offset}{item}"
