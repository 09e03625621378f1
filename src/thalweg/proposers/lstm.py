"""An LSTM that writes configurations, one dimension after the other, and its gradient.

The cell: Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735,
with a forget gate. The input of a step is an embedding of the value written last.
Absent dimensions are skipped: they take no step. In NumPy, as sequences are short and
hidden states narrow: there is nothing to compile.
"""

from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float64, Int64

from thalweg.proposers.variation import FEW
from thalweg.spaces import AbstractDiscrete, Space

BINS = 12  # values that a number is written with, each a stretch of its range


class Weights(eqx.Module):
    start: Float64[np.ndarray, " h"]  # the first step's input
    gates: Float64[np.ndarray, "4h 2h+1"]  # input, forget, output and candidate
    embedding: Float64[np.ndarray, "d k h"]  # of each dimension's values
    head: Float64[np.ndarray, "d k h+1"]  # logits of each dimension's values

    @staticmethod
    def random(counts: np.ndarray, hidden: int, rng: np.random.Generator) -> "Weights":
        """Small weights; an LSTM that remembers; even chances to begin with."""
        d, k = len(counts), int(counts.max(initial=1))
        gates = rng.uniform(-1, 1, (4 * hidden, 2 * hidden + 1)) / np.sqrt(hidden)
        gates[:, -1] = np.repeat([0.0, 1.0, 0.0, 0.0], hidden)
        embedding = rng.uniform(-0.5, 0.5, (d, k, hidden))
        head = rng.uniform(-0.1, 0.1, (d, k, hidden + 1)) / np.sqrt(hidden)
        return Weights(rng.uniform(-0.5, 0.5, hidden), gates, embedding, head)


def value_counts(space: Space) -> Int64[np.ndarray, " d"]:
    """How many values each dimension is written with."""
    return np.array(
        [
            BINS if levels is None or (kind != "choice" and levels > FEW) else levels
            for kind, levels in zip(space.kinds, space.levels, strict=True)
        ],
        np.int64,
    )


def written(space: Space, rows: Float64[np.ndarray, "n d"]) -> Int64[np.ndarray, "n d"]:
    """The values that write rows."""
    counts = value_counts(space)
    values = np.minimum((rows * counts).astype(np.int64), counts - 1)
    for j, name in enumerate(space.dimensions):
        parameter = space.parameters[name]
        if isinstance(parameter, AbstractDiscrete) and counts[j] == parameter.levels:
            values[:, j] = parameter.index(rows[:, j])
    return values


@dataclass(frozen=True)
class Step:
    """What the way back needs of a step on the way there."""

    j: int
    here: Bool[np.ndarray, " n"]
    inputs: Float64[np.ndarray, "n 2h+1"]  # with the hidden state before, and ones
    opened: Any  # input, forget and output gates, and the candidate
    cell: tuple[np.ndarray, np.ndarray]  # before and after
    hidden: Float64[np.ndarray, "n h+1"]  # after, and ones
    chance: Float64[np.ndarray, "n k"]
    value: Int64[np.ndarray, " n"]  # written


def read(
    weights: Weights, space: Space, rows: Float64[np.ndarray, "n d"]
) -> tuple[Float64[np.ndarray, " n"], list[Step]]:
    """The log probability of rows, and the steps that they are written in."""
    writer = Writer(weights, space, len(rows))
    values, active = written(space, rows), space.active(rows)
    total = np.zeros(len(rows))
    for j in space.parents_first:
        chance = writer.chances(j)
        chosen = np.maximum(chance[np.arange(len(rows)), values[:, j]], 1e-300)
        total += np.where(active[:, j], np.log(chosen), 0.0)
        writer.write(values[:, j], active[:, j])
    return total, writer.steps


def write(
    weights: Weights, space: Space, n: int, rng: np.random.Generator, heat: float = 1.0
) -> Float64[np.ndarray, "n d"]:
    """Rows of the cube, drawn value by value; `heat` above 1 evens the chances."""
    writer, counts = Writer(weights, space, n), value_counts(space)
    rows = rng.random((n, space.dim))
    for j in space.parents_first:
        chance = writer.chances(j) ** (1 / heat)
        total = np.cumsum(chance, axis=1)
        value = (rng.random((n, 1)) * total[:, -1:] >= total).sum(1)
        value = np.minimum(value, counts[j] - 1)
        if counts[j] == space.levels[j]:
            rows[:, j] = space.centres(j, value)
        else:
            rows[:, j] = (value + rows[:, j]) / counts[j]
        writer.write(value, space.active(rows)[:, j])
    return rows


