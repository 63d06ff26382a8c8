"""What several replays came to, side by side, from their report.json.

python docs/examples/side_by_side.py out/today out/stricter
"""

import json
import sys
from pathlib import Path


def share(value):
    """A share as text; what is not known is called so."""
    return "unknown" if value is None else f"{100 * value:.1f} %"


def precision(last):
    """Average precision with its interval."""
    if last["ap"] is None:
        return "unknown"
    low, high = last["ap_interval"] or (last["ap"], last["ap"])
    return f"{last['ap']:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    print(f"{'run':20} {'parts':>7} {'flagged':>8} {'right':>8} {'caught':>8}  average precision")
    for folder in sys.argv[1:]:
        overall = json.loads((Path(folder) / "report.json").read_text("utf-8"))["overall"]
        alarms, last = overall["alarms"], overall["last"]
        shares = [share(alarms[name]) for name in ("flagged", "precision", "recall")]
        print(
            f"{folder:20} {last['parts']:7,} " + " ".join(f"{each:>8}" for each in shares),
            precision(last),
            sep="  ",
        )
