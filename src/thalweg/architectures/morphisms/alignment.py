"""Which module of the child continues which one of the parent.

The best alignment of two lists of modules, by dynamic programming as for sequences
(Needleman & Wunsch 1970, https://doi.org/10.1016/0022-2836(70)90057-4): equal modules
count most, then those that only grew. A module without a partner was put in; a residual
connection with weights in its shortcut may have been put around modules of the parent.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax

from thalweg.networks.layers.residual import Sum
from thalweg.networks.layers.sequential import Chain

# None: put in. A module: the parent. A tuple: what a shortcut was put around
Partner = Any


class Taste(NamedTuple):
    """How alignments that are about as good are told apart."""

    late: bool = True  # modules are put in as late as can be
    equal: float = 3.0  # what equal modules count; those that only grew count 2


TASTES = tuple(Taste(late, equal) for equal in (3.0, 2.0) for late in (True, False))


def align(
    parents: Sequence[Any], children: Sequence[Any], taste: Taste
) -> list[Partner]:
    """The partner of each child."""
    old, new = [_Shaped.of(m) for m in parents], [_Shaped.of(m) for m in children]
    return [_unshaped(partner) for partner in _aligned(old, new, taste)[1]]


class _Shaped(NamedTuple):
    """A module with what it has in common with others, found out once."""

    module: Any
    kind: Any  # equal for modules that compute the same of their arrays …
    sizes: tuple[tuple[int, ...], ...]  # … of these shapes
    inner: tuple["_Shaped", ...]  # of a chain, or of a residual connection's body
    shortcut: "_Shaped | None" = None

    @staticmethod
    def of(module: Any) -> "_Shaped":
        leaves, treedef = jax.tree.flatten(eqx.filter(module, eqx.is_array))
        sizes, body, shortcut = tuple(leaf.shape for leaf in leaves), module, None
        if isinstance(module, Sum):
            body, shortcut = module.body, _Shaped.of(module.shortcut)
        parts = body.modules if isinstance(body, Chain) else (body,)
        nested = isinstance(module, Chain | Sum)
        inner = tuple(_Shaped.of(part) for part in parts) if nested else ()
        return _Shaped(module, treedef, sizes, inner, shortcut)


def _unshaped(partner: Any) -> Partner:
    if isinstance(partner, _Shaped):
        return partner.module
    return None if partner is None else tuple(shaped.module for shaped in partner)


def _aligned(
    old: Sequence[_Shaped], new: Sequence[_Shaped], taste: Taste
) -> tuple[float, list[Any]]:
    """The best score, and each new one's partner: a module, a list of them, or None."""
    best: list[list[tuple[float, list[Any]]]] = []
    for i in range(len(old) + 1):
        best.append([])
        for j in range(len(new) + 1):
            found: list[tuple[float, list[Any]]] = [] if i or j else [(0.0, [])]
            if j:  # put in
                score, partners = best[i][j - 1]
                found.append((score - _strain(new[j - 1].module), [*partners, None]))
            if i:  # taken away
                score, partners = best[i - 1][j]
                found.append((score - 1, partners))
            if i and j and (near := likeness(old[i - 1], new[j - 1], taste)) > 0:
                score, partners = best[i - 1][j - 1]
                found.append((score + near, [*partners, old[i - 1]]))
            if i and j and _may_wrap(new[j - 1]):
                for begin in range(i):
                    run = old[begin:i]
                    score, partners = best[begin][j - 1]
                    near = _aligned(run, new[j - 1].inner, taste)[0]
                    found.append((score + near - 0.5, [*partners, run]))
            found = found if taste.late else found[::-1]  # of equals the first wins
            best[i].append(max(found, key=lambda entry: entry[0]))
    return best[-1][-1]


def _strain(module: Any) -> float:
    """How badly a module hands on its input: none does if fewer channels come out."""
    module = getattr(module, "linear", module)
    kernel = getattr(module, "kernel", None)
    if kernel is None or kernel.ndim < 2:
        return 0.0
    inputs, outputs = kernel.shape[-2] * getattr(module, "groups", 1), kernel.shape[-1]
    return 0.0 if inputs == outputs else 0.25 if inputs < outputs else 1.5


def _may_wrap(new: _Shaped) -> bool:
    """Whether it may be put around layers: its shortcut has weights, which can be 0."""
    return new.shortcut is not None and bool(new.shortcut.sizes)


def likeness(old: _Shaped, new: _Shaped, taste: Taste) -> float:
    """0 for kinds that differ, the most for equal ones, less for what grew."""
    if type(old.module) is not type(new.module):
        return 0.0
    if new.inner:
        near = 0.5 + max(0.0, _aligned(old.inner, new.inner, taste)[0])
        if old.shortcut is None or new.shortcut is None:
            return near
        return near + likeness(old.shortcut, new.shortcut, taste)
    if (old.kind, old.sizes) == (new.kind, new.sizes):
        return taste.equal
    if len(old.sizes) != len(new.sizes) or not old.sizes:
        return 1.0
    pairs = zip(old.sizes, new.sizes, strict=True)
    axes = [pair for a, b in pairs for pair in zip(a, b, strict=False)]
    return 2.0 if all(a <= b for a, b in axes) else 0.5
