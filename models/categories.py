"""The names that one categorical feature takes; they come and go."""

from __future__ import annotations

from typing import Any

OTHER = -1
CAPACITY = 64
REST = 20_000


class Categories:
    """Numbers for names, at most ``capacity`` of them at a time.

    A name keeps its number while it is seen now and then. When there is no number left for a new
    name, the name not seen for longest gives up its own, but only when ``rest`` other names have
    been seen since: until then the window still holds parts that bear it, and a new name reads as
    *other*. So a feature that never repeats itself, a serial number say, costs little and teaches
    nothing.

    >>> molds = Categories(capacity=2, rest=2)
    >>> for name in ("8722", "8412", "8722", "8600"):
    ...     molds.learn(name)
    >>> [molds.code(name) for name in ("8722", "8412", "8600")]
    [0, 1, -1]
    >>> for name in ("8722", "8600"):
    ...     molds.learn(name)
    >>> [molds.code(name) for name in ("8722", "8412", "8600")]
    [0, -1, 1]
    >>> molds.name(0), molds.name(1)
    ('8722', '8600')
    """

    def __init__(self, capacity: int = CAPACITY, rest: int = REST) -> None:
        self.capacity = capacity
        self.rest = rest
        self._codes: dict[str, int] = {}  # in the order in which they were last seen
        self._names: dict[int, str] = {}
        self._seen_at: dict[str, int] = {}
        self._seen = 0

    def __len__(self) -> int:
        return len(self._codes)

    def code(self, name: str) -> int:
        """The number of ``name``, or OTHER."""
        return self._codes.get(name, OTHER)

    def name(self, code: int) -> str | None:
        """The name that has a number now, None for OTHER."""
        return self._names.get(code)

    def learn(self, name: str) -> None:
        """``name`` has been seen."""
        self._seen += 1
        code = self._codes.pop(name, None)
        if code is None:
            code = self._vacant()
            if code is None:
                return
            self._names[code] = name
        self._codes[name] = code
        self._seen_at[name] = self._seen

    def _vacant(self) -> int | None:
        if len(self._codes) < self.capacity:
            return len(self._codes)
        oldest = next(iter(self._codes))
        if self._seen - self._seen_at[oldest] <= self.rest:
            return None
        del self._seen_at[oldest]
        return self._codes.pop(oldest)

    def state(self) -> dict[str, Any]:
        """Everything, as plain values."""
        known = [[name, code, self._seen_at[name]] for name, code in self._codes.items()]
        return {"codes": known, "seen": self._seen}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self._codes = {name: code for name, code, _ in state["codes"]}
        self._seen_at = {name: at for name, _, at in state["codes"]}
        self._names = {code: name for name, code in self._codes.items()}
        self._seen = state["seen"]
