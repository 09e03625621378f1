"""Recurrent networks: stacks of known layers, and the cell itself as a graph.

The cell: Pham et al. 2018, "Efficient neural architecture search via parameter
sharing", section 2.1-2.2, https://arxiv.org/abs/1802.03268: each node of a chain has
one of four activations and reads one of the states before it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from thalweg.architectures.spaces.pieces import one_value
from thalweg.architectures.vocabulary import label
from thalweg.core.errors import InvalidInput
from thalweg.networks.layers import (
    Node,
    Recurrent,
    RecurrentCell,
    RecurrentGenotype,
    Rows,
    Sequential,
)
from thalweg.networks.layers.recurrent_cell import OPERATIONS
from thalweg.spaces import Choice, Float


def recurrent(
    *,
    kinds: Sequence[str] = ("rnn", "gru", "lstm"),
    units: Sequence[int] = (16, 32, 64, 128),
    layers: tuple[int, int] = (1, 3),
    bidirectional: bool = True,
    dropout: tuple[float, float] | None = (0.0, 0.5),
) -> Sequential:
    """Stacks of recurrent layers for sequences, or for images row by row, as a tree.

    The last state of each direction is what a head reads. **dropout**: the rate's
    bounds, between layers; None for no dropout.

    Parameters: `kind`, `units`, `layers`, `bidirectional`, `dropout`.
    """
    stack = Recurrent(
        one_value("units", units),
        kind=label("kind", Choice(list(kinds))) if len(kinds) > 1 else kinds[0],
        layers=one_value("layers", range(layers[0], layers[1] + 1)),
        bidirectional=(
            label("bidirectional", Choice([False, True])) if bidirectional else False
        ),
        dropout=None if dropout is None else label("dropout", Float(*dropout)),
        sequences=False,
    )
    return Sequential([Rows(), stack])


def recurrent_cell(
    *, nodes: int = 8, units: int = 64, readout: str = "all"
) -> Sequential:
    """The recurrent cells of ENAS and DARTS, as a tree.

    **nodes**: 12 in ENAS, 8 in DARTS; there are `4 ** nodes * factorial(nodes)` cells.
    **readout**: the mean of "all" nodes (DARTS) or of the "loose" ends (ENAS).

    Parameters: `activation_i` of each node from 1, and `input_i`, the number of the
    state it reads, from node 2.
    """
    if nodes < 1:
        raise InvalidInput(f"A cell needs at least one node, but got nodes={nodes}.")
    chain = []
    for i in range(1, nodes + 1):
        # states are no quantity: another number is another input
        source = label(f"input_{i}", Choice(list(range(i)))) if i > 1 else 0
        chain.append(Node(label(f"activation_{i}", Choice(list(OPERATIONS))), source))
    return Sequential([Rows(), RecurrentCell(units, chain, readout, sequences=False)])


def genotype(config: Mapping[str, Any], *, readout: str = "all") -> RecurrentGenotype:
    """The cell of a configuration of `recurrent_cell`, as DARTS writes it."""
    count = sum(key.startswith("activation_") for key in config)
    nodes = [
        Node(config[f"activation_{i}"], config.get(f"input_{i}", 0))
        for i in range(1, count + 1)
    ]
    return RecurrentCell(1, nodes, readout).genotype


def configuration(cell: RecurrentGenotype) -> dict[str, Any]:
    """The configuration of a cell that DARTS or ENAS wrote."""
    found: dict[str, Any] = {}
    for i, (activation, source) in enumerate(cell.recurrent, start=1):
        found[f"activation_{i}"] = activation
        if i > 1:
            found[f"input_{i}"] = source
    return found
