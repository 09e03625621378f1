"""What a network costs, against its real arrays and against the compiler's counts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg import networks
from thalweg.architectures import (
    fixed,
    nasbench201,
    nasbench201_network,
    spaces,
)
from thalweg.architectures.arithmetic import work_of
from thalweg.architectures.cost import Cost, cost_of, latency, parameters
from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import partition

INPUTS = networks.Inputs(numeric=3, cardinalities=(3, 40))
DESCRIPTIONS = {
    "mlp": networks.MLP(hidden=(8, 12), normalization="rms", scaling_layer=True),
    "depth": networks.MLP(hidden=(8, 8, 8), depth=2, parametric_activation=True),
    "resmlp": networks.ResidualMLP(width=8, dropout=0.1, residual_dropout=0.1),
    "tabm": networks.TabM(hidden=(8, 8), members=3),
}


def work(function, *args, known=None):
    jaxpr = jax.make_jaxpr(function)(*args)
    known = known or [None] * len(jaxpr.jaxpr.invars)
    return work_of(jaxpr.jaxpr, jaxpr.consts, known)[0]


def compiled(function, *args):
    return jax.jit(function).lower(*args).compile()


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_parameters_are_those_of_the_real_arrays(name):
    description = DESCRIPTIONS[name]
    network = description.build(INPUTS, 5, key=jax.random.key(0))
    real = sum(leaf.size for leaf in jax.tree.leaves(partition(network)[0]))
    assert cost_of(description, INPUTS, 5).parameters == real
    assert parameters(description, INPUTS, 5) == real
    assert parameters(network) == real


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_description_costs_what_the_network_does(name):
    description = DESCRIPTIONS[name]
    network = description.build(INPUTS, 5, key=jax.random.key(0))
    assert cost_of(network, INPUTS) == cost_of(description, INPUTS, 5)


@pytest.mark.parametrize("name", ["mlp", "resmlp", "tabm"])
def test_flops_are_the_compilers_but_for_a_part_of_the_elementwise_ones(name):
    network = DESCRIPTIONS[name].build(INPUTS, 5, key=jax.random.key(0))
    arrays, rest = eqx.partition(network, eqx.is_array)
    x = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), INPUTS.example(1))
    program = compiled(lambda a, x: eqx.combine(a, rest)(x, inference=True), arrays, x)
    ours, theirs = cost_of(network, INPUTS), program.cost_analysis()["flops"]
    assert 2 * ours.multiply_adds <= theirs
    assert abs(theirs - ours.flops) <= ours.elementwise


def test_matrix_products_are_exactly_the_compilers():
    a, b, c = jnp.ones((4, 7)), jnp.ones((7, 5)), jnp.ones((3, 5, 2))

    def chain(a, b, c):
        return jnp.einsum("ij,kjl->kil", a @ b, c)

    ours = work(chain, a, b, c)
    assert ours.multiply_adds == 4 * 7 * 5 + 3 * 4 * 5 * 2
    assert ours.elementwise == 0
    assert compiled(chain, a, b, c).cost_analysis()["flops"] == ours.operations


@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions(groups):
    x, kernel = jnp.ones((1, 8, 8, 4)), jnp.ones((3, 3, 4 // groups, 6))

    def convolve(padding):
        return lambda x, kernel: jax.lax.conv_general_dilated(
            x,
            kernel,
            (1, 1),
            padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )

    ours = work(convolve("VALID"), x, kernel)
    theirs = compiled(convolve("VALID"), x, kernel).cost_analysis()["flops"]
    assert theirs == ours.operations == 2 * 36 * 6 * 9 * 4 // groups
    # at the border the compiler leaves out products with zeros, the field does not
    padded = work(convolve("SAME"), x, kernel)
    theirs = compiled(convolve("SAME"), x, kernel).cost_analysis()["flops"]
    assert padded.operations == 2 * 64 * 6 * 9 * 4 // groups > theirs


def test_a_scan_counts_every_round_and_what_is_called_counts_too():
    w, xs = jnp.ones((3, 3)), jnp.ones((5, 2, 3))

    @jax.checkpoint
    def step(h, x):
        return jax.nn.relu(h @ w) + x, None

    ours = work(lambda xs: jax.lax.scan(step, jnp.zeros((2, 3)), xs)[0], xs)
    assert ours.multiply_adds == 5 * 2 * 3 * 3
    assert ours.elementwise == 5 * 2 * 6
    vjp = jax.custom_vjp(lambda x: x @ w)
    vjp.defvjp(lambda x: (x @ w, None), lambda _, g: (g,))
    assert work(vjp, xs[0]).multiply_adds == 18


def test_the_branch_that_is_known_counts_else_the_dearest():
    x, w = jnp.ones((1, 4)), jnp.ones((4, 4))
    branches = [lambda x: x, lambda x: x @ w, lambda x: (x @ w) @ w]

    def choose(index, x):
        return jax.lax.switch(index + 1, branches, x)

    def count(index):
        known = [None if index is None else np.int32(index), None]
        return work(choose, jnp.int32(0), x, known=known).multiply_adds

    assert [count(i) for i in (-5, -1, 0, 1, 9, None)] == [0, 0, 16, 32, 32, 32]


def test_layers_beyond_the_depth_are_parameters_but_no_work():
    inputs = networks.Inputs(numeric=4)

    def of(hidden, depth=None):
        return cost_of(networks.MLP(hidden=hidden, depth=depth), inputs, 2)

    whole, part, small = of((8, 8, 8)), of((8, 8, 8), depth=2), of((8, 8))
    assert part.multiply_adds == small.multiply_adds < whole.multiply_adds
    assert part.parameters == whole.parameters > small.parameters
    assert part.flops == 2 * part.multiply_adds + part.elementwise


def test_memory_is_what_lives_together():
    x = jnp.ones((1, 100))  # 400 bytes; inputs and constants are not counted

    def chain(x):
        for _ in range(5):
            x = jnp.sin(x)  # in place
        return x

    def fan(x):
        return sum(jnp.sin(i * x) for i in range(1, 6))

    def together(x):
        return jnp.concatenate([jnp.sin(x), jnp.cos(x)])

    assert work(chain, x).peak_bytes == 400
    assert work(fan, x).peak_bytes == 800
    assert work(together, x).peak_bytes == 800
    assert work(lambda x: jnp.sin(x) @ jnp.ones((100, 50)), x).peak_bytes == 600
    wide = cost_of(networks.MLP(hidden=(64,)), networks.Inputs(numeric=10), 2)
    assert wide.peak_bytes == 4 * (10 + 64 + 2)


def test_a_users_module_is_counted_by_a_batch():
    module = eqx.nn.MLP(3, 2, 8, 1, key=jax.random.key(0))
    found = cost_of(module, jnp.zeros((50, 3)))
    assert found.parameters == 3 * 8 + 8 + 8 * 2 + 2
    assert found.multiply_adds == 3 * 8 + 8 * 2
    assert isinstance(found, Cost)


@pytest.mark.parametrize(
    "text",
    [
        "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|none~1|avg_pool_3x3~2|",
    ],
)
def test_the_networks_of_nasbench201_cost_what_the_benchmark_says(text):
    names = nasbench201.from_string(text)
    config = dict(zip(nasbench201.space().parameters, names, strict=True))
    stack = networks.Stack(fixed(spaces.nasbench201(), config))
    inputs = networks.Images(32, 32, 3, np.zeros(3), np.ones(3))
    found = cost_of(stack, inputs, 10)
    assert found.parameters == nasbench201_network.parameters(names)
    # the benchmark counts the last layer's bias too
    assert found.multiply_adds + 10 == nasbench201_network.multiply_adds(names)


def test_a_convolution_by_channels_counts_as_one():
    layers = [networks.layers.DepthwiseConv(3, bias=False)]
    inputs = networks.Images(8, 8, 4, np.zeros(4), np.ones(4))
    found = cost_of(networks.Stack(layers), inputs, 2)
    assert found.multiply_adds == 64 * 9 * 4 + 4 * 2


def test_latency_is_measured():
    assert 0 < latency(DESCRIPTIONS["mlp"], INPUTS, 2, repeats=3) < 10
    assert latency(eqx.nn.Linear(3, 2, key=jax.random.key(0)), np.zeros((1, 3))) > 0
    with pytest.raises(InvalidInput, match="`batch` and `repeats` must be at least 1"):
        latency(DESCRIPTIONS["mlp"], INPUTS, 2, batch=0)


def test_inputs_must_be_something_to_be_built_for():
    for wrong in (None, 3):
        with pytest.raises(InvalidInput, match="`inputs` must be"):
            cost_of(DESCRIPTIONS["mlp"], wrong, 2)
