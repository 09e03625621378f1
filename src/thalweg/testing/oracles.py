"""What other programs and the papers do, step by step, to hold optimizers to.

    from thalweg.testing.oracles import cases, difference

    for case in cases():
        assert difference(case) <= case.tolerance

A case is a call of another library, or a paper's equations (`thalweg.testing.papers`),
with the optimizer of ours that takes the same steps. All run in double precision on the
same given gradients: `hostile`, 60 steps of arrays with 0, 1, 2 and 4 dimensions whose
entries are ordinary, flip their sign, are sparse, dead at first, between 1e-12 and
1e12; and `matrices`, 50 steps of three kernels. Where libraries disagree, options of
ours choose the side, so that each is followed to rounding errors.

The numbers were recorded by `scripts/record_trajectories.py`, which says how to add a
library's case; a paper's is one function and one line in `thalweg/testing/papers`.
"""

import ast
import gzip
import json
import math
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64

from thalweg import activations, optimizers, schedules
from thalweg.core.errors import unknown_name
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.schedules import Linear
from thalweg.testing.papers import PAPERS, RATE, Paper

Path = Float64[np.ndarray, "steps n"]
NO_LIBRARIES = {"problems", "schedules", "disagreements", "defects"}  # other folders
HORIZON = 100  # where a falling learning rate would reach 0


class Problem(NamedTuple):
    """Where to start, and the gradient of each step; numbers of all arrays in a row."""

    shapes: list[tuple[int, ...]]
    start: Float64[np.ndarray, " n"]
    gradients: Path

    def split(self, rows: Any) -> list[np.ndarray]:
        """`[..., n]` as one array `[..., *shape]` per shape."""
        rows = np.asarray(rows)
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        parts = np.split(rows, ends, axis=-1)
        lead = rows.shape[:-1]
        pairs = zip(parts, self.shapes, strict=True)
        return [part.reshape((*lead, *shape)) for part, shape in pairs]


class Case(NamedTuple):
    """A call of an oracle, its path, and the optimizer of ours that must follow it."""

    oracle: str  # "torch", or "paper"
    version: str
    call: str  # "Adam(weight_decay=0.1)"
    ours: str  # "Adam(rate, l2=0.1)"
    peak: float  # the learning rate, `rate` in `ours`
    falls: bool  # linearly from `peak` towards 0 at step 100
    problem: str
    params: Path  # after each step
    tolerance: float = 1e-12
    note: str = ""  # why the tolerance is larger

    @property
    def kind(self) -> str:
        """The name of our class."""
        return self.ours.partition("(")[0]


def recorded(name: str) -> Any:
    """The content of a recorded file, such as "problems/hostile"."""
    file = files("thalweg.testing") / "recorded" / f"{name}.json.gz"
    return json.loads(gzip.decompress(file.read_bytes()))


@cache
def problem(name: str) -> Problem:
    """The gradients that cases run on: "hostile" or "matrices"."""
    content = recorded(f"problems/{name}")
    shapes = [tuple(shape) for shape in content["shapes"]]
    start, gradients = (np.array(content[key]) for key in ("start", "gradients"))
    return Problem(shapes, start, gradients)


def libraries() -> list[str]:
    """Those with recorded optimizers."""
    folders = (files("thalweg.testing") / "recorded").iterdir()
    return sorted({f.name for f in folders} - NO_LIBRARIES)


def names_in(folder: str) -> list[str]:
    """Of the recorded files of a folder."""
    found = (files("thalweg.testing") / "recorded" / folder).iterdir()
    return sorted(file.name.partition(".")[0] for file in found)


def cases() -> list[Case]:
    """Every case: the papers', and then those of each library."""
    found = [_of_paper(paper) for paper in PAPERS]
    for library in libraries():
        for name in names_in(library):
            content = recorded(f"{library}/{name}")
            about = {key: content[key] for key in ("oracle", "version")}
            found += of_library([about | case for case in content["cases"]])
    return found


def of_library(contents: list[dict[str, Any]]) -> list[Case]:
    """Cases as they are recorded."""
    return [Case(**c)._replace(params=np.array(c["params"])) for c in contents]


def _of_paper(paper: Paper) -> Case:
    at = problem(paper.problem)
    starts = [at.start] if paper.whole else at.split(at.start)
    grads = [at.gradients] if paper.whole else at.split(at.gradients)
    paths = [
        np.stack(list(paper.path(start, g)))
        for start, g in zip(starts, grads, strict=True)
    ]
    rows = [path.reshape(len(path), -1) for path in paths]
    params = np.concatenate(rows, axis=1)
    return Case("paper", "", paper.call, paper.ours, RATE, False, paper.problem, params)


# -- ours


def optimizer(case: Case) -> AbstractOptimizer[Any]:
    """Ours, as the case writes it."""
    rate = Linear(case.peak, HORIZON) if case.falls else case.peak
    return build(case.ours, rate=rate)


def build(text: str, **names: Any) -> Any:
    """What `text` makes of our classes: "Adam(rate, b1=0.8)"."""
    return _value(ast.parse(text, mode="eval").body, names | {"inf": math.inf})


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    """Calls, names and literals: no more is needed, and nothing else is run."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        arguments = [_value(x, names) for x in node.args]
        named = {str(k.arg): _value(k.value, names) for k in node.keywords}
        return _class(node.func.id)(*arguments, **named)
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.List):
        return [_value(x, names) for x in node.elts]
    return ast.literal_eval(node)


def _class(name: str) -> Callable[..., Any]:
    for room in (optimizers, schedules, activations):
        if name in room.__all__:
            return getattr(room, name)
    known = [*optimizers.__all__, *schedules.__all__]
    raise unknown_name("optimizer or schedule", name, known)


def ours(optimizer: AbstractOptimizer[Any], at: Problem) -> Path:
    """The path of an optimizer of ours, or yours, in double precision."""
    with jax.enable_x64(True):
        start = [jnp.asarray(x) for x in at.split(at.start)]
        grads = [jnp.asarray(x) for x in at.split(at.gradients)]
        path = _path(optimizer, start, grads)
        rows = [np.asarray(x).reshape(len(at.gradients), -1) for x in path]
    return np.concatenate(rows, axis=1)


@eqx.filter_jit
def _path(optimizer: AbstractOptimizer[Any], start: Any, grads: Any) -> Any:
    def step(carry: Any, g: Any) -> Any:
        params, state = carry
        updates, state = optimizer.update(g, state, params)
        params = jax.tree.map(jnp.add, params, updates)
        return (params, state), params

    return jax.lax.scan(step, (start, optimizer.init(start)), grads)[1]


def apart(got: Path, expected: Path) -> float:
    """The largest relative difference of any number at any step.

    Relative to the largest magnitude that the number has had, since it may cross 0.
    """
    size = np.maximum.accumulate(np.abs(expected), axis=0)
    return float(np.max(np.abs(got - expected) / size))


def difference(case: Case) -> float:
    """How far our path is from the oracle's, see `apart`."""
    with jax.enable_x64(True):
        made = optimizer(case)
    return apart(ours(made, problem(case.problem)), case.params)
