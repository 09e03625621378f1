"""Cells as graphs: of NAS-Bench-101, of NAS-Bench-201, of DARTS, and `Cell`s."""

from collections.abc import Sequence

from thalweg.architectures.drawing.graph import Vertex
from thalweg.architectures.vocabulary import Cell
from thalweg.architectures.vocabulary.decided import Numbered
from thalweg.cells import ModelSpec, nasbench201
from thalweg.cells.darts import INPUTS, Genotype, check

Graph = tuple[list[Vertex], list[tuple[int, int]]]

_FAMILIES = (
    ("sep", "separable"),
    ("dil", "dilated"),
    ("pool", "pool"),
    ("skip", "skip"),
    ("conv", "conv"),
)
_SUM = Vertex("+", "other", is_sum=True)


def family(name: str) -> str:
    """The colour of an operation."""
    return next((colour for part, colour in _FAMILIES if part in name), "other")


def operation(name: str) -> Vertex:
    """A box for an operation, in plain words."""
    words = name.replace("-bn-relu", "").replace("nor_", "").replace("_", " ")
    for side in "1357":
        words = words.replace(f" {side}x{side}", f" {side}×{side}")
        for kind in ("conv", "pool"):
            words = words.replace(f"{kind}{side}x{side}", f"{kind} {side}×{side}")
    return Vertex(words.replace("maxpool", "max pool"), family(name))


def of_spec(spec: ModelSpec) -> Graph:
    """A cell of NAS-Bench-101, pruned."""
    matrix, ops = spec.cell()
    ends = [Vertex("input", "other"), Vertex("output", "other")]
    vertices = [ends[0], *map(operation, ops[1:-1]), ends[1]]
    return vertices, [(int(i), int(j)) for i, j in zip(*matrix.nonzero(), strict=True)]


def of_nasbench201(cell: str) -> Graph:
    """A cell of NAS-Bench-201 from its string; `none` is left out."""
    names = nasbench201.from_string(cell)
    edges = [
        (name, i, j)
        for name, (i, j) in zip(names, nasbench201.EDGES, strict=True)
        if name != "none"
    ]
    return _through([Vertex("input", "other")], edges, 3, "output")


def of_genotype(edges: Sequence[tuple[str, int]]) -> Graph:
    """A cell of DARTS."""
    nodes = len(edges) // 2
    found = [(name, i, INPUTS + k // 2) for k, (name, i) in enumerate(edges)]
    joined = [("", INPUTS + k, INPUTS + nodes) for k in range(nodes)]
    begins = [Vertex("cell k−2", "other"), Vertex("cell k−1", "other")]
    return _through(begins, [*found, *joined], nodes + 1, "output")


def genotype_cells(genotype: Genotype) -> list[tuple[str, Graph]]:
    """Both, with titles."""
    check(genotype)
    return [
        ("normal cell", of_genotype(genotype.normal)),
        ("reduction cell", of_genotype(genotype.reduce)),
    ]


def of_cell(cell: Cell) -> Graph:
    """A decided `Cell`."""
    begins = [Vertex(f"input {i}", "other") for i in range(cell.predecessors)]
    edges = []
    for node, (sources, own) in enumerate(
        zip(cell.sources, cell.operations, strict=True), cell.predecessors
    ):
        edges += [
            (_words(layer), i, node) for i, layer in zip(sources, own, strict=True)
        ]
    last = cell.predecessors + len(cell.operations)
    edges += [("", i, last) for i in cell.joined]
    return _through(begins, edges, len(cell.operations) + 1, "output")


def _words(layer: object) -> str:
    while isinstance(layer, Numbered):
        layer = layer.layer
    return getattr(layer, "name", type(layer).__name__)


def _through(
    begins: list[Vertex],
    edges: Sequence[tuple[str, int, int]],
    nodes: int,
    last: str,
) -> Graph:
    """Edges with operations on them as a graph with the operations as vertices.

    A node that a single operation reaches is no sum, and gets no circle.
    """
    vertices, place = list(begins), dict(enumerate(range(len(begins))))
    links: list[tuple[int, int]] = []
    final = len(begins) + nodes - 1
    for node in range(len(begins), final + 1):
        ends = []
        for name, i, j in edges:
            if j != node or i not in place:
                continue  # nothing flows where nothing arrives
            if name:
                vertices.append(operation(name))
                links.append((place[i], len(vertices) - 1))
                ends.append(len(vertices) - 1)
            else:
                ends.append(place[i])
        if node == final:
            place[node] = len(vertices)
            vertices.append(Vertex(last, "other"))
            links += [(i, place[node]) for i in ends]
        elif len(ends) == 1:
            place[node] = ends[0]
        elif ends:
            place[node] = len(vertices)
            vertices.append(_SUM)
            links += [(i, place[node]) for i in ends]
    return vertices, links
