"""What a recorded case is, and the problems that cases run on.

The gradients of a problem are drawn once and do not depend on the parameters, so that
a difference between two implementations can't hide in the path that they take.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

HORIZON = 100  # where a falling rate, `schedules.Linear(peak, 100)`, would reach 0
Leaves = list[np.ndarray]


class Problem(NamedTuple):
    """Where to start, and the gradient of each step."""

    name: str
    start: Leaves
    gradients: list[Leaves]

    def content(self) -> dict[str, Any]:
        """As it is recorded."""
        return {
            "shapes": [leaf.shape for leaf in self.start],
            "start": join(self.start),
            "gradients": [join(leaves) for leaves in self.gradients],
        }


def join(leaves: Any) -> list[float]:
    """All the numbers of some arrays, to 15 digits."""
    numbers = np.concatenate([np.asarray(x, float).reshape(-1) for x in leaves])
    return [float(f"{x:.15g}") for x in numbers]


def split(row: Any, shapes: list[tuple[int, ...]]) -> Leaves:
    """Numbers as arrays of these shapes."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    parts = np.split(np.asarray(row), ends)
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def hostile() -> Problem:
    """60 steps, seven numbers in four arrays, one kind of hostility per number."""
    random = np.random.default_rng(0)
    steps, shapes = 60, [(), (2,), (2, 1), (1, 2, 1, 1)]
    t = np.arange(steps)
    columns = [
        random.normal(size=steps),  # ordinary
        np.where(t % 2, 1.0, -1.0),  # flips its sign
        np.where(t % 7 == 3, random.normal(size=steps), 0.0),  # sparse
        np.where(t < 20, 0.0, random.normal(size=steps)),  # dead at first
        random.choice([-1, 1], steps) * 10.0 ** random.integers(-12, 13, steps),
        1e-12 * random.normal(size=steps),  # far below eps
        np.where(t == 10, 1e12, random.normal(size=steps)),  # one explosion
    ]
    table = np.array([[float(f"{x:.3g}") for x in column] for column in columns]).T
    start = split([1.0, -2.0, 0.5, 3.0, -0.25, 1.5, -1.0], shapes)
    return Problem("hostile", start, [split(row, shapes) for row in table])


def matrices() -> Problem:
    """Kernels `[inputs, outputs]`; gradients drift, some are of rank 1, some tiny."""
    random = np.random.default_rng(1)

    def draw(scale: float = 1.0) -> Leaves:
        return [
            np.round(random.normal(size=shape), 3) * scale
            for shape in [(3, 5), (5, 2), (4, 4)]
        ]

    start, drift, steps = draw(), draw(), []
    for step in range(50):
        leaves = [x + d for x, d in zip(draw(), drift, strict=True)]
        if step % 10 == 4:
            leaves = [np.outer(x[:, 0], x[0]) for x in leaves]
        if step % 10 == 7:
            leaves = draw(1e-6)
        steps.append([np.round(x, 10) for x in leaves])
    return Problem("matrices", start, steps)


def ordinary() -> Problem:
    """A kernel and a bias; gradients of a usual size, 1e-3, of a steady direction."""
    random = np.random.default_rng(2)
    shapes = [(3, 4), (4,)]

    def draw() -> Leaves:
        return [np.round(random.normal(size=shape), 3) for shape in shapes]

    start, drift = draw(), draw()
    steps = [
        [np.round(1e-3 * (x + d), 6) for x, d in zip(draw(), drift, strict=True)]
        for _ in range(50)
    ]
    return Problem("ordinary", start, steps)


HOSTILE, MATRICES, ORDINARY = hostile(), matrices(), ordinary()
PROBLEMS = [HOSTILE, MATRICES, ORDINARY]


class Case(NamedTuple):
    """A call of another library, and the optimizer of ours that takes the same steps.

    `ours` is written as one would write it; `rate` in it is the case's learning rate,
    `peak`, which falls unless told otherwise.
    """

    make: Callable[..., Any]  # the library's class or function, see `call`
    ours: str  # "Adam(rate, l2=0.1)"
    peak: float = 0.1
    falls: bool = True
    problem: Problem = HOSTILE
    turned: bool = False  # show the library kernels as `[outputs, inputs]`
    tolerance: float = 1e-12
    note: str = ""  # why the tolerance is larger

    def content(self, rows: list[list[float]]) -> dict[str, Any]:
        """As it is recorded."""
        return {
            "call": self.make.__doc__,
            "ours": self.ours,
            "peak": self.peak,
            "falls": self.falls,
            "problem": self.problem.name,
            "tolerance": self.tolerance,
            "note": self.note,
            "params": rows,
        }

    def rate(self, step: Any) -> Any:
        """The learning rate of a step, counted from 0."""
        return self.peak * (1 - step / HORIZON) if self.falls else self.peak


def call(make: Callable[..., Any], **settings: Any) -> Callable[..., Any]:
    """`make` with settings, and a text that says so."""

    def made(*args: Any, **kwargs: Any) -> Any:
        return make(*args, **kwargs, **settings)

    shown = ", ".join(f"{name}={value}" for name, value in settings.items())
    made.__doc__ = f"{make.__name__}({shown})"
    return made
