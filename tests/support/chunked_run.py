"""A worker on a log in memory that is polled ``CHUNK`` records at a time; prints what came of it.

``python chunked_run.py EVENTS CHUNK``
"""

from __future__ import annotations

import hashlib
import json
import sys
from itertools import islice

import structlog
from small_line import QUICK, small_line
from workers import TOPICS, create_topics

from producers.publish import publish
from stream import checkpoint
from stream.log import TopicPartition
from stream.memory import MemoryLog
from stream.task import Task
from stream.worker import Worker


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    events, chunk = int(sys.argv[1]), int(sys.argv[2])
    log, topics = MemoryLog(), TOPICS
    create_topics(log, 1, topics)
    told = [small_line(events, line) for line in ("A", "B", "C")]
    turns = (event for each in zip(*told, strict=True) for event in each)
    publish(log, topics.events, islice(turns, events))
    worker = Worker(
        log, topics, group="g", make_task=lambda partition: Task(partition, QUICK),
        poll_records=chunk,
    )  # fmt: skip
    worker.run(lambda: False, until_end=True)
    [task] = worker.tasks
    alerts = [record.value or b"" for record in log.read(TopicPartition(topics.alerts, 0))]
    print(
        json.dumps(
            {
                "alerts": str(len(alerts)),
                "sum": hashlib.sha256(b"\n".join(alerts)).hexdigest(),
                "state": checkpoint.digest(task.state()),
            }
        )
    )


if __name__ == "__main__":
    main()
