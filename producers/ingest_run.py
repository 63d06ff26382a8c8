"""One life of an ingesting member, from reconciling to giving up.

The numbers of the steps are those of `producers.ingest`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from enum import Enum

import structlog

from producers.arrival_order import ArrivalOrder
from producers.gathering import Gathering, Ready
from producers.ingest_letter import letter_of
from producers.ingest_map import IngestMap
from producers.ingest_progress import IngestProgress
from producers.ingest_setup import IngestSettings, Observer
from producers.quiet_lines import QuietLines
from producers.source_place import GROUP_HEADER, PUT_ASIDE, Place, places_of, to_headers
from producers.translate_json import JsonTranslator
from stream.codec import Rejected, encode
from stream.errors import LogError
from stream.letter_bounds import short_headers, short_key
from stream.log import Log, LogConsumer, Record, TopicPartition

log = structlog.get_logger()

_FLUSH_EVERY = 0.2
_LOOK_EVERY = 0.2
_PATIENCE = 1.0
_PAUSE_AT, _RESUME_AT = 5_000, 1_000
# A flood of visits that are cut is no flood of lines.
_SAY_CUT_EVERY = 60.0


class Outcome(Enum):
    """What a step came to."""

    GO_ON = "go on"
    FINISHED = "finished"
    GIVEN_UP = "given up"


class IngestRun:
    """The state between joining and giving up."""

    def __init__(
        self,
        source_log: Log,
        target: Log,
        source: LogConsumer,
        outputs: LogConsumer,
        wanted: list[TopicPartition],
        written: list[TopicPartition],
        *,
        ingest_map: IngestMap,
        translator: JsonTranslator,
        settings: IngestSettings,
        clock: Callable[[], float],
        counts: Counter[str],
        observer: Observer,
    ) -> None:
        self._source_log = source_log
        self._target = target
        self._source = source
        self._outputs = outputs
        self._wanted = wanted
        self._written = written
        self._map = ingest_map
        self._translator = translator
        self._settings = settings
        self._clock = clock
        self._counts = counts
        self._observer = observer
        self._gathering = Gathering(ingest_map.gap, settings.limits, settings.gathered_bytes)
        self._quiet = QuietLines(ingest_map.tick)
        self._letters = target.partitions(settings.dead_letters)
        self._present: set[Place] = set()
        self._paused: set[TopicPartition] = set()
        self._last_arrival: tuple[int, float] | None = None
        self._unflushed = False
        self._uncommitted = True
        self._flushed = self._settled = self._progressed = time.monotonic()
        self._looked = self._said_cut = float("-inf")

    def begin(self) -> None:
        """Steps 3 and 4: learn what was told, and start to read."""
        since, ends = {}, {}
        for at in self._written:
            begin, ends[at] = self._target.begin(at), self._target.end(at)
            since[at] = max(begin, min(self._outputs.committed(at) or 0, ends[at]))
            for record in self._target.read(at, since[at], ends[at]):
                self._observer.beat()
                self._present.update(places_of(record, self._map.group))
        starts = {at: self._start(at) for at in self._wanted}
        told = self._present
        self._present = {
            place
            for place in told
            if place.offset >= starts.get(TopicPartition(place.topic, place.partition), 0)
        }
        topics = [topic.name for topic in self._map.topics]
        self._order = ArrivalOrder(topics, starts)
        self._progress = IngestProgress(starts, since, told, ends)
        for at, offset in starts.items():
            self._source.start(at, offset)
        log.info(
            "andon.ingest_reconciled",
            group=self._map.group,
            told_already=len(self._present),
            searched=sum(ends[at] - since[at] for at in self._written),
        )

    def _start(self, at: TopicPartition) -> int:
        stored = self._source.committed(at)
        begin, end = self._source_log.begin(at), self._source_log.end(at)
        if stored is None:
            return begin if self._map.source.start == "begin" else end
        if stored > end:
            raise LogError(
                f"group {self._map.group!r} has read {at.topic}[{at.partition}] up to offset "
                f"{stored}, and it ends at {end}: the topic was created again; give the map "
                f"another group to read it from the beginning"
            )
        if stored < begin:
            # Gone is gone: to stop would only lose more.
            log.error(
                "andon.ingest_records_lost",
                topic=at.topic,
                partition=at.partition,
                records=begin - stored,
            )
        return max(stored, begin)

    def step(self, until_end: bool) -> Outcome:
        """Steps 5 and 6 once: poll, tell what can be told, settle when it is time."""
        busy = len(self._order) > 0
        batch = self._source.poll(0.02 if busy else 0.1, self._settings.poll_records)
        if batch.assigned or batch.revoked or batch.lost:
            if not batch.lost:
                self.settle()
            return Outcome.GIVEN_UP
        self._order.add(batch.records)
        now = time.monotonic()
        if batch.records:
            self._progressed = now
        self._tell_what_can_be_told(now)
        self._hold_back()
        if not batch.records and not len(self._order) and now - self._looked > _LOOK_EVERY:
            self._look(now)
            if self._order.all_read():
                self._be_idle()
                if until_end:
                    for ready in self._gathering.close_all():
                        self._put(ready)
                    self.settle()
                    return Outcome.FINISHED
        return self._settle_now_and_then()

    def _tell_what_can_be_told(self, now: float) -> None:
        for record in self._order.take():
            self._tell(record)
        if now - self._progressed > _PATIENCE:
            self._look_behind_gaps()
            self._progressed = now
        if self._order.must_look():
            self._look(now)
            for record in self._order.take():
                self._tell(record)

    def _look_behind_gaps(self) -> None:
        """Go on where only offsets without a record lie ahead: marks, or what compaction took.

        Nothing else is a reason not to wait: a slow broker must not change the order.
        """
        for at in self._order.lagging():
            start, end = self._order.fetched(at), self._order.end(at)
            if next(self._source_log.read(at, start, end), None) is None:
                self._order.skip(at, end)
                self._uncommitted = True

    def _look(self, now: float) -> None:
        self._looked = now
        self._order.ends({at: self._source_log.end(at) for at in self._wanted})

    def _hold_back(self) -> None:
        """Let no partition run far ahead of the others."""
        for at in self._wanted:
            waiting = self._order.waiting(at)
            if waiting >= _PAUSE_AT and at not in self._paused:
                self._source.pause([at])
                self._paused.add(at)
            elif waiting <= _RESUME_AT and at in self._paused:
                self._source.resume([at])
                self._paused.discard(at)

    def _tell(self, record: Record) -> None:
        self._counts["records"] += 1
        self._uncommitted = True
        now = self._clock()
        # A clock that is ahead of ours must not hold gatherings open until we have caught up.
        arrived = min(record.timestamp, int(now * 1000))
        self._last_arrival = (arrived, now)
        rejected: list[tuple[int, Rejected]] = []
        items = self._translator.translate(record)
        for number, item in enumerate(items):
            if isinstance(item, Rejected):
                rejected.append((number, item))
            elif item is not None:
                place = Place(record.topic, record.partition, record.offset, number)
                if place in self._present:
                    self._present.discard(place)
                    continue
                for ready in self._gathering.add(item, place, arrived):
                    self._put(ready)
        if rejected:
            self._put_aside(record, rejected, of=len(items))

    def _put(self, ready: Ready) -> None:
        event = ready.event
        self._target.append(
            self._settings.events,
            event.line.encode(),
            encode(event),
            headers=to_headers(self._map.group, ready.places),
        )
        self._counts["events"] += 1
        self._observer.produced(event.type)
        self._unflushed = self._uncommitted = True
        self._quiet.heard(event.line, event.at, self._clock())
        if ready.cut:
            self._say_cut(ready)

    def _say_cut(self, ready: Ready) -> None:
        self._counts["visits_cut"] += 1
        self._observer.cut()
        now = time.monotonic()
        if now - self._said_cut >= _SAY_CUT_EVERY:
            self._said_cut = now
            log.warning(
                "andon.visit_cut",
                line=ready.event.line,
                readings=len(ready.places),
                waiting=self._gathering.open_visits,
                so_far=self._counts["visits_cut"],
            )

    def _put_aside(self, record: Record, rejected: list[tuple[int, Rejected]], of: int) -> None:
        place = Place(record.topic, record.partition, record.offset, PUT_ASIDE)
        if place in self._present:
            self._present.discard(place)
            return
        letter, kept = letter_of(record, rejected, of, self._settings.dead_letter_bytes)
        self._target.append(
            self._settings.dead_letters,
            short_key(record.key),
            kept,
            partition=record.partition % self._letters,
            headers=(
                *short_headers(record.headers),
                *letter.to_headers(),
                *to_headers(self._map.group, [place]),
            ),
        )
        self._counts["dead_letters"] += 1
        self._observer.unusable()
        self._counts[f"dead_letters.{letter.error}"] += 1
        self._unflushed = True
        log.warning(
            "andon.record_put_aside",
            topic=letter.topic,
            partition=letter.partition,
            offset=letter.offset,
            stage=letter.stage,
            error=letter.error,
        )

    def _be_idle(self) -> None:
        """Everything was read: what waits for silence has it, and time passes on quiet lines."""
        now = self._clock()
        if self._last_arrival is not None:
            # On the clock of the records: one that reaches us late is not overdue for that.
            arrived, taken = self._last_arrival
            for ready in self._gathering.pass_time(arrived + int((now - taken) * 1000)):
                self._put(ready)
        for tick in self._quiet.ticks(now):
            headers = ((GROUP_HEADER, self._map.group.encode()),)
            self._target.append(
                self._settings.events, tick.line.encode(), encode(tick), headers=headers
            )
            self._counts["ticks"] += 1
            self._observer.produced(tick.type)
            self._unflushed = True

    def _settle_now_and_then(self) -> Outcome:
        now = time.monotonic()
        if now - self._settled >= self._settings.settle_seconds:
            changed = self._outputs.poll(0.0)
            if changed.assigned or changed.revoked or changed.lost:
                return Outcome.GIVEN_UP
            self.settle()
        elif self._unflushed and now - self._flushed > _FLUSH_EVERY:
            self._flush()
        return Outcome.GO_ON

    def _flush(self) -> None:
        self._target.flush()
        self._unflushed = False
        self._flushed = time.monotonic()

    def settle(self) -> None:
        """Step 6: all output durable, then the offsets, the source's first."""
        self._flush()
        if self._uncommitted:
            ends = {at: self._target.end(at) for at in self._written}
            commit = self._progress.settle(self._order.taken, self._gathering.places(), ends)
            self._source.commit(commit.source)
            self._outputs.commit(commit.since)
            self._uncommitted = False
        self._settled = time.monotonic()
