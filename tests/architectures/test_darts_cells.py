"""DARTS: genotypes as they are published, their networks' official sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.architectures import fixed, mixed, outline, space_of, spaces, switched
from thalweg.architectures.spaces.darts import FactorizedReduce, Operation
from thalweg.cells import darts
from thalweg.cells.darts import DARTS_V1, DARTS_V2, Genotype
from thalweg.core.errors import InvalidInput, UnknownName

PDARTS = (
    "Genotype(normal=[('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', "
    "0), ('dil_conv_5x5', 4)], normal_concat=range(2, 6), reduce=[('avg_pool_3x3', 0), "
    "('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('dil_conv_5x5', 2), ('max_pool_3x3', "
    "0), ('dil_conv_3x3', 1), ('dil_conv_3x3', 1), ('dil_conv_5x5', 3)], "
    "reduce_concat=range(2, 6))"
)


@pytest.mark.parametrize(
    ("genotype", "published"),
    # of the programs' networks for CIFAR-10 without the auxiliary head
    [(DARTS_V2, 3_349_342), (darts.parse(PDARTS), 3_433_798)],
)
def test_published_networks_have_their_size(genotype, published):
    tree = fixed(spaces.darts(), darts.to_config(genotype))
    layers = outline(tree, (32, 32, 3))
    assert layers[-1].after == (8, 8, 576)
    assert sum(layer.parameters for layer in layers) + 577 * 10 == published


@pytest.mark.parametrize("genotype", [DARTS_V1, DARTS_V2])
def test_genotypes_are_written_and_read(genotype):
    assert eval(repr(genotype)) == genotype
    assert darts.parse(f"11/22 10:00:00 AM genotype = {genotype!r}\n") == genotype
    normal, _, reduce, _ = genotype
    there = darts.from_config(darts.to_config(genotype))
    for node in range(0, 8, 2):
        assert sorted(there.normal[node : node + 2]) == sorted(normal[node : node + 2])
        assert sorted(there.reduce[node : node + 2]) == sorted(reduce[node : node + 2])
    assert darts.parse(repr(there)) == there
    assert darts.to_config(there) == darts.to_config(genotype)


def test_the_space_holds_every_genotype_once():
    space = space_of(spaces.darts(channels=2, cells=3))
    assert space.size == (1 * 3 * 6 * 10 * 7**8) ** 2
    configs = space.decode(np.random.default_rng(0).random((200, space.dim)))
    for config in configs:
        assert darts.to_config(darts.from_config(config)) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normal": [("sep_conv_3x3", 0)] * 8}, "different inputs"),
        ({"normal": [("sep_conv_3x3", 0), ("none", 2)] * 4}, "different inputs"),
        ({"reduce": [("sep_conv_3x3", 0)]}, "4 nodes"),
        ({"normal_concat": [4, 5]}, "joins all nodes"),
    ],
)
def test_cells_of_other_spaces_are_refused(change, message):
    with pytest.raises(InvalidInput, match=message):
        darts.check(DARTS_V2._replace(**change))


def test_other_operations_and_texts_are_refused():
    wrong = [("sep_conv_7x7", 0), ("none", 1), *list(DARTS_V2.normal)[2:]]
    with pytest.raises(UnknownName, match="sep_conv_3x3"):
        darts.check(DARTS_V2._replace(normal=wrong))
    for text in ("Genotype(", "__import__('os')", "Genotype(normal=open('x'))"):
        with pytest.raises(InvalidInput, match="is written like"):
            darts.parse(text)


@pytest.mark.parametrize("shape", [(8, 8, 4), (7, 5, 4), (1, 1, 4)])
def test_all_operations_end_in_one_shape(shape):
    for stride in (1, 2):
        after = {
            outline(Operation(name, stride), shape)[0].after
            for name in darts.OPERATIONS
        }
        assert after == {(-(-shape[0] // stride), -(-shape[1] // stride), 4)}


def test_the_reduction_sees_even_and_odd_pixels():
    module = FactorizedReduce(2, affine=False).build((4, 4, 1), seed=jnp.uint32(0))
    x = np.zeros((1, 4, 4, 1), np.float32)
    x[0, ::2, ::2] = 1.0  # the first half's pixels …
    x[0, 1::2, 1::2] = 2.0  # … and the second's
    y = module(jnp.asarray(x), inference=True)
    first, second = (float(half.kernel[0, 0, 0, 0]) for half in module.halves)
    expected = np.broadcast_to([first, 2 * second], (2, 2, 2)) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(y[0], expected, rtol=1e-5)


def test_a_path_is_dropped_of_operations_but_not_of_identities():
    x = jnp.ones((64, 3, 3, 2))
    seed = jnp.uint32(5)

    def dropped(name):
        module = Operation(name, drop_path=0.5).build((3, 3, 2), seed=seed)
        y = np.asarray(module(x, seed=seed))
        return (y == 0).all((1, 2, 3)).mean()

    assert dropped("skip_connect") == 0
    assert abs(dropped("avg_pool_3x3") - 0.5) < 4 * 0.5 / 8


def test_a_supernet_is_read_by_its_largest_weights():
    weights = {}
    for kind in ("normal", "reduce"):
        for node in range(4):
            for i in range(2 + node):
                own = np.full(8, 0.1)
                own[0] = 9.0  # none, which doesn't count
                own[1 + (i + node) % 7] = 0.2 + (
                    0.1 * i if kind == "normal" else -0.01 * i
                )
                weights[f"{kind}_op_{node}_{i}"] = own
    found = darts.derived(weights)
    assert [i for _, i in found.normal] == [0, 1, 1, 2, 2, 3, 3, 4]
    assert [i for _, i in found.reduce] == [0, 1] * 4
    assert found.normal[0] == ("max_pool_3x3", 0)
    darts.check(found)
    tree = spaces.darts(channels=2, cells=3, supernet=True)
    assert set(space_of(tree).parameters) == set(weights)


@pytest.mark.exhaustive
def test_a_network_runs_alone_as_within_the_alternatives():
    tree = spaces.darts(channels=2, cells=3)
    config = darts.to_config(DARTS_V2)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 5, 1)), jnp.float32)
    run = jax.jit(lambda d: d.build((5, 5, 1), seed=jnp.uint32(1))(x))
    alone = run(fixed(tree, config))
    assert alone.shape == (2, 2, 2, 32)
    np.testing.assert_allclose(alone, run(switched(tree, config)), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_supernet_weighs_all_operations():
    tree = spaces.darts(channels=2, cells=3, supernet=True, affine=False)
    parts = outline(mixed(tree), (4, 4, 1))
    assert parts[-1].after == (1, 1, 32)
    assert Genotype._fields == ("normal", "normal_concat", "reduce", "reduce_concat")
