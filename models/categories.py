"""The names that one categorical feature takes; they come and go."""

from __future__ import annotations

from typing import Any

OTHER = -1


class Categories:
    """Numbers for names, at most ``capacity`` of them at a time.

    A number is never given twice, so that a part that waits for its result cannot be misread; when
    a new name needs room, the one not seen for longest is retired and reads as *other*.

    >>> molds = Categories(capacity=2)
    >>> for name in ("8722", "8412", "8722", "8600"):
    ...     molds.learn(name)
    >>> [molds.code(name) for name in ("8722", "8412", "8600")]
    [0, -1, 2]
    >>> molds.name(0), molds.name(1)
    ('8722', None)
    """

    def __init__(self, capacity: int = 64) -> None:
        self.capacity = capacity
        self._codes: dict[str, int] = {}  # in the order in which they were last seen
        self._names: dict[int, str] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._codes)

    def code(self, name: str) -> int:
        """The number of ``name``, or OTHER."""
        return self._codes.get(name, OTHER)

    def name(self, code: int) -> str | None:
        """The name of a number, None for OTHER and for a retired name."""
        return self._names.get(code)

    def learn(self, name: str) -> None:
        """``name`` has been seen."""
        code = self._codes.pop(name, None)
        if code is None:
            code = self._next
            self._next += 1
            self._names[code] = name
            if len(self._codes) >= self.capacity:
                oldest = next(iter(self._codes))
                del self._names[self._codes.pop(oldest)]
        self._codes[name] = code

    def state(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {"codes": [[name, code] for name, code in self._codes.items()], "next": self._next}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self._codes = dict(state["codes"])
        self._names = {code: name for name, code in self._codes.items()}
        self._next = state["next"]
