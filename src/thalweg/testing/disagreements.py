"""Who disagrees with whom: what libraries make of equal arguments, as recorded.

    for topic in topics():
        for side in topic.sides:
            print(topic.title, side.oracle, side.gap, side.ours)

A side's gap is how far it ends from the topic's first side, in parts of the way that
the first side went. Schedules, activations and clipping are compared value by value.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.testing.oracles import (
    Case,
    build,
    difference,
    names_in,
    of_library,
    problem,
    recorded,
)


class Side(NamedTuple):
    """A library, or the paper."""

    oracle: str
    version: str
    call: str
    ours: str  # the same of ours, or "" where we have no such option
    gap: float  # from the first side
    error: float  # of ours, NaN without one


class Topic(NamedTuple):
    """One thing that is decided differently."""

    name: str
    title: str
    sides: list[Side]


def topics(*, check: bool = True) -> list[Topic]:
    """Every topic; without `check` ours are not run."""
    return [of_topic(name, check=check) for name in names_in("disagreements")]


def of_topic(name: str, *, check: bool = True) -> Topic:
    """One topic."""
    content = recorded(f"disagreements/{name}")
    if "kind" in content:
        sides = _of_values(content, check)
    else:
        sides = _of_paths(of_library(content["sides"]), check)
    return Topic(name, content["title"], sides)


def _of_paths(cases: list[Case], check: bool) -> list[Side]:
    last = [case.params[-1] for case in cases]
    way = np.abs(last[0] - problem(cases[0].problem).start).max()
    return [
        Side(
            *case[:4],
            gap=float(np.abs(end - last[0]).max() / way),
            error=difference(case) if check and case.ours else np.nan,
        )
        for case, end in zip(cases, last, strict=True)
    ]


# -- values


def _of_values(content: Mapping[str, Any], check: bool) -> list[Side]:
    values = [np.array(side["values"]) for side in content["sides"]]
    size = np.abs(values[0]).max()

    def apart(got: np.ndarray, expected: np.ndarray) -> float:
        return float(np.abs(got - expected).max() / size)

    sides = []
    for side, own in zip(content["sides"], values, strict=True):
        about = [side[name] for name in ("oracle", "version", "call", "ours")]
        error = np.nan
        if check and side["ours"]:
            error = apart(_ours(content["kind"], side["ours"], len(own)), own)
        sides.append(Side(*about, gap=apart(own, values[0]), error=error))
    return sides


def _ours(kind: str, text: str, count: int) -> np.ndarray:
    """What ours gives, in double precision, where the libraries were asked."""
    with jax.enable_x64(True):
        made = build(text)
        if kind == "activation":
            return np.asarray(made(jnp.linspace(-3.0, 3.0, count)))
        if kind == "clipping":
            return np.asarray(made(jnp.array([3.0, -4.0, 12.0]), None))
        if kind == "schedule":
            return np.array([made(jnp.asarray(step)) for step in range(count)])
        state, scales = made.init(jnp.zeros(1)), []
        for _ in range(count):
            state = made.observe(state, jnp.asarray(1.0))
            scales.append(state.scale)
        return np.array(scales)
