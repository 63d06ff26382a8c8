"""What other processes do to a local log in tests; each function is the whole of a process."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from group_reader import Reader

from stream.local import LocalLog
from stream.log import TopicSpec

BATCH = 50

# A fresh interpreter: what a fork would share with the test is not what production shares.
_fresh = multiprocessing.get_context("spawn")


def create_and_append(path: Path, topic: str, name: str, count: int, partitions: int) -> None:
    """Open a file that may not exist yet and append ``count`` records round the partitions."""
    log = LocalLog(path)
    log.create_topics([TopicSpec(topic, partitions)])
    for number in range(count):
        log.append(topic, name.encode(), b"%d" % number, partition=number % partitions)
        if number % BATCH == BATCH - 1:
            log.flush()
    log.close()


def open_and_close(path: Path) -> None:
    """Come and go."""
    LocalLog(path).close()


def append_for_ever(path: Path, topic: str, journal: Path) -> None:
    """Append batches of `BATCH` and note each one that was acknowledged."""
    log = LocalLog(path)
    with journal.open("a") as notes:
        for batch in itertools.count():
            for number in range(BATCH):
                log.append(topic, b"k", b"%d %d %d" % (os.getpid(), batch, number))
            log.flush()
            notes.write(f"{os.getpid()} {batch}\n")
            notes.flush()


def consume_for_ever(
    path: Path, topic: str, group: str, member: str | None, lease_seconds: float, journal: Path
) -> None:
    """Read as a member of a group and note each record, as "partition offset"."""
    log = LocalLog(path, lease_seconds=lease_seconds)
    reader = Reader(log, [topic], group, member)
    with journal.open("a") as notes:
        while True:
            for record in reader.poll(0.2).records:
                notes.write(f"{record.partition} {record.offset}\n")
            notes.flush()


def start(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process of its own that runs ``target``."""
    process = _fresh.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def kill(process: BaseProcess) -> None:
    """End a process as a power switch would."""
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@contextmanager
def running(target: Callable[..., None], *arguments: object) -> Iterator[BaseProcess]:
    """A process that is gone when the block ends, however it ends."""
    process = start(target, *arguments)
    try:
        yield process
    finally:
        process.kill()
        process.join()