class Writer:
    """The LSTM at work on `n` rows at once."""

    def __init__(self, weights: Weights, space: Space, n: int):
        self.weights, self.counts, self.n = weights, value_counts(space), n
        width = len(weights.start)
        self.input = np.repeat(weights.start[None], n, axis=0)
        self.hidden, self.cell = np.zeros((n, width)), np.zeros((n, width))
        self.steps: list[Step] = []

    def chances(self, j: int) -> Float64[np.ndarray, "n k"]:
        """Of the values of dimension `j`, after one step."""
        ones = np.ones((self.n, 1))
        inputs = np.concatenate([self.input, self.hidden, ones], axis=1)
        gates = inputs @ self.weights.gates.T
        i, f, o = np.split(_sigmoid(gates[:, : 3 * self.hidden.shape[1]]), 3, axis=1)
        g = np.tanh(gates[:, 3 * self.hidden.shape[1] :])
        cell = f * self.cell + i * g
        hidden = np.concatenate([o * np.tanh(cell), ones], axis=1)
        logits = hidden @ self.weights.head[j].T
        logits[:, self.counts[j] :] = -np.inf
        chance = np.exp(logits - logits.max(1, keepdims=True))
        chance /= chance.sum(1, keepdims=True)
        nothing = np.zeros(self.n, np.int64)
        opened, cells = (i, f, o, g), (self.cell, cell)
        self.latest = Step(
            j, nothing > 0, inputs, opened, cells, hidden, chance, nothing
        )
        return chance

    def write(self, value: np.ndarray, here: np.ndarray) -> None:
        """Goes on with `value` in the rows where the dimension is present."""
        s, seen = self.latest, here[:, None]
        self.steps.append(replace(s, here=here, value=value))
        self.hidden = np.where(seen, s.hidden[:, :-1], self.hidden)
        self.cell = np.where(seen, s.cell[1], self.cell)
        self.input = np.where(seen, self.weights.embedding[s.j, value], self.input)


def gradient(
    weights: Weights,
    steps: list[Step],
    gain: Float64[np.ndarray, " n"],
    entropy: float,
) -> Weights:
    """Of `mean(gain * log probability + entropy * sum of the steps' entropies)`."""
    out = Weights(*[np.zeros_like(w) for w in _arrays(weights)])
    n, width = len(gain), len(weights.start)
    d_hidden, d_cell = np.zeros((n, width)), np.zeros((n, width))
    d_input = np.zeros((n, width))  # of the embedding that later steps have read
    for s in reversed(steps):
        here = s.here[:, None]
        # the value written here was the input of the steps after it
        np.add.at(out.embedding[s.j], s.value, np.where(here, d_input, 0.0))
        d_input = np.where(here, 0.0, d_input)
        log = np.log(np.maximum(s.chance, 1e-300))
        d_logits = -gain[:, None] * s.chance
        d_logits[np.arange(n), s.value] += gain
        spread = -(s.chance * log).sum(1, keepdims=True)
        d_logits -= entropy * s.chance * (log + spread)
        d_logits = np.where(here, d_logits / n, 0.0)
        out.head[s.j] += d_logits.T @ s.hidden
        i, f, o, g = s.opened
        old, cell = s.cell
        squashed = np.tanh(cell)
        to_hidden = (d_logits @ weights.head[s.j])[:, :-1] + d_hidden
        to_cell = d_cell + to_hidden * o * (1 - squashed**2)
        d_gates = np.concatenate(
            [
                to_cell * g * i * (1 - i),
                to_cell * old * f * (1 - f),
                to_hidden * squashed * o * (1 - o),
                to_cell * i * (1 - g**2),
            ],
            axis=1,
        )
        d_gates = np.where(here, d_gates, 0.0)
        out.gates[...] += d_gates.T @ s.inputs
        d_inputs = d_gates @ weights.gates
        d_input = d_input + d_inputs[:, :width]
        d_hidden = np.where(here, d_inputs[:, width:-1], d_hidden)
        d_cell = np.where(here, to_cell * f, d_cell)
    out.start[...] += d_input.sum(0)
    return out


def _arrays(weights: Weights) -> list[np.ndarray]:
    return [weights.start, weights.gates, weights.embedding, weights.head]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))
