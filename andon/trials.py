"""The file of finished trials: a search that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stream.errors import ConfigError


class Trials:
    """JSON lines: first what the trials depend on, then one finished trial each.

    A last line that was cut off in writing is as if it were not there.

    Parameters
    ----------
    path
        The file, made if need be.
    depends
        What the trials depend on, as plain values. Neither which candidates are drawn is among it
        nor by what the best is known: a wider search, or another measure, goes on from the same.

    Raises
    ------
    ConfigError
        If the file's trials depend on anything else.
    """

    def __init__(self, path: Path, depends: Mapping[str, Any]) -> None:
        self.path = path
        self._found: dict[str, dict[str, Any]] = {}
        wanted = json.loads(json.dumps({"kind": "andon.trials/2", **depends}))
        lines = _whole_lines(path)
        if lines and lines[0] != wanted:
            differs = [key for key in wanted if lines[0].get(key) != wanted[key]]
            raise ConfigError(
                f"--trials {path} holds trials made otherwise ({', '.join(differs)} differs): name "
                f"another file, or remove it to begin anew"
            )
        for line in lines[1:]:
            self._found[_key(line["span"], line["candidate"])] = line["result"]
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written anew, so that nothing follows on half a line.
        text = "".join(json.dumps(line) + "\n" for line in lines or [wanted])
        unfinished = path.with_name(path.name + ".part")
        unfinished.write_text(text, "utf-8")
        unfinished.replace(path)

    def __len__(self) -> int:
        return len(self._found)

    def find(self, span: str, candidate: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a trial came to, None if it is not finished."""
        return self._found.get(_key(span, candidate))

    def add(self, span: str, candidate: Mapping[str, Any], result: dict[str, Any]) -> None:
        """Keep a finished trial."""
        line = {"span": span, "candidate": dict(candidate), "result": result}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._found[_key(span, candidate)] = result


def _key(span: str, candidate: Mapping[str, Any]) -> str:
    return json.dumps([span, candidate], sort_keys=True)


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    found = []
    for line in path.read_text("utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return found
