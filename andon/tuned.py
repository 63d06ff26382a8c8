"""What a tuning came to: a fragment of settings, and the figures by which to believe it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.comparison import Difference
from models.figures import Skill

WORDS = {"ap": "average precision", "auc": "ROC-AUC"}


@dataclass(frozen=True)
class Tuned:
    """The settings ``chosen``, as what differs from the present ones, and both on later parts.

    ``figures`` and ``differences`` (chosen less present) are of the judging part alone; parts that
    one of the two gave no risk are left out of both, and counted in ``left_out``.
    """

    chosen: Mapping[str, Any]
    figures: Mapping[str, Skill]
    left_out: int
    differences: Mapping[str, Difference | None]
    by: str
    tried: int

    @property
    def better(self) -> bool:
        """Whether the chosen settings are better beyond doubt: the interval lies above 0."""
        found = self.differences[self.by]
        return (
            bool(self.chosen)
            and found is not None
            and found.interval is not None
            and found.interval[0] > 0.0
        )

    @property
    def toml(self) -> str:
        """The fragment for the settings file; empty if there is nothing to change."""
        if not self.chosen:
            return ""
        lines = (f"{key} = {json.dumps(value)}" for key, value in self.chosen.items())
        return "\n".join(["[detector]", *lines]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """All of it, for a script."""
        return {
            "chosen": dict(self.chosen),
            "better": self.better,
            "toml": self.toml,
            "by": self.by,
            "tried": self.tried,
            "left_out": self.left_out,
            "figures": {name: asdict(one) for name, one in self.figures.items()},
            "differences": {
                name: None if one is None else one._asdict()
                for name, one in self.differences.items()
            },
        }

    def told(self) -> str:
        """For people."""
        present = self.figures["present"]
        lines = [
            f"{self.tried} settings tried; judged once on {present.parts:,} later parts "
            f"({present.fails:,} fails; {self.left_out:,} without a risk left out)"
        ]
        for key, words in WORDS.items():
            now, then = (getattr(self.figures[name], key) for name in ("present", "chosen"))
            found = self.differences[key]
            if found is None:
                lines.append(f"{words}: not known, both passes and fails are needed")
                continue
            ends = found.interval
            bounds = "" if ends is None else f" ({ends[0]:+.3f} to {ends[1]:+.3f})"
            lines.append(
                f"{words}: present {now:.3f}, chosen {then:.3f}, {found.value:+.3f}{bounds}"
            )
        if not self.chosen:
            lines.append("the present settings were the best of all: nothing to change")
        elif self.better:
            lines.append(
                "the chosen settings are better; for [detector] of the settings file, instead of "
                "the keys of the same names:"
            )
        else:
            lines.append(
                "the present settings are as good: the difference is within chance, there is no "
                "need to change. What was chosen:"
            )
        return "\n".join([*lines, *(["", self.toml.rstrip()] if self.chosen else [])])
