"""A history in tables, whatever its form: the map's ``format`` chooses the reader.

``wide`` is one row a part (`producers.tabular`), ``long`` one row a reading
(`producers.long_table`), ``bosch`` the form of one public data set (`producers.bosch`). Each reads
CSV, plain or gzipped, and Parquet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from producers.bad_rows import OnBad
from producers.bosch import read_bosch
from producers.bosch_map import BOSCH_TABLES, BoschMap
from producers.long_map import LONG_TABLES, LongMap
from producers.long_table import read_long
from producers.map import TABLES, TableMap
from producers.map_toml import read_toml, validated
from producers.mistakes import did_you_mean, shown
from producers.tabular import read_table
from producers.two_passes import Progress
from stream.errors import ConfigError
from stream.events import Event

AnyMap = TableMap | LongMap | BoschMap


def load_any_map(path: Path) -> AnyMap:
    """The map in the TOML file ``path``, of any format.

    Raises `ConfigError` for the first mistake, naming the file, the key, the value and the remedy.
    """
    data = read_toml(path)
    match data.get("format", "wide"):
        case "wide":
            return validated(path, data, TableMap, TABLES)
        case "long":
            return validated(path, data, LongMap, LONG_TABLES)
        case "bosch":
            return validated(path, data, BoschMap, BOSCH_TABLES)
        case other:
            known = ("wide", "long", "bosch")
            hint = did_you_mean(other, known) if isinstance(other, str) else ""
            raise ConfigError(
                f"{path}: format = {shown(other)}: it must be 'wide', 'long' or 'bosch'{hint}"
            )


def read_tables(
    paths: Sequence[Path],
    table_map: AnyMap,
    *,
    on_bad: OnBad | None = None,
    progress: Progress | None = None,
) -> Iterator[Event]:
    """The events of ``paths`` as ``table_map`` reads them, by the reader of its format."""
    if isinstance(table_map, LongMap):
        return read_long(paths, table_map, on_bad=on_bad, progress=progress)
    if isinstance(table_map, BoschMap):
        return read_bosch(paths, table_map, on_bad=on_bad, progress=progress)
    return read_table(paths, table_map, on_bad=on_bad, progress=progress)
