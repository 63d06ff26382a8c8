"""How near a replay came to what can be known: its risks beside a simulated line's true chances.

    andon simulate --family linear --parts 2000 --features 30 --seed 7 --out line.jsonl
    andon replay line.jsonl --out out/logistic
    python docs/examples/beside_truth.py out/logistic --family linear --parts 2000 --features 30 \
        --seed 7

The simulated line is made again from the same words, and asked what each part's chance was.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from models.ranking import average_precision, roc_auc
from producers.families import family
from producers.simulator import SimulatedLine

if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("out", type=Path)
    options.add_argument("--family", default="demo")
    options.add_argument("--parts", type=int, required=True)
    options.add_argument("--features", type=int, default=60)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()

    line = SimulatedLine(family(given.family, features=given.features), seed=given.seed)
    for _ in line.events(given.parts):
        pass  # the truth is known once a part was made
    last = {}
    for text in (given.out / "risks.jsonl").open(encoding="utf-8"):
        scored = json.loads(text)
        if scored["risk"] is not None:
            last[scored["part"]] = scored["risk"]
    truth = [line.truth(part) for part in last]
    fails = np.array([each.outcome == "fail" for each in truth])
    for name, risks in (
        ("andon's last risk", np.array(list(last.values()))),
        ("the true chance", np.array([each.fail_probability for each in truth])),
    ):
        auc, precision = roc_auc(risks, fails), average_precision(risks, fails)
        print(f"{name:18} ROC-AUC {auc:.3f}  average precision {precision:.3f}")
