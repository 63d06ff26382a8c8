"""Make a small table as a plant might export it, to try `andon map suggest` where there is none.

python docs/examples/make_shots.py shots.csv
"""

import csv
import random
import sys
from datetime import UTC, datetime, timedelta

draw = random.Random(7)  # noqa: S311 - an example that is the same every time
at = datetime(2026, 1, 5, 6, tzinfo=UTC)
with open(sys.argv[1], "w", newline="", encoding="utf-8") as file:
    table = csv.writer(file)
    table.writerow(["serial", "time", "press_force", "press_temp", "oven_temp", "oven_co2", "ok"])
    for number in range(1500):
        at += timedelta(seconds=30)
        force, temp = draw.gauss(100, 5), draw.gauss(60, 2)
        oven, gas = draw.gauss(200, 4), draw.gauss(0.4, 0.05)
        fails = draw.random() < (0.4 if force > 108 else 0.01)
        readings = [round(force, 1), round(temp, 1), round(oven, 1), round(gas, 3)]
        readings = ["" if draw.random() < 0.02 else reading for reading in readings]
        table.writerow([f"S-{number:05}", at.isoformat(), *readings, int(not fails)])
