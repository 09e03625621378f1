"""What a program computes, read from its jaxpr without running it.

Products of matrices and convolutions are counted as multiply-adds, by the field's
convention: every output of a convolution has the whole kernel, also at the border,
where the compiler's own count leaves out products with the padding. Everything else
that is arithmetic is counted apart, one operation per number that comes out (of a
reduction: that goes in). What only moves numbers is free.

A branch is chosen by data. Where the data are known, the branch that they name is
counted; elsewhere the dearest one.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.extend import core as jex

# They move, cut or rename numbers, or draw no result from them.
FREE = frozenset(
    {
        "and",
        "or",
        "xor",
        "not",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "select_n",
        "shift_left",
        "shift_right_logical",
        "broadcast_in_dim",
        "reshape",
        "squeeze",
        "expand_dims",
        "transpose",
        "rev",
        "split",
        "slice",
        "pad",
        "concatenate",
        "gather",
        "dynamic_slice",
        "dynamic_update_slice",
        "iota",
        "copy",
        "copy_p",
        "device_put",
        "convert_element_type",
        "bitcast_convert_type",
        "optimization_barrier",
        "stop_gradient",
        "random_wrap",
        "random_unwrap",
    }
)
# The compiler reads them where they are used: they have no memory of their own.
VIRTUAL = frozenset({"broadcast_in_dim", "iota", "reshape", "squeeze", "expand_dims"})
PRODUCTS = frozenset({"dot_general", "conv_general_dilated"})
BODIES = ("jaxpr", "call_jaxpr", "fun_jaxpr")  # what calls name the called jaxpr
SMALL = 64  # entries of an array that is worth knowing


class Work(NamedTuple):
    """What a program does, and the most that it holds at a time."""

    multiply_adds: int = 0
    elementwise: int = 0  # other arithmetic operations
    peak_bytes: int = 0  # of what is neither an input nor a constant

    @property
    def operations(self) -> int:
        """A multiply-add is two."""
        return 2 * self.multiply_adds + self.elementwise


def work_of(
    jaxpr: Any,
    consts: Sequence[Any],
    known: Sequence[Any],
    owned: Sequence[int] | None = None,
) -> tuple[Work, list[Any]]:
    """The work of a jaxpr, and those of its outputs that are known beforehand.

    **known**: an array for each input whose value is known, None for the others.
    **owned**: bytes of each input that nobody else reads, so that they count and may be
    written over; by default there are none.
    """
    values = dict(zip(jaxpr.constvars, map(_small, consts), strict=True))
    values |= dict(zip(jaxpr.invars, known, strict=True))
    memory = Memory(jaxpr, owned)
    multiply_adds = elementwise = 0
    for place, equation in enumerate(jaxpr.eqns):
        inputs = [_value(atom, values) for atom in equation.invars]
        dying = memory.dying(place, equation)
        work, outputs = _work_of_equation(equation, inputs, dying)
        multiply_adds += work.multiply_adds
        elementwise += work.elementwise
        values |= dict(zip(equation.outvars, outputs, strict=True))
        memory.add(place, equation, sum(dying), work.peak_bytes)
    outputs = [_value(atom, values) for atom in jaxpr.outvars]
    return Work(multiply_adds, elementwise, memory.peak), outputs


class Memory:
    """The bytes in use, equation by equation; inputs and constants are not counted.

    An elementwise result takes the place of an operand that is used no more.
    """

    def __init__(self, jaxpr: Any, owned: Sequence[int] | None):
        self._last: dict[Any, int] = {}  # the equation that reads a variable last
        for place, equation in enumerate(jaxpr.eqns):
            self._last |= dict.fromkeys(_variables(equation.invars), place)
        self._last |= dict.fromkeys(_variables(jaxpr.outvars), len(jaxpr.eqns))
        owned = owned or [0] * len(jaxpr.invars)
        self._held = dict(zip(jaxpr.invars, owned, strict=True))
        self.peak = sum(owned)

    def dying(self, place: int, equation: Any) -> list[int]:
        """The bytes of each operand that is read for the last time, which are freed."""
        found = []
        for atom in equation.invars:
            last = isinstance(atom, jex.Var) and self._last[atom] == place
            found.append(self._held.pop(atom, 0) if last else 0)
        return found

    def add(self, place: int, equation: Any, dying: int, inner: int) -> None:
        """The results of an equation; within, it needs `inner` bytes, `dying` too."""
        name = equation.primitive.name
        sizes = [_bytes(v) for v in equation.outvars]
        if name in VIRTUAL:  # the operand lives on under another name
            sizes = [dying]
        most = max(sum(sizes) + (dying if name in PRODUCTS else 0), dying, inner)
        self.peak = max(self.peak, sum(self._held.values()) + most)
        for v, size in zip(equation.outvars, sizes, strict=True):
            if self._last.get(v, -1) > place:
                self._held[v] = size


def _work_of_equation(
    equation: Any, known: list[Any], owned: list[int]
) -> tuple[Work, list[Any]]:
    name, params = equation.primitive.name, equation.params
    unknown: list[Any] = [None] * len(equation.outvars)
    if name == "cond":
        return _cond(params["branches"], known, owned, unknown)
    if name == "scan":
        # what is carried changes; only what every round reads is known in all of them
        constants = params["num_consts"]
        fixed = known[:constants] + [None] * (len(known) - constants)
        once, n = _inner(params["jaxpr"], fixed)[0], params["length"]
        peak = once.peak_bytes + sum(owned)
        return Work(n * once.multiply_adds, n * once.elementwise, peak), unknown
    if name == "while":  # one round
        once = _inner(params["body_jaxpr"])[0]
        return once._replace(peak_bytes=once.peak_bytes + sum(owned)), unknown
    bodies = [params[key] for key in BODIES if key in params]
    if bodies and len(_open(bodies[0]).invars) == len(known):
        return _inner(bodies[0], known, owned)
    return _plain(equation), _evaluated(equation, known, unknown)


def _inner(
    body: Any, known: Sequence[Any] | None = None, owned: Sequence[int] | None = None
) -> tuple[Work, list[Any]]:
    """The work of a jaxpr with its constants or without any."""
    jaxpr, consts = _open(body), getattr(body, "consts", ())
    known = [None] * len(jaxpr.invars) if known is None else known
    return work_of(jaxpr, consts, known, owned)


def _open(body: Any) -> Any:
    return body.jaxpr if isinstance(body, jex.ClosedJaxpr) else body


def _cond(
    branches: Sequence[Any], known: list[Any], owned: list[int], unknown: list[Any]
) -> tuple[Work, list[Any]]:
    index, *operands = known
    if index is not None:
        chosen = int(np.clip(int(index), 0, len(branches) - 1))
        return _inner(branches[chosen], operands, owned[1:])
    each = [_inner(branch, operands, owned[1:])[0] for branch in branches]
    dearest = max(each, key=lambda work: work.operations)
    peak = max(work.peak_bytes for work in each)
    return dearest._replace(peak_bytes=peak), unknown


def _plain(equation: Any) -> Work:
    name, params = equation.primitive.name, equation.params
    inputs = [atom.aval for atom in equation.invars]
    outputs = sum(math.prod(v.aval.shape) for v in equation.outvars)
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        depth = math.prod(inputs[0].shape[axis] for axis in contracted)
        return Work(multiply_adds=outputs * depth)
    if name == "conv_general_dilated":
        kernel = inputs[1].shape
        features = kernel[params["dimension_numbers"].rhs_spec[0]]
        return Work(multiply_adds=outputs * (math.prod(kernel) // max(features, 1)))
    if name in FREE:
        return Work()
    if name.startswith(("reduce_window", "select_and")):
        window = math.prod(params.get("window_dimensions", (1,)))
        return Work(elementwise=outputs * window)
    if name.startswith(("reduce_", "arg", "cum", "sort")):
        return Work(elementwise=math.prod(inputs[0].shape))
    return Work(elementwise=outputs)


def _evaluated(equation: Any, known: list[Any], unknown: list[Any]) -> list[Any]:
    """The outputs, where all inputs are known and it is a small sum."""
    sizes = [math.prod(v.aval.shape) for v in equation.outvars]
    if not known or any(v is None for v in known) or max(sizes, default=0) > SMALL:
        return unknown
    found = equation.primitive.bind(*known, **equation.params)
    return list(found) if equation.primitive.multiple_results else [found]


def _value(atom: Any, values: dict[Any, Any]) -> Any:
    return atom.val if isinstance(atom, jex.Literal) else values.get(atom)


def _small(value: Any) -> Any:
    """A constant that is worth knowing."""
    return value if np.size(value) <= SMALL else None


def _variables(atoms: Sequence[Any]) -> list[Any]:
    return [atom for atom in atoms if isinstance(atom, jex.Var)]


def _bytes(variable: Any) -> int:
    aval = variable.aval
    size = getattr(getattr(aval, "dtype", None), "itemsize", 0)
    return math.prod(getattr(aval, "shape", ())) * size
