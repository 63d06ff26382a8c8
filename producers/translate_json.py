"""One record of a plant's topic as the events it tells: pure, by the map.

A record holds one item, or one per element of the list that ``each`` names. An item is told as a
measurement or a result, is passed over by a ``where`` that does not hold, or is rejected with a
reason; one bad item harms no other. What is told has been read back as the worker will read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from producers.cells import BadCell, Clock, Value
from producers.ingest_fields import Condition, FeatureMap, FieldMap, InstantMap, ReadingsMap
from producers.ingest_map import IngestMap, TopicMap
from producers.json_path import MISSING, Document, JsonPath
from producers.scalars import as_text, from_epoch, kind_of, to_name, to_value
from stream.codec import DEFAULT_LIMITS, InputLimits, Rejected, decode
from stream.events import HIGHEST_REVISION, Measurement, Result
from stream.input_limits import before_decoding, one_line
from stream.log import Record

_LONGEST_SHOWN = 80
_DIGITS = len(str(HIGHEST_REVISION))


class Told(NamedTuple):
    """An item's event; ``gather``: it is a part of one; ``closes``: the last part of one."""

    event: Measurement | Result
    gather: bool = False
    closes: bool = False


# None: the map passes the item over.
Item = Told | Rejected | None


class JsonTranslator:
    """Tells records by a map.

    >>> ingest_map = IngestMap.model_validate({
    ...     "group": "g", "line": {"constant": "A"},
    ...     "topic": [{"name": "shots", "kind": "measurement", "part": "sn",
    ...                "station": {"constant": "press"}, "at": {"path": "ts", "unit": "ms"},
    ...                "readings": {"object": "values", "cast": "number"}}]})
    >>> shot = b'{"sn": 7, "ts": 1767600000000, "values": {"torque": "12.5"}}'
    >>> [told] = JsonTranslator(ingest_map).translate(Record("shots", 0, 0, None, shot))
    >>> told.event.part, told.event.values
    ('7', {'torque': 12.5})
    >>> [told] = JsonTranslator(ingest_map).translate(Record("shots", 0, 0, None, b'{"sn": 7}'))
    >>> told.message
    'at: nothing stands at ts'
    """

    def __init__(self, ingest_map: IngestMap, limits: InputLimits = DEFAULT_LIMITS) -> None:
        # A list of many items is one message here: its bytes bound their number.
        self._whole = replace(limits, values=limits.message_bytes)
        missing = frozenset(ingest_map.missing)
        self._topics = {
            topic.name: _TopicTranslator(ingest_map, topic, missing, limits)
            for topic in ingest_map.topics
        }

    def translate(self, record: Record) -> list[Item]:
        """The record's items in order; one `Rejected` alone for a record without any."""
        value = record.value
        if value is None:
            return [Rejected("decode", "tombstone", "the record has no value")]
        if refused := before_decoding(value, self._whole):
            return [refused]
        try:
            content = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            return [Rejected("decode", "not_json", one_line(str(error)))]
        key = None if record.key is None else record.key.decode("utf-8", "replace")
        document = Document(content, content, key, record.timestamp)
        return self._topics[record.topic].translate(document)


