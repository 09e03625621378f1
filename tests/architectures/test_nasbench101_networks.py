"""NAS-Bench-101's networks, built: the official counts, and each drawing runs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.architectures import fixed, outline, space_of, spaces
from thalweg.cells import ModelSpec, nasbench101
from thalweg.cells import nasbench101_network as official
from thalweg.core.errors import InvalidInput


def counted(spec):
    """Of the official network with 10 classes."""
    layers = outline(spaces.nasbench101(spec), (32, 32, 3))
    assert layers[-1].after == (8, 8, 512)
    return sum(layer.parameters for layer in layers) + 513 * 10


def test_parameters_are_those_of_the_benchmark():
    rng = np.random.default_rng(0)
    for spec in [*nasbench101.specs(nasbench101.random_cells(2, rng))]:
        assert counted(spec) == official.parameters(spec)


@pytest.mark.slow
def test_parameters_of_many_cells_are_those_of_the_benchmark():
    rng = np.random.default_rng(1)
    drawn = [nasbench101.random_spec(rng) for _ in range(10)]
    for spec in [*nasbench101.specs(nasbench101.random_cells(10, rng)), *drawn]:
        assert counted(spec) == official.parameters(spec)


def test_a_configuration_is_the_network_of_its_cell():
    tree = spaces.nasbench101(channels=8, cells=1)
    space = space_of(tree)
    assert dict(space.parameters) == dict(nasbench101.space().parameters)
    (config,) = space.decode(np.random.default_rng(0).random((1, space.dim)))
    (spec,) = nasbench101.specs(nasbench101.space().encode([config]))
    (_, chosen, *_) = fixed(tree, config).layers
    (_, cell, *_) = spaces.nasbench101(spec, channels=8, cells=1).layers

    def built(layer):
        build = lambda seed: layer.build((5, 5, 8), seed=seed)  # noqa: E731
        return eqx.filter_eval_shape(build, jnp.uint32(0))

    assert eqx.tree_equal(built(chosen), built(cell))


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(300, marks=pytest.mark.slow),
        pytest.param(10_000, marks=pytest.mark.exhaustive),
    ],
)
def test_drawings_are_cells(number):
    tree = spaces.nasbench101(channels=8, cells=1)
    space = space_of(tree)
    u = space.canonical(np.random.default_rng(0).random((number, space.dim)))
    configs = space.decode(u)
    np.testing.assert_array_equal(space.encode(configs), u)
    specs = nasbench101.specs(nasbench101.space().encode(configs))
    assert all(map(nasbench101.is_valid, specs))
    for spec in specs[:: len(specs) // 8]:
        assert outline(spaces.nasbench101(spec, channels=8), (3, 3, 1))[-1].after


def test_what_flows_through_a_cell():
    """The output joins vertex 1 and 2, of 3 and 2 channels, and adds the input's.

    Vertex 2 takes the first of the 3.
    """
    matrix = np.zeros((4, 4), int)
    for i, j in ((0, 1), (1, 2), (1, 3), (2, 3), (0, 3)):
        matrix[i, j] = 1
    spec = ModelSpec(matrix, ["input", "maxpool3x3", "conv1x1-bn-relu", "output"])
    (_, cell, *_) = spaces.nasbench101(spec, channels=5, cells=1).layers
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 3, 5)), jnp.float32)

    @jax.jit
    def both(x):
        module = cell.build((3, 3, 5), seed=jnp.uint32(2))
        first = module.operations[1](module.projections[1](x))
        second = module.operations[2](first[..., :2])
        joined = jnp.concatenate([first, second], -1)
        return module(x), joined + module.projections[3](x)

    np.testing.assert_allclose(*both(x), rtol=1e-6)


def test_a_spec_of_another_space_is_refused():
    spec = ModelSpec([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", "relu", "output"])
    with pytest.raises(InvalidInput, match="'relu'"):
        spaces.nasbench101(spec)
