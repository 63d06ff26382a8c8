"""What each column adds to the margin of trees: path-dependent Shapley values, exactly.

A leaf that is reached through the columns 1..k counts, in the game of Shapley, v(S) = value times
the product over its path of o_j (the part's own share of that way, for j in S) and z_j (the share
of the window's rows that took it, otherwise). By Owen's multilinear extension column i gets
value (o_i - z_i) times the integral over t from 0 to 1 of the product over j != i of
z_j + t (o_j - z_j): a polynomial of degree k - 1, which Gauss-Legendre's rule integrates exactly.

References
----------
Lundberg et al., "From local explanations to global understanding with explainable AI for trees",
Nature Machine Intelligence 2 (2020). Owen, "Multilinear extensions of games", Management Science
18 (1972).
"""

from __future__ import annotations

import numpy as np

from models.boosting_trees import Bools, Floats, Ints, Singles, Trees, right_shares
from models.compiled import allocating_kernel, kernel


def quadrature(leaves: int) -> tuple[Floats, Floats]:
    """Nodes and weights on [0, 1] that are exact for every path of a tree of so many leaves.

    >>> nodes, weights = quadrature(8)
    >>> abs(float(weights @ nodes**6) - 1 / 7) < 1e-12
    True
    """
    nodes, weights = np.polynomial.legendre.leggauss(max(1, leaves // 2))
    return (nodes + 1.0) / 2.0, weights / 2.0


@kernel
def _path(
    trees: Trees,
    tree: int,
    leaf: int,
    right: Floats,
    columns: Ints,
    own: Floats,
    usual: Floats,
) -> int:
    """Fill in the distinct columns on the way to a leaf, with o and z of each; how many."""
    found, at = 0, leaf
    for split in range(trees.splits[tree] - 1, -1, -1):
        if split + 1 == at:
            o, z = right[split], trees.cover_right[tree, split]
            at = trees.parent[tree, split]
        elif trees.parent[tree, split] == at and split >= at:
            o, z = 1.0 - right[split], 1.0 - trees.cover_right[tree, split]
        else:
            continue
        column = trees.column[tree, split]
        k = 0
        while k < found and columns[k] != column:
            k += 1
        if k == found:
            columns[k], own[k], usual[k] = column, 1.0, 1.0
            found += 1
        own[k] *= o
        usual[k] *= z
    return found


@allocating_kernel
def contributions(
    trees: Trees,
    x: Singles,
    ahead: Bools,
    visit: Floats,
    nodes: Floats,
    weights: Floats,
    out: Floats,
) -> float:
    """Add each column's share to ``out`` (d,); answers the margin of a part that is unknown.

    That margin and the shares sum to `partial_margin`.
    """
    size = trees.parent.shape[1]
    right, own, usual = np.empty(size), np.empty(size), np.empty(size)
    columns = np.empty(size, np.int64)
    bias = 0.0
    for tree in range(trees.splits.size):
        right_shares(trees, tree, x, ahead, visit, right)
        for leaf in range(trees.splits[tree] + 1):
            value = trees.value[tree, leaf]
            found = _path(trees, tree, leaf, right, columns, own, usual)
            base = value
            for k in range(found):
                base *= usual[k]
                if own[k] != usual[k]:
                    others = 0.0
                    for q in range(nodes.size):
                        product = weights[q]
                        for j in range(found):
                            if j != k:
                                product *= usual[j] + nodes[q] * (own[j] - usual[j])
                        others += product
                    out[columns[k]] += value * (own[k] - usual[k]) * others
            bias += base
    return bias
