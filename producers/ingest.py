"""Ingest: a plant's own topics as events on the log, exactly once, in the order of arrival.

The protocol, with the numbers that the code below uses.

1. *Turn.* One process of the group works, the others stand by (`producers.turn`).
2. *Join.* Hold every partition of the plant's topics, as ``group``, and of the topics written to,
   as ``group.outputs``; the latter are never read by the group, only their offsets are stored.
3. *Reconcile.* Read the output since the stored offset (`producers.progress`): the places in its
   headers are the items that were told already, and are not told again.
4. *Start* at the source offsets stored; without any, where the map says.
5. *Tell.* Records in the order of arrival (`producers.arrival_order`), translated by the map
   (`producers.translate_json`), gathered (`producers.gathering`); bad ones to the dead letters.
6. *Settle.* Flush; store the source offsets, not past a reading that still waits; then those of
   the output.
7. *Anything else*, a rebalance, a log that does not answer: settle if that is still allowed, throw
   the state away and begin at 1.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import structlog

from producers.ingest_map import IngestMap
from producers.ingest_run import IngestRun, Outcome
from producers.ingest_setup import IngestSettings, Observer, Unobserved, source_partitions
from producers.translate_json import JsonTranslator
from producers.turn import Turn
from stream.errors import LeaseLost, LogError, OffsetOutOfRange
from stream.log import Log, LogConsumer, TopicPartition

__all__ = ["Ingest", "IngestSettings"]

log = structlog.get_logger()

_NAP = 0.5


class Ingest:
    """One process of the group; see the module for the steps.

    Parameters
    ----------
    source
        The log with the plant's topics.
    target
        The log with the events, which may be the same.
    ingest_map, settings
        What records mean, and where events go.
    observer
        Hears how the work goes.
    clock
        Seconds since 1970, for what is gathered and for ticks.

    Attributes
    ----------
    counts
        Records, events, ticks and dead letters so far, the latter also by reason.
    """

    def __init__(
        self,
        source: Log,
        target: Log,
        ingest_map: IngestMap,
        settings: IngestSettings | None = None,
        *,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._target = target
        self._map = ingest_map
        self._settings = settings or IngestSettings()
        self._observer = observer or Unobserved()
        self._clock = clock
        self._translator = JsonTranslator(ingest_map, self._settings.limits)
        self.counts: Counter[str] = Counter()

    def run(self, stop: Callable[[], bool], *, until_end: bool = False) -> None:
        """Ingest until ``stop()``, or, with ``until_end``, until all records there are were told.

        At the end of ``until_end`` what is still being gathered is told as it is.
        """
        group = self._map.group
        topics = [topic.name for topic in self._map.topics]
        source_partitions(self._source, self._map)
        log.info("andon.ingest_started", group=group, topics=topics)
        finished = False
        while not finished and not stop():
            try:
                finished = self._take_turn(stop, until_end)
            except (LeaseLost, OffsetOutOfRange) as error:
                log.warning("andon.ingest_begins_anew", error=str(error))
            except LogError as error:
                if not error.retriable:
                    raise
                log.warning("andon.ingest_begins_anew", error=str(error))
                time.sleep(_NAP)
        log.info("andon.ingest_stopped", group=group, **self.counts)

    def _take_turn(self, stop: Callable[[], bool], until_end: bool) -> bool:
        """Steps 1 to 7 once; whether the work is finished."""
        settings, group = self._settings, self._map.group
        self._observer.set_ready("it joins its groups")
        with Turn(self._target, settings.events, f"{group}.turn", settings.member) as turn:
            waiting = False
            while not turn.held:  # 1
                turn.poll(0.2)
                self._observer.beat()
                if stop():
                    return True
                if not turn.held and not waiting:
                    log.info("andon.ingest_stands_by", group=group)
                    self._observer.set_ready("it stands by: another process has the turn")
                    waiting = True
            topics = [topic.name for topic in self._map.topics]
            source = self._source.consumer(topics, group, settings.member)
            try:
                outputs = self._target.consumer(
                    [settings.events, settings.dead_letters], f"{group}.outputs", settings.member
                )
                try:
                    return self._work(turn, source, outputs, stop, until_end)
                finally:
                    outputs.close()
            finally:
                source.close()

    def _work(
        self,
        turn: Turn,
        source: LogConsumer,
        outputs: LogConsumer,
        stop: Callable[[], bool],
        until_end: bool,
    ) -> bool:
        settings = self._settings
        wanted = source_partitions(self._source, self._map)
        written = [
            TopicPartition(topic, number)
            for topic in (settings.events, settings.dead_letters)
            for number in range(self._target.partitions(topic))
        ]
        for consumer, partitions in ((source, wanted), (outputs, written)):
            if not self._hold_all(turn, consumer, partitions, stop):  # 2
                return False
        run = IngestRun(
            self._source,
            self._target,
            source,
            outputs,
            wanted,
            written,
            ingest_map=self._map,
            translator=self._translator,
            settings=settings,
            clock=self._clock,
            counts=self.counts,
            observer=self._observer,
        )
        run.begin()  # 3, 4
        self._observer.set_ready()
        while True:
            self._observer.beat()
            turn.poll()
            if turn.leaving or stop():
                run.settle()  # 7
                return not turn.leaving
            if not turn.held:
                return False
            outcome = run.step(until_end)  # 5, 6
            if outcome is not Outcome.GO_ON:
                return outcome is Outcome.FINISHED

    def _hold_all(
        self,
        turn: Turn,
        consumer: LogConsumer,
        wanted: list[TopicPartition],
        stop: Callable[[], bool],
    ) -> bool:
        """Wait until every partition is ours: the group gives up a member that was killed."""
        held: set[TopicPartition] = set()
        while not held.issuperset(wanted):
            batch = consumer.poll(0.1)
            self._observer.beat()
            held.difference_update(batch.lost, batch.revoked)
            held.update(batch.assigned)
            turn.poll()
            if not turn.held or stop():
                return False
        return True