class _Bad(Exception):
    """An item that cannot be told."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


class _TopicTranslator:
    """The items of one topic."""

    def __init__(
        self, ingest_map: IngestMap, topic: TopicMap, missing: frozenset[str], limits: InputLimits
    ) -> None:
        self._limits = limits
        self._map = topic
        self._line = topic.line or ingest_map.line
        self._missing = missing
        self._clock = None if topic.at.unit else Clock(topic.at)
        self._readings = topic.readings
        self._features = [feature for feature in topic.features if feature.path is not None]
        # By the reading's name, then by station; "" is any.
        self._listed: dict[str, dict[str, FeatureMap]] = {}
        for feature in topic.features:
            if feature.path is None:
                named = self._listed.setdefault(feature.reading or feature.name, {})
                named[feature.station or ""] = feature
        outcome = topic.outcome
        self._outcomes: dict[str, str] = {}
        if outcome is not None:
            for name, texts in (
                ("fail", outcome.fails),
                ("pass", outcome.passes),
                ("untested", outcome.untested),
            ):
                self._outcomes.update(dict.fromkeys(texts, name))

    def translate(self, document: Document) -> list[Item]:
        if self._map.each is None:
            return [self._item(document)]
        found = self._map.each.find(document)
        if not isinstance(found, list):
            what = "nothing" if found is MISSING else kind_of(found)
            reason = f"each: {what} stands at {self._map.each.text} where a list is wanted"
            return [Rejected("validate", "missing_path", one_line(reason))]
        return [self._item(document._replace(item=element)) for element in found]

    def _item(self, document: Document) -> Item:
        if not all(_holds(condition, document) for condition in self._map.where):
            return None
        try:
            fields = self._fields(document)
        except _Bad as bad:
            return Rejected("validate", bad.error, one_line(str(bad)))
        try:
            # With what the worker will make of it, no event of ours is ever put aside there.
            event = decode(fields["line"].encode(), orjson.dumps(fields), self._limits)
        except (orjson.JSONEncodeError, UnicodeEncodeError) as error:
            return Rejected("validate", "bad_value", one_line(str(error)))
        if isinstance(event, Rejected):
            return event
        if not isinstance(event, Measurement | Result):
            raise TypeError(f"a map told a {event.type}")
        closes = self._map.closes
        return Told(event, self._map.gather, closes is not None and _holds(closes, document))

    def _fields(self, document: Document) -> dict[str, Any]:
        told = self._map
        assert self._line is not None  # noqa: S101 - the map's validation has seen to it
        fields: dict[str, Any] = {
            "type": told.kind,
            "line": self._name("line", self._line, document),
            "part": self._name("part", told.part, document),
            "at": self._at(told.at, document),
        }
        if told.station is not None:
            fields["station"] = self._name("station", told.station, document)
            fields["values"] = self._values(fields["station"], fields["at"], document)
            fields["id"] = self._optional("id", told.id, document)
        else:
            fields["outcome"] = self._outcome(document)
            fields["test"] = self._optional("test", told.test, document)
            fields["reason"] = self._optional("reason", told.reason, document)
            revision = self._optional("revision", told.revision, document)
            if revision is not None:
                if not revision.isdecimal():
                    raise _Bad("bad_cast", f"revision: {_shown(revision)}: not a whole number")
                if len(revision) > _DIGITS or int(revision) > HIGHEST_REVISION:
                    why = f"revision: {_shown(revision)}: beyond {HIGHEST_REVISION}"
                    raise _Bad("bad_cast", why)
                fields["revision"] = int(revision)
        fields["at"] = fields["at"].isoformat()
        return fields

    def _name(self, key: str, field: FieldMap, document: Document) -> str:
        found = self._found(key, field, document)
        try:
            return to_name(found)
        except BadCell as bad:
            raise _Bad("bad_cast", f"{key}: {_shown(found)}: {bad}") from None

    def _optional(self, key: str, field: FieldMap | None, document: Document) -> str | None:
        """A text that may be absent or null."""
        if field is None:
            return None
        if field.path is not None and field.path.find(document) in (MISSING, None):
            return None if field.default is None else as_text(field.default)
        found = self._found(key, field, document)
        try:
            return as_text(found) or None
        except BadCell as bad:
            raise _Bad("bad_cast", f"{key}: {_shown(found)}: {bad}") from None

    def _found(self, key: str, field: FieldMap, document: Document) -> Any:
        if field.path is None:
            return field.constant
        found = field.path.find(document)
        if found is MISSING:
            if field.default is not None:
                return field.default
            raise _Bad("missing_path", f"{key}: nothing stands at {field.path.text}")
        return found if field.codes is None else _decoded(key, found, field.codes)

    def _at(self, instant: InstantMap, document: Document) -> Any:
        found = instant.path.find(document)
        if found is MISSING:
            raise _Bad("missing_path", f"at: nothing stands at {instant.path.text}")
        try:
            if instant.unit is not None:
                return from_epoch(found, instant.unit)
            assert self._clock is not None  # noqa: S101 - made where there is no unit
            return self._clock.read(as_text(found)).at
        except BadCell as bad:
            raise _Bad("bad_time", f"at: {_shown(found)}: {bad}") from None

    def _outcome(self, document: Document) -> str:
        wanted = self._map.outcome
        assert wanted is not None  # noqa: S101 - a result has one
        found = wanted.path.find(document)
        if found is MISSING:
            raise _Bad("missing_path", f"outcome: nothing stands at {wanted.path.text}")
        try:
            outcome = self._outcomes.get(as_text(found))
        except BadCell:
            outcome = None
        if outcome is None:
            if wanted.other == "untested":
                return "untested"
            raise _Bad("unknown_code", f"outcome: {_shown(found)} stands for neither pass nor fail")
        return outcome

    def _values(self, station: str, at: Any, document: Document) -> dict[str, Value | None]:
        values: dict[str, Value | None] = {}
        for name, found in self._read(document):
            options = self._listed.get(name)
            feature = (options.get(station) or options.get("")) if options else None
            if feature is not None:
                values[feature.name] = self._value(feature, found, at)
            elif self._readings is not None and self._readings.unlisted == "take":
                values[name] = self._cast(name, found, self._readings.cast)
            elif self._readings is not None and self._readings.unlisted == "reject":
                raise _Bad("unknown_reading", f"{_shown(name)} is no reading that the map lists")
        for feature in self._features:
            if feature.station not in (None, station):
                continue
            assert feature.path is not None  # noqa: S101 - that is why it is among these
            found = feature.path.find(document)
            if found is not MISSING:
                values[feature.name] = self._value(feature, found, at)
            elif not feature.optional:
                raise _Bad(
                    "missing_path", f"feature {feature.name}: nothing stands at {feature.path.text}"
                )
        return values

    def _read(self, document: Document) -> Iterable[tuple[str, Any]]:
        readings = self._readings
        if readings is None:
            return ()
        if readings.object is not None:
            found = _required(readings.object, document, dict, "an object")
            return list(found.items())
        if readings.list is not None:
            elements = _required(readings.list, document, list, "a list")
            return [_pair(readings, document._replace(item=each)) for each in elements]
        # A message that ends a gathering need not carry a reading of its own.
        empty = readings.value is not None and readings.value.find(document) is MISSING
        if empty and self._map.closes is not None and _holds(self._map.closes, document):
            return ()
        return [_pair(readings, document)]

    def _value(self, feature: FeatureMap, found: Any, at: Any) -> Value | None:
        is_reading = feature.path is None and self._readings is not None
        cast = feature.cast or (self._readings.cast if is_reading and self._readings else "as_is")
        if feature.codes is not None and found is not None and not self._is_missing(found):
            return self._cast(feature.name, _decoded(feature.name, found, feature.codes), cast)
        if not feature.is_scaled:
            return self._cast(feature.name, found, cast)
        number = self._cast(feature.name, found, "number")
        if number is None:
            return None
        scale, offset = feature.scale, feature.offset
        for change in feature.changes:
            if at >= change.since:
                scale, offset = change.scale, change.offset
        return float(number) * scale + offset

    def _cast(self, name: str, found: Any, cast: str) -> Value | None:
        if self._is_missing(found):
            return None
        try:
            return to_value(found, cast)
        except BadCell as bad:
            raise _Bad("bad_cast", f"{name}: {_shown(found)}: {bad}") from None

    def _is_missing(self, found: Any) -> bool:
        if found is None:
            return True
        return bool(self._missing) and (
            isinstance(found, str | int | float) and as_text(found) in self._missing
        )


def _holds(condition: Condition, document: Document) -> bool:
    found = condition.path.find(document)
    if found is MISSING or not isinstance(found, str | int | float | bool):
        return False
    return as_text(found) in condition.equals


def _decoded(key: str, found: Any, codes: dict[str, Any]) -> Any:
    try:
        text = as_text(found)
    except BadCell as bad:
        raise _Bad("bad_cast", f"{key}: {_shown(found)}: {bad}") from None
    if text not in codes:
        raise _Bad("unknown_code", f"{key}: {_shown(found)} is none of the map's codes")
    return codes[text]


def _required(path: JsonPath, document: Document, kind: type, wanted: str) -> Any:
    found = path.find(document)
    if not isinstance(found, kind):
        what = "nothing" if found is MISSING else kind_of(found)
        raise _Bad(
            "missing_path", f"readings: {what} stands at {path.text} where {wanted} is wanted"
        )
    return found


def _pair(readings: ReadingsMap, document: Document) -> tuple[str, Any]:
    assert readings.name is not None and readings.value is not None  # noqa: S101, PT018
    name, value = readings.name.find(document), readings.value.find(document)
    for found, path in ((name, readings.name), (value, readings.value)):
        if found is MISSING:
            raise _Bad("missing_path", f"readings: nothing stands at {path.text}")
    try:
        return as_text(name), value
    except BadCell as bad:
        raise _Bad("bad_cast", f"readings: the name {_shown(name)}: {bad}") from None


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
