"""The rows of Parquet files, as the same texts that a CSV file would hold.

So one set of readers serves both, and a history gives the same events whichever way it was saved:
a number becomes its shortest decimal (a 32-bit 0.1 is "0.1", an 8722.0 is "8722"), a time ISO 8601.
A null, and a NaN in a column of numbers, is an empty cell: that is how tools that know no null in
numbers write one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from producers.mistakes import shown
from producers.rows import OnBytes, Row
from stream.errors import ConfigError

# Pages come through a buffer, so that a file of one huge row group is never in memory whole.
_BUFFER = 1 << 20


def read_parquet_header(path: Path) -> list[str]:
    """The names of the columns; raises `ConfigError` if the file is not whole."""
    with _reading(path), pq.ParquetFile(path) as file:
        return [name.strip() for name in file.schema_arrow.names]


def read_parquet_rows(
    path: Path, size: int, on_bytes: OnBytes, columns: Sequence[int] | None = None
) -> Iterator[list[Row]]:
    """The rows of ``path`` in lists of at most ``size``, with the cells of ``columns`` alone.

    Every row has a cell for each column of the file, empty where it was not asked for. ``on_bytes``
    hears after each list what share of the file has been read. Raises `ConfigError` for a damaged
    file and for a column of lists or structures.
    """
    total = max(1, path.stat().st_size)
    with _reading(path), pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
        names = file.schema_arrow.names
        asked = range(len(names)) if columns is None else sorted(set(columns))
        wanted = {index: names[index] for index in asked}
        rows = file.metadata.num_rows
        batches = file.iter_batches(
            batch_size=size, columns=list(wanted.values()), use_threads=False
        )
        number = 0
        for batch in batches:
            # By name: asking for "a" may bring "a.b" along.
            texts = {
                index: _texts(batch.column(batch.schema.names.index(name)), path, name)
                for index, name in wanted.items()
            }
            cells = (
                texts[index] if index in texts else repeat("", batch.num_rows)
                for index in range(len(names))
            )
            told = [Row(at, row) for at, row in enumerate(zip(*cells, strict=True), number + 1)]
            number += batch.num_rows
            yield told
            on_bytes(total * number // max(1, rows))
        on_bytes(total)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(
            f"{path}: not a whole Parquet file: {shown(str(error))}: fetch the file again"
        ) from None


def _texts(column: Any, path: Path, name: str) -> list[str]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        texts = _texts(column.dictionary, path, name)
        return ["" if at is None else texts[at] for at in column.indices.to_pylist()]
    if pa.types.is_nested(kind):
        raise ConfigError(
            f"{path}: column {shown(name)} holds {kind}: a cell must hold one value: name the "
            f"column in ignore, or save it as columns of single values"
        )
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
    elif pa.types.is_timestamp(kind) and kind.tz is not None:
        # The moment is stored in UTC; said so, it needs no table of zones.
        naive = column.cast(pa.timestamp(kind.unit)).cast(pa.string())
        column = pc.binary_join_element_wise(naive, "Z", "")
        kind = pa.string()
    elif _is_text(kind):
        try:
            return [cell.strip() if cell else "" for cell in column.to_pylist()]
        except UnicodeDecodeError:
            return [_decoded(cell) for cell in column.cast(pa.large_binary()).to_pylist()]
    elif _is_bytes(kind):
        return [_decoded(cell) for cell in column.to_pylist()]
    return [cell or "" for cell in column.cast(pa.string()).to_pylist()]


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _decoded(cell: bytes | None) -> str:
    # As in CSV: a byte that is not UTF-8 survives as a lone surrogate and costs its cell alone.
    return "" if cell is None else cell.decode("utf-8", "surrogateescape").strip()
