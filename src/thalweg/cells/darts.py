"""The cells of DARTS, as their users write them: `Genotype(normal=[…], …)`.

Liu et al. 2019, "DARTS: Differentiable Architecture Search",
https://arxiv.org/abs/1806.09055; names as in https://github.com/quark0/darts.

A cell has two inputs, the outputs of the two cells before it, and four nodes; each adds
two operations on what comes before it, and the output joins the four. A configuration
names the inputs of the first node by `normal_inputs_0`, such as "0+1", and the
operation on the first of them by `normal_op_0_0`.
"""

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.core.typing import Config

OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
INPUTS = 2  # of a cell
NODES = 4
PER_NODE = 2  # operations
KINDS = ("normal", "reduce")

Edges = Sequence[tuple[str, int]]  # operation and input; two of each node in turn


class Genotype(NamedTuple):
    """The two cells of a network: its `repr` is a Python expression of itself.

    Inputs are numbered: 0 and 1 are the cell's own, then come the nodes. `…_concat`
    says which of them the output joins.
    """

    normal: Edges
    normal_concat: Sequence[int]
    reduce: Edges
    reduce_concat: Sequence[int]


DARTS_V1 = Genotype(
    normal=[
        ("sep_conv_3x3", 1), ("sep_conv_3x3", 0),
        ("skip_connect", 0), ("sep_conv_3x3", 1),
        ("skip_connect", 0), ("sep_conv_3x3", 1),
        ("sep_conv_3x3", 0), ("skip_connect", 2),
    ],
    normal_concat=[2, 3, 4, 5],
    reduce=[
        ("max_pool_3x3", 0), ("max_pool_3x3", 1),
        ("skip_connect", 2), ("max_pool_3x3", 0),
        ("max_pool_3x3", 0), ("skip_connect", 2),
        ("skip_connect", 2), ("avg_pool_3x3", 0),
    ],
    reduce_concat=[2, 3, 4, 5],
)  # fmt: skip
DARTS_V2 = Genotype(
    normal=[
        ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
        ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
        ("sep_conv_3x3", 1), ("skip_connect", 0),
        ("skip_connect", 0), ("dil_conv_3x3", 2),
    ],
    normal_concat=[2, 3, 4, 5],
    reduce=[
        ("max_pool_3x3", 0), ("max_pool_3x3", 1),
        ("skip_connect", 2), ("max_pool_3x3", 1),
        ("max_pool_3x3", 0), ("skip_connect", 2),
        ("skip_connect", 2), ("max_pool_3x3", 1),
    ],
    reduce_concat=[2, 3, 4, 5],
)  # fmt: skip


def parse(text: str) -> Genotype:
    """The genotype of a line such as logs hold: `Genotype(normal=[…], …)`.

    Nothing is executed. Raises InvalidInput for anything else, and for cells that are
    not of this space (`check`).
    """
    text = text[max(text.find("Genotype("), 0) :].strip()
    try:
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call)
        fields = {k.arg: _literal(k.value) for k in call.keywords}
        found = Genotype(*(map(_literal, call.args)), **fields)  # type: ignore
    except (SyntaxError, ValueError, TypeError, AssertionError):
        raise InvalidInput(
            "A genotype is written like `Genotype(normal=[('sep_conv_3x3', 0), …], "
            f"normal_concat=range(2, 6), reduce=[…], …)`, but got {text!r}."
        ) from None
    check(found)
    return found


def _literal(node: ast.expr) -> Any:
    """A literal, or a range of literals."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id != "range":
            raise ValueError(node.func.id)
        return range(*map(ast.literal_eval, node.args))
    return ast.literal_eval(node)


def check(genotype: Genotype) -> None:
    """Raises InvalidInput unless both cells are of this space."""
    for kind in KINDS:
        edges = list(getattr(genotype, kind))
        if len(edges) != NODES * PER_NODE:
            raise InvalidInput(
                f"A cell has {PER_NODE} operations for each of {NODES} nodes, but "
                f"{kind!r} has {len(edges)}."
            )
        for node in range(NODES):
            _check_node(kind, node, edges[PER_NODE * node : PER_NODE * (node + 1)])
        joined = list(getattr(genotype, f"{kind}_concat"))
        if joined != list(range(INPUTS, INPUTS + NODES)):
            raise InvalidInput(
                f"The output joins all nodes, {INPUTS} to {INPUTS + NODES - 1}, but "
                f"`{kind}_concat` is {joined}."
            )


def _check_node(kind: str, node: int, edges: Edges) -> None:
    for operation, _ in edges:
        if operation not in OPERATIONS:
            raise unknown_name("operation", operation, OPERATIONS)
    inputs = [i for _, i in edges]
    if len(set(inputs)) < len(inputs) or not set(inputs) <= set(range(INPUTS + node)):
        raise InvalidInput(
            f"Node {INPUTS + node} of {kind!r} takes different inputs of those before "
            f"it, 0 to {INPUTS + node - 1}, but got {inputs}."
        )


def to_config(genotype: Genotype) -> Config:
    """The configuration of `architectures.spaces.darts`. Raises as `check` does."""
    check(genotype)
    config: Config = {}
    for kind in KINDS:
        edges = list(getattr(genotype, kind))
        for node in range(NODES):
            own = sorted(
                edges[PER_NODE * node : PER_NODE * (node + 1)], key=lambda edge: edge[1]
            )
            config[f"{kind}_inputs_{node}"] = "+".join(str(i) for _, i in own)
            names = {f"{kind}_op_{node}_{k}": name for k, (name, _) in enumerate(own)}
            config |= names
    return config


def from_config(config: Mapping[str, Any]) -> Genotype:
    """The genotype of a configuration, the inputs of each node in increasing order."""
    joined = range(INPUTS, INPUTS + NODES)
    found = Genotype(_edges(config, "normal"), joined, _edges(config, "reduce"), joined)
    check(found)
    return found


def _edges(config: Mapping[str, Any], kind: str) -> list[tuple[str, int]]:
    edges = []
    for node in range(NODES):
        inputs = map(int, config[f"{kind}_inputs_{node}"].split("+"))
        edges += [(config[f"{kind}_op_{node}_{k}"], i) for k, i in enumerate(inputs)]
    return edges


def derived(weights: Mapping[str, Sequence[float]]) -> Genotype:
    """The genotype of a supernet: of each node the two edges of the largest weights.

    **weights**: for each edge `normal_op_<node>_<input>` (and `reduce_…`) one for each
    of `OPERATIONS`, as after the softmax. "none" is never chosen.
    """

    def best(edge: str) -> tuple[float, str]:
        own = zip(weights[edge], OPERATIONS, strict=True)
        return max((w, name) for w, name in own if name != "none")

    def edges(kind: str) -> Iterable[tuple[str, int]]:
        for node in range(NODES):
            inputs = range(INPUTS + node)
            found = [(*best(f"{kind}_op_{node}_{i}"), i) for i in inputs]
            strongest = sorted(found, key=lambda edge: -edge[0])[:PER_NODE]
            yield from (
                (name, i) for _, name, i in sorted(strongest, key=lambda e: e[2])
            )

    joined = range(INPUTS, INPUTS + NODES)
    return Genotype(list(edges("normal")), joined, list(edges("reduce")), joined)
