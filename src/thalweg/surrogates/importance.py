"""Functional ANOVA: the share of the loss's variance that hangs on each parameter.

Hutter et al. 2014, Algorithm 2, https://proceedings.mlr.press/v32/hutter14.html
Each tree of a random forest is constant on boxes, so that its averages over all other
dimensions, and their variances, are sums over leaves: exact, without sampling.
Departs from the paper: losses are warped (`surrogates.warp`), so that the good half
counts by distances and a few bad trials don't outweigh the rest.

A parameter that is absent counts as at its middle; the unit cube has uniform measure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float64

from thalweg.core.errors import InvalidInput
from thalweg.spaces import Space
from thalweg.surrogates.forest import columns
from thalweg.surrogates.warping import warp

LISTED = 64  # levels up to which a dimension is summed over its levels
MIDDLE = 0.5


def fanova(
    space: Space,
    x: Float64[np.ndarray, "n d"],
    loss: Float64[np.ndarray, " n"],
    *,
    order: int = 1,
    trees: int = 64,
    seed: int = 0,
) -> dict[tuple[str, ...], float]:
    """Shares of the variance by names: single ones, with `order=2` also of pairs.

    A pair's share is what it adds to the shares of its two. All shares of all orders
    sum to one. Mean over `trees`, largest first; empty if the loss never varies.
    """
    from sklearn.ensemble import RandomForestRegressor

    if order not in (1, 2):
        raise InvalidInput(f"`order` must be 1 or 2, but got {order!r}.")
    if len(x) < 2 or not space.dim:
        return {}
    model = RandomForestRegressor(
        trees, max_features=5 / 6, min_samples_leaf=2, random_state=seed, n_jobs=1
    )
    model.fit(columns(space, x, absent=MIDDLE), warp(loss))
    shares: dict[tuple[int, ...], list[float]] = {}
    for tree in model.estimators_:
        for members, share in tree_shares(space, tree.tree_, order).items():
            shares.setdefault(members, []).append(share)
    named = {
        tuple(space.dimensions[j] for j in members): float(np.mean(values))
        for members, values in shares.items()
    }
    return dict(sorted(named.items(), key=lambda item: -item[1]))


def tree_shares(space: Space, tree: Any, order: int) -> Mapping[tuple[int, ...], float]:
    """By dimensions' numbers; empty for a tree without variance."""
    leaf = tree.children_left < 0
    value = tree.value[leaf, 0, 0]
    low, high = (bound[leaf] for bound in _bounds(tree))
    axes = _axes(space, low, high)
    widths = np.stack([axis.inside @ axis.width for axis in axes])  # [d, leaves]
    volume = widths.prod(0)
    mean = value @ volume
    total = (value - mean) ** 2 @ volume
    if total < 1e-12:
        return {}
    # a leaf whose interval holds no level of a dimension has no volume at all
    whole = np.where(widths > 0, widths, 1.0)
    weight = (value - mean) * volume
    found: dict[tuple[int, ...], float] = {}
    for j, axis in enumerate(axes):
        marginal = (weight / whole[j]) @ axis.inside  # at each cell
        found[(j,)] = float(marginal**2 @ axis.width / total)
    for j, k in combinations(range(len(axes)), 2) if order == 2 else ():
        a, b = axes[j], axes[k]
        both = (a.inside * (weight / (whole[j] * whole[k]))[:, None]).T @ b.inside
        joint = float(a.width @ both**2 @ b.width / total)
        found[(j, k)] = joint - found[(j,)] - found[(k,)]
    return found


@dataclass(frozen=True)
class _Axis:
    """A dimension cut into cells in which a tree's leaves don't differ."""

    width: Float64[np.ndarray, " cells"]  # sums to one
    inside: Float64[np.ndarray, "leaves cells"]  # 1 where a leaf covers a cell


def _axes(space: Space, low: np.ndarray, high: np.ndarray) -> list[_Axis]:
    """Of each dimension, from the leaves' bounds in the forest's columns."""
    axes, start = [], 0
    for j, (kind, levels) in enumerate(zip(space.kinds, space.levels, strict=True)):
        if kind == "choice":
            assert levels is not None
            block = slice(start, start + levels)
            own = high[:, block] >= 1  # the column may be 1 in the leaf, or ...
            others = low[:, block] < 0  # ... 0: then any other value's column is 1
            blocked = (~others).sum(1, keepdims=True) - ~others
            axes.append(_Axis(np.full(levels, 1 / levels), own * (blocked == 0.0)))
            start += levels
            continue
        lower, upper = low[:, start, None], high[:, start, None]
        if levels is not None and levels <= LISTED:
            at = space.centres(j, np.arange(levels)).astype(np.float32)
            edges = np.zeros(levels + 1)
            for k, middle in enumerate(space.centres(j, np.arange(levels)).tolist()):
                edges[k + 1] = 2 * middle - edges[k]
        else:
            cuts = np.unique(np.concatenate([lower, upper]))
            edges = np.concatenate([[0.0], cuts[(cuts > 0) & (cuts < 1)], [1.0]])
            at = 0.5 * (edges[1:] + edges[:-1])
        inside = (lower < at) & (at <= upper)
        axes.append(_Axis(np.diff(edges), inside.astype(np.float64)))
        start += 1
    return axes


def _bounds(tree: Any) -> tuple[np.ndarray, np.ndarray]:
    """Below (excluded) and above (included) each node's box: `[nodes, columns]`."""
    low = np.full((tree.node_count, tree.n_features), -np.inf)
    high = np.full((tree.node_count, tree.n_features), np.inf)
    for node in range(tree.node_count):  # parents come before their children
        left, right = tree.children_left[node], tree.children_right[node]
        if left < 0:
            continue
        feature, threshold = tree.feature[node], tree.threshold[node]
        low[[left, right]], high[[left, right]] = low[node], high[node]
        high[left, feature] = min(high[node, feature], threshold)
        low[right, feature] = max(low[node, feature], threshold)
    return low, high
