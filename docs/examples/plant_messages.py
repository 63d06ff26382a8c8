"""Play the plant: a simulated line's events as a plant's own messages, on two topics of its own.

    andon simulate --parts 2500 --line press-shop --out plant.jsonl.gz
    python docs/examples/plant_messages.py plant.jsonl.gz plant.press

Writes to PREFIX.measurements and PREFIX.results on the log that the settings name (a local file, or
Kafka). For trying `andon ingest` where there is no plant: a real one has its topics already.
"""

import json
import os
import sys
from pathlib import Path

from andon.build import opened_log
from andon.settings import load_settings
from producers.event_file import read_events
from stream.log import TopicSpec


def message(event):
    """What this plant calls it: nested, epoch milliseconds, stations as numbers, OK and NOK."""
    header = {"line": event.line, "ts": round(event.at.timestamp() * 1000)}
    if event.type == "measurement":
        unit, station = {"serial": event.part}, int(event.station[2:4])
        payload = {"unit": unit, "op": station, "values": event.values}
    else:
        verdict = {"pass": "OK", "fail": "NOK"}[event.outcome]
        payload = {"serial": event.part, "test": event.test, "verdict": verdict}
    return json.dumps({"header": header, "payload": payload}).encode()


if __name__ == "__main__":
    path, prefix = sys.argv[1:]
    topics = {"measurement": f"{prefix}.measurements", "result": f"{prefix}.results"}
    with opened_log(load_settings(None, os.environ)) as log:
        log.create_topics([TopicSpec(name, 2) for name in topics.values()])
        for event in read_events(Path(path)):
            if event.type in topics:
                log.append(topics[event.type], event.part.encode(), message(event))
        log.flush()
