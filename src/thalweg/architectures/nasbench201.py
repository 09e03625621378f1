"""The cells of NAS-Bench-201: one of five operations on each of six edges.

Dong & Yang 2020, "NAS-Bench-201: Extending the Scope of Reproducible Neural
Architecture Search", https://arxiv.org/abs/2001.00326
"""

import re
from collections.abc import Sequence

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.spaces import Choice, Space

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # from node, to node
_PART = re.compile(r"\|([a-z0-9_]+)~([0-9]+)")
_NEEDED = (
    "A cell of NAS-Bench-201 is written like "
    "'|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|'"
)


def space() -> Space:
    """The 15,625 cells; parameter `edge_i_j` is the operation from node i to node j."""
    return Space({f"edge_{i}_{j}": Choice(OPERATIONS) for i, j in EDGES})


def to_string(operations: Sequence[str]) -> str:
    """The cell as its users write it, from the operations in the order of `EDGES`."""
    if len(operations) != len(EDGES):
        raise InvalidInput(
            f"A cell of NAS-Bench-201 has {len(EDGES)} operations, but got "
            f"{len(operations)}."
        )
    parts = {edge: name for edge, name in zip(EDGES, operations, strict=True)}
    for name in operations:
        _check(name)
    nodes = (
        "".join(f"|{parts[i, node]}~{i}" for i in range(node)) for node in (1, 2, 3)
    )
    return "+".join(f"{node}|" for node in nodes)


def from_string(text: str) -> tuple[str, ...]:
    """The operations in the order of `EDGES`, of a cell as its users write it."""
    nodes = text.strip().split("+") if isinstance(text, str) else []
    found: dict[tuple[int, int], str] = {}
    for node, part in enumerate(nodes, 1):
        pairs = _PART.findall(part)
        if part != "".join(f"|{name}~{source}" for name, source in pairs) + "|":
            raise InvalidInput(f"{_NEEDED}, but got {text!r}.")
        for name, source in pairs:
            _check(name)
            found[int(source), node] = name
    if sorted(found) != sorted(EDGES):
        raise InvalidInput(f"{_NEEDED}, but got {text!r}.")
    return tuple(found[edge] for edge in EDGES)


def _check(name: str) -> None:
    if name not in OPERATIONS:
        raise unknown_name("operation", name, OPERATIONS)
