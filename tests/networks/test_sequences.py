"""Recurrent layers, attention and cells, against PyTorch's recorded outputs."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.architectures import space_of
from thalweg.architectures.spaces import recurrent_cell
from thalweg.architectures.spaces.recurrent import configuration, genotype
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.networks.layers import (
    ClassToken,
    Embedding,
    EncoderBlock,
    FirstToken,
    LastStep,
    Patches,
    Positions,
    Recurrent,
    RecurrentCell,
    RecurrentGenotype,
    Rows,
    SelfAttention,
    shape_after,
)
from thalweg.networks.layers.attention import Attention
from thalweg.networks.layers.recurrent import Direction
from thalweg.networks.layers.recurrent_cell import DARTS_V2

SEED = jnp.uint32(3)


def built(layer, shape):
    """Its module, by one program."""
    return eqx.filter_jit(lambda seed: layer.build(shape, seed=seed))(SEED)


COSINES = np.cos(np.arange(4))


def fill(shape, k):
    """Numbers that PyTorch was given too."""
    n = np.arange(1, 1 + np.prod(shape))
    return jnp.asarray(0.8 * np.sin(n * (k + 1) * 0.7).reshape(shape))


# torch 2.13, double precision: two layers of two units in both directions, sequences of
# 4 and of 2 steps; outputs times COSINES, then the last states of the upper layer
RECORDED = {
    "rnn": (
        "1.3449312237236 1.5424647703664 1.2804946883036 1.3498434067446"
        " 1.3533447517687 1.4222701767867 0 0",
        "0.8938424489566 -0.8658637058564 -0.9573945536213 -0.5367523937648"
        " 0.5269534476236 -0.5901162464931 -0.9692173734646 -0.8502956373968",
    ),
    "gru": (
        "0.5925276920089 0.3034288666779 0.2828689490361 0.1603029317803"
        " 0.1836060543274 0.1488129549367 0 0",
        "-0.0243106961319 -0.2664685672623 -0.1273214335766 -0.5936789294829"
        " 0.0549272587584 -0.3250798407477 -0.0663262971471 -0.2725873567262",
    ),
    "lstm": (
        "0.2221538217781 0.2112804458828 0.4360250842174 0.4705583410138"
        " 0.0921510143304 0.294245990734 0 0",
        "0.4139291602005 -0.0486968676679 -0.0441850444504 -0.0798140836539"
        " 0.3078935612995 -0.0411359367169 -0.0395289742922 0.022012838977",
    ),
}


def as_torch(kind):
    """The layers with the weights that PyTorch had, in its order."""
    gates, k, layers = {"rnn": 1, "gru": 3, "lstm": 4}[kind] * 2, 1, []
    for width in (3, 4):
        directions = []
        for reverse in (False, True):
            shapes = [(gates, width), (gates, 2), (gates,), (gates,)]
            w, u, b, c = (fill(shape, k + i) for i, shape in enumerate(shapes))
            k += 4
            inner = None
            if kind == "gru":
                b, inner = b + c.at[4:].set(0), c[4:]
            else:
                b = b + c
            directions.append(Direction(w.T, u.T, b, inner, kind, reverse))
        layers.append(tuple(directions))
    return tuple(layers)


@pytest.mark.parametrize("kind", RECORDED)
def test_recurrent_layers_are_pytorchs(kind, x64):
    layer = Recurrent(2, kind, layers=2, bidirectional=True)
    module = built(layer, (4, 3))
    module = eqx.tree_at(lambda m: m.layers, module, as_torch(kind))
    x, lengths = fill((2, 4, 3), 0), jnp.array([4, 2])
    outputs, last = (np.array(text.split(), float) for text in RECORDED[kind])
    got = module(x, lengths=lengths)
    np.testing.assert_allclose((got @ COSINES).ravel(), outputs, atol=1e-12)
    final = replace(module, sequences=False)
    np.testing.assert_allclose(final(x, lengths=lengths).ravel(), last, atol=1e-12)
    # the same steps told by what they are padded with
    padded = replace(final, padding=9.0)
    marked = x.at[1, 2:].set(9.0)
    np.testing.assert_allclose(padded(marked).ravel(), last, atol=1e-12)


def test_an_encoder_block_is_pytorchs(x64):
    block = built(EncoderBlock(2, ratio=1.5), (3, 4))
    attention, dense = block.modules
    norms = (attention.body.modules[0], dense.body.modules[0])
    first, last = dense.body.modules[1], dense.body.modules[3]
    heads = attention.body.modules[1]
    assert isinstance(heads, Attention)
    new = [fill((12, 4), 0).T, fill((12,), 1), fill((4, 4), 2).T, fill((4,), 3)]
    new += [fill((6, 4), 4).T, fill((6,), 5), fill((4, 6), 6).T, fill((4,), 7)]
    new += [fill((4,), 8) + 1, fill((4,), 9), fill((4,), 10) + 1, fill((4,), 11)]
    old = [heads.enter.kernel, heads.enter.bias, heads.leave.kernel, heads.leave.bias]
    old += [first.kernel, first.bias, last.kernel, last.bias]
    old += [part for norm in norms for part in (norm.scale, norm.bias)]
    where = {id(a): b for a, b in zip(old, new, strict=True)}
    block = jax.tree.map(lambda leaf: where.get(id(leaf), leaf), block)
    want = [-1.6187002477165, -1.0301789031381, -3.0211427195579]
    want += [0.432130206964, -3.8253574416005, 0.880374675412]
    got = block(fill((2, 3, 4), 0)) @ COSINES
    np.testing.assert_allclose(got.ravel(), want, atol=1e-12)


def test_dropout_is_between_layers_and_in_training_alone():
    x = jnp.ones((2, 3, 4))
    module = built(Recurrent(4, "gru", layers=2, dropout=0.5), (3, 4))
    same = module(x, inference=True)
    np.testing.assert_array_equal(module(x, seed=SEED, inference=True), same)
    assert not np.allclose(module(x, seed=SEED), same)
    single = built(Recurrent(4, "gru", dropout=0.5), (3, 4))
    np.testing.assert_array_equal(single(x, seed=SEED), single(x))


def test_an_lstm_remembers_to_begin_with():
    module = built(Recurrent(3), (5, 2))
    np.testing.assert_array_equal(module.layers[0][0].bias, [0] * 3 + [1] * 3 + [0] * 6)


def test_shapes():
    def after(layer, shape):
        module = eqx.filter_eval_shape(layer.build, shape, seed=SEED)
        return shape_after(module, shape)

    assert after(Recurrent(8), (5, 3)) == (5, 8)
    assert after(Recurrent(8, bidirectional=True, sequences=False), (5, 3)) == (16,)
    assert after(Rows(), (6, 4, 3)) == (6, 12)
    assert after(Rows(), (6, 4)) == (6, 4)
    assert after(LastStep(), (5, 3)) == (3,)
    assert after(Embedding(10, 4), (7,)) == (7, 4)
    assert after(Patches(4, 8), (9, 8, 3)) == (4, 8)
    assert after(Positions(), (4, 8)) == (4, 8)
    assert after(ClassToken(), (4, 8)) == (5, 8)
    assert after(FirstToken(), (5, 8)) == (8,)
    assert after(RecurrentCell(6, [("tanh", 0)]), (5, 3)) == (5, 6)


def test_codes_beyond_the_table_are_the_nearest():
    table = built(Embedding(4, 3), (2,))
    got = table(jnp.array([[-1.0, 9.0], [0.0, 3.0]]))
    np.testing.assert_array_equal(got[0], got[1])


def test_the_last_step_of_each_length():
    x = jnp.arange(12.0).reshape(2, 3, 2)
    module = built(LastStep(), (3, 2))
    np.testing.assert_array_equal(module(x), x[:, -1])
    got = module(x, lengths=jnp.array([1, 3]))
    np.testing.assert_array_equal(got, [[0, 1], [10, 11]])


def by_hand(module, x):
    """The cell of DARTS, one number after another."""

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    functions = {
        "tanh": np.tanh,
        "relu": lambda a: np.maximum(a, 0),
        "sigmoid": sigmoid,
        "identity": lambda a: a,
    }
    enter, first, kernels = map(
        np.asarray, (module.enter, module.first, module.kernels)
    )
    units = len(first)
    h = np.zeros((len(x), units))
    for t in range(x.shape[1]):
        both = x[:, t] @ enter + h @ first
        gate, new = sigmoid(both[:, :units]), np.tanh(both[:, units:])
        states = [h + gate * (new - h)]
        for kernel, (name, source) in zip(kernels, DARTS_V2.recurrent, strict=True):
            both, s = states[source] @ kernel, states[source]
            gate, new = sigmoid(both[:, :units]), functions[name](both[:, units:])
            states.append(s + gate * (new - s))
        h = np.mean([states[i] for i in DARTS_V2.concat], axis=0)
    return h


def test_the_cell_of_darts(x64):
    cell = RecurrentCell(3, DARTS_V2.recurrent, sequences=False)
    assert cell.genotype == DARTS_V2
    module = built(cell, (5, 2))
    x = np.random.default_rng(0).standard_normal((4, 5, 2))
    np.testing.assert_allclose(module(jnp.asarray(x)), by_hand(module, x), atol=1e-12)
    whole = replace(module, sequences=True)(jnp.asarray(x))
    np.testing.assert_array_equal(whole[:, -1], module(jnp.asarray(x)))


def test_loose_ends_are_those_that_enas_averaged():
    nodes = [("tanh", 0), ("tanh", 1), ("relu", 1), ("tanh", 3), ("tanh", 3)]
    nodes += [("relu", 3), ("relu", 4), ("relu", 7)] + 3 * [("relu", 8)]
    cell = RecurrentCell(4, nodes, readout="loose").genotype
    assert cell.concat == (2, 5, 6, 9, 10, 11)  # the published cell's


def test_genotypes_are_configurations():
    config = configuration(DARTS_V2)
    assert len(config) == 8 + 7
    assert genotype(config) == DARTS_V2
    assert genotype(config, readout="loose").concat == (4, 6, 7, 8)
    assert isinstance(DARTS_V2, RecurrentGenotype)


def test_ten_thousand_samples_are_cells():
    space = space_of(recurrent_cell(nodes=8))
    x = space.canonical(np.random.default_rng(0).random((10_000, space.dim)))
    configs = space.decode(x)
    np.testing.assert_array_equal(space.encode(configs), x)
    for config in configs:
        cell = genotype(config)  # raises for a node that reads what is not there
        assert configuration(cell) == config


def test_bad_layers_are_refused():
    def refused(layer, shape, match, error=InvalidInput):
        with pytest.raises(error, match=match):
            layer.build(shape, seed=SEED)

    refused(Recurrent(4), (4, 4, 1), r"sequences of the shape .*`Rows\(\)`")
    refused(Recurrent(0), (4, 4), "whole number >= 1 for `units`")
    refused(Recurrent(4, "lstn"), (4, 4), "Did you mean 'lstm'", UnknownName)
    refused(SelfAttention(3), (4, 8), "must divide")
    refused(SelfAttention(2), (8, 8, 3), r"`Patches\(4\)`")
    refused(Patches(9), (8, 8, 3), "don't fit")
    refused(RecurrentCell(4, []), (4, 4), "at least one node")
    refused(
        RecurrentCell(4, [("tanh", 1)]), (4, 4), "Node 1 .* states 0 to 0, but got 1"
    )
    refused(RecurrentCell(4, [("tan", 0)]), (4, 4), "Did you mean 'tanh'", UnknownName)
    refused(RecurrentCell(4, [("tanh", 0)], "none"), (4, 4), "readout", UnknownName)
