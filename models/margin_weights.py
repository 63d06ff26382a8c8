"""The replicates' weights as a part's margin needs them: cells, flags, and what stations ahead say.

`models.part_margin` describes the arrays. They are laid out anew after every result, once for all
parts that are scored before the next.
"""

from __future__ import annotations

from models.belief import MU, PRECISION, PSI, Floats, Ints
from models.compiled import kernel
from models.lanes import Array, load, plus_product, same, store, times
from models.part_margin import CONSTANT, DROP, NUMBER, RESIDUAL, SATURATE, SKIPPED


@kernel
def derive(
    v_dense: Floats,
    v_flags: Floats,
    metric_dense: Floats,
    metric_flags: Floats,
    sum_flags: Floats,
    held: int,
    flag_station: Ints,
    dropped: Ints,
    saturated: Ints,
    skipped: Ints,
    cells: Array,
    first: Ints,
    member: Ints,
    visit_rate: Floats,
    slopes: Array,
    ahead: Array,
    flag_weights: Array,
) -> None:
    """Lay the replicates' weights G v out: slopes, flags, and what stations ahead say.

    ``sum_flags`` (2, flags) counts the ``held`` parts that have a flag, by outcome.
    """
    replicates = len(v_dense)
    r = ahead.shape[1] - 3
    ahead[:] = 0.0
    for m in range(replicates):
        for f in range(len(flag_station)):
            flag_weights[f, m] = metric_flags[f] * v_flags[m, f]
    for j in range(len(dropped)):
        for m in range(replicates):
            slopes[NUMBER, j, m] = metric_dense[j] * v_dense[m, j]
        if dropped[j] >= 0:
            store(slopes[DROP], j, load(flag_weights, dropped[j]))
        if saturated[j] >= 0:
            store(slopes[SATURATE], j, load(flag_weights, saturated[j]))
    for f in range(1, len(flag_station)):
        s = flag_station[f]
        expected = (sum_flags[0, f] + sum_flags[1, f]) / held / max(visit_rate[s], 0.01)
        block = ahead[s]
        store(
            block,
            r + CONSTANT,
            plus_product(load(block, r + CONSTANT), load(flag_weights, f), same(expected)),
        )
    for s in range(len(skipped)):
        block = ahead[s]
        if skipped[s] >= 0:
            f = skipped[s]
            mine = load(flag_weights, f)
            store(block, r + SKIPPED, mine)
            # Counted among the station's flags above, but no visited station has it.
            expected = (sum_flags[0, f] + sum_flags[1, f]) / held / max(visit_rate[s], 0.01)
            store(
                block,
                r + CONSTANT,
                plus_product(load(block, r + CONSTANT), mine, same(-expected)),
            )
        for at in range(first[s], first[s + 1]):
            j = member[at]
            cell = cells[j]
            if not cell[r + PRECISION, 0] > 0.0:
                continue
            w = load(slopes[NUMBER], j)
            for i in range(r):
                store(block, i, plus_product(load(block, i), w, load(cell, i)))
            constant = plus_product(load(block, r + CONSTANT), w, load(cell, r + MU))
            store(block, r + CONSTANT, constant)
            rest = plus_product(load(block, r + RESIDUAL), times(w, w), load(cell, r + PSI))
            store(block, r + RESIDUAL, rest)
