"""Imported once by the process that others are forked from: what takes long is done then."""

from __future__ import annotations

import stream.kafka  # noqa: F401
from andon.warm_up import warm_up

warm_up(("linear",))
